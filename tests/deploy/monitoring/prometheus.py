#!/usr/bin/env python3
"""A real Prometheus scrapes a gateway with load and faults: every query of the dashboard and every rule of deploy/monitoring has data.

    python tests/deploy/monitoring/prometheus.py

Starts everything itself, on loopback. Needs requirements.txt of this folder, a built binary, and `prometheus` in the PATH.
"""

import concurrent.futures
import contextlib
import datetime
import json
import os
import pathlib
import shutil
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

import grpc
import yaml

ROOT = pathlib.Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tests/clients"))

from support import BINARY, Process, free_port, generate, simulator  # noqa: E402

v1 = generate()
MONITORING = ROOT / "deploy/monitoring"
# The alerts must only become pending, so their waits do not matter. A busy machine may need several rounds.
LIMIT = 240

# What the load consists of. Each model gives data to some query.
MODELS = [
    "priced.model",  # a cost, cached tokens
    "demo.model",  # no price
    "throttled",
    "failover",  # a target that is ejected
    "fault.flaky.1.service-unavailable",
    "fault.service-unavailable",
    *["fault.internal-server", "fault.truncate.after.5"] * 3,  # enough errors for the error budget
    "fault.unknown-block",  # unknown members
    "fault.no-metadata",  # a stream without usage
    "fault.slow.12000",  # a slow first token
]
CONFIGURATION = """\
admin: {{ listen: "{admin}" }}
server: {{ listen: ["unix:{socket}"] }}
prices: {{ file: prices.yaml }}
models:
  # An AWS identity without credentials.
  out: {{ targets: [{{ model: demo.model, profile: missing }}] }}
  # Only a name, or a model that has succeeded, has a label of its own.
  throttled: {{ targets: [{{ model: fault.throttling }}] }}
  failover: {{ targets: [{{ model: fault.throttling-daily }}, {{ model: priced.model, priority: 1 }}] }}
callers:
  web: {{ identity: ["uid:{uid}"], models: ["*.model", "fault.*", throttled, failover, out] }}
"""
# Near enough to its end that the gateway loads it again and again.
EXPIRES_IN = datetime.timedelta(minutes=3)


def message(text):
    # The cache point makes Bedrock report tokens of the prompt cache.
    blocks = [v1.ContentBlock(text=text * 2000), v1.ContentBlock(cache_point=v1.CachePointBlock(type="default"))]
    return v1.Message(role="user", content=blocks)


class Load:
    """Calls all models again and again until it is stopped."""

    def __init__(self, target):
        self.stopped = threading.Event()
        self.channel = grpc.insecure_channel(target)
        self.stub = v1.Stub(self.channel)
        self.threads = [threading.Thread(target=self.repeat, args=(model,)) for model in [*MODELS, "not.allowed"]]
        for thread in self.threads:
            thread.start()

    def repeat(self, model):
        while not self.stopped.wait(0.2):
            request = {"model_id": model, "messages": [message("Hello ")]}
            for call in (lambda: list(self.stub.ConverseStream(v1.ConverseStreamRequest(**request), timeout=60)),
                         lambda: self.stub.Converse(v1.ConverseRequest(**request), timeout=60)):
                # A closed channel is a ValueError.
                with contextlib.suppress(grpc.RpcError, ValueError):
                    call()

    def stop(self):
        self.stopped.set()
        self.channel.close()
        for thread in self.threads:
            thread.join()


def write_configuration(folder, admin):
    (folder / "prices.yaml").write_text("models:\n  priced.model: { input: 3, output: 15, cache_read: 0.3 }\n")
    text = CONFIGURATION.format(admin=admin, socket=folder / "gateway.sock", uid=os.getuid())
    (folder / "gateway.yaml").write_text(text)
    # The gateway runs a program for its credentials, which expire soon.
    script = ("import datetime,json;t=datetime.datetime.now(datetime.timezone.utc)+datetime.timedelta(seconds="
              f"{EXPIRES_IN.total_seconds():.0f});print(json.dumps(dict(Version=1,AccessKeyId='AKIDEXAMPLE',"
              "SecretAccessKey='secret',Expiration=t.strftime('%Y-%m-%dT%H:%M:%SZ'))))")
    (folder / "credentials.py").write_text(script)
    (folder / "aws").write_text(f"[default]\ncredential_process = {sys.executable} {folder / 'credentials.py'}\n")
    return text


def gateway(folder, upstream, admin):
    """A gateway with an admin port, callers, prices, and a collector that does not exist."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "OTEL_"))}
    environment |= {
        "AWS_REGION": "us-east-1", "AWS_CONFIG_FILE": str(folder / "aws"), "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": upstream,
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{free_port()}", "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    command = [BINARY, "serve", "--log-format", "json", "--config", str(folder / "gateway.yaml")]
    host, port = admin.split(":")
    return Process(command, (host, int(port)), environment)


def prometheus(folder, admin):
    """A Prometheus that scrapes the gateway, and an address where nothing listens, every second."""
    port = free_port()
    # Recorded series must be fresh soon.
    rules = yaml.safe_load((MONITORING / "rules.yaml").read_text())
    for group in rules["groups"]:
        group["interval"] = "2s"
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    settings = yaml.safe_load((MONITORING / "prometheus.yaml").read_text())
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "2s"}
    settings["scrape_configs"][0]["static_configs"] = [{"targets": [admin, f"127.0.0.1:{free_port()}"]}]
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(settings))
    command = [shutil.which("prometheus"), f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'data'}",
               f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    process = Process(command, ("127.0.0.1", port), os.environ.copy())
    process.url = f"http://127.0.0.1:{port}"
    return process


def get(url, path, **query):
    with urllib.request.urlopen(f"{url}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=30) as response:
        return json.load(response)["data"]


def dashboard_queries():
    """The queries of all panels, with the dashboard's variables as Grafana fills them."""
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            expr = target["expr"].replace("$job", ".*").replace("$instance", ".*").replace("$__rate_interval", "1m")
            assert "$" not in expr, f"an unknown variable: {expr}"
            yield f"panel {panel['title']!r}, query {target['refId']}", expr


def has_data(url, expr):
    """Whether a query returns a number. 0/0 returns NaN, which does not count."""
    return any(sample["value"][1] != "NaN" for sample in get(url, "query", query=expr)["result"])


def missing(url):
    """What has no data yet."""
    empty = [name for name, expr in dashboard_queries() if not has_data(url, expr)]
    for group in get(url, "rules")["groups"]:
        for rule in group["rules"]:
            name = f"{rule['type']} {rule['name']}"
            if rule["health"] == "err":
                raise AssertionError(f"{name}: {rule['lastError']}")
            if rule["type"] == "alerting":
                empty += [name] if rule["state"] == "inactive" else []
            elif not has_data(url, rule["name"]):
                empty.append(name)
    return empty


def reject_reloads(folder, good, stopped):
    """Writes a wrong and a right configuration in turns, so that the gateway rejects new ones."""
    while not stopped.wait(3):
        for text in (good + "nonsense: 1\n", good):
            new = folder / "new.yaml"
            new.write_text(text)
            new.replace(folder / "gateway.yaml")
            stopped.wait(3)


def main():
    if not shutil.which("prometheus"):
        print("prometheus is missing")
        return 1
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="monitoring-")))
        admin = f"127.0.0.1:{free_port()}"
        good = write_configuration(folder, admin)
        upstream = stack.enter_context(simulator())
        process = stack.enter_context(gateway(folder, upstream.url, admin))
        server = stack.enter_context(prometheus(folder, admin))
        load = Load(f"unix:{folder / 'gateway.sock'}")
        stack.callback(load.stop)
        stopped = threading.Event()
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(1))
        stack.callback(stopped.set)
        pool.submit(reject_reloads, folder, good, stopped)
        end = time.monotonic() + LIMIT
        while empty := missing(server.url):
            if time.monotonic() > end or process.process.poll() is not None:
                print("\n".join(f"FAILED    no data: {name}" for name in empty))
                print(process.output()[-2000:])
                return 1
            time.sleep(2)
        rules = sum(len(group["rules"]) for group in get(server.url, "rules")["groups"])
        print(f"ok        {len(list(dashboard_queries()))} queries of the dashboard and {rules} rules have data")
        return 0


if __name__ == "__main__":
    sys.exit(main())
