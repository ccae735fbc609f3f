"""Shared by the client scripts: the processes under test, stubs generated from proto/, and the runner of checks."""

import atexit
import contextlib
import importlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import types

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("BEDROCK_GRPC", str(ROOT / "target/debug/bedrock-grpc"))
SERVICE = "bedrock.runtime.v1.BedrockRuntimeService"
MODEL = "anthropic.claude-sonnet-4-20250514-v1:0"


class LeftOut(Exception):
    """The reason why a check does not apply here."""


def run(checks, *arguments):
    """Runs each check and prints one line for it. Returns the exit code."""
    failed = left_out = 0
    for check in checks:
        name = check.__name__.replace("_", " ")
        try:
            check(*arguments)
            print(f"ok        {name}", flush=True)
        except LeftOut as reason:
            left_out += 1
            print(f"LEFT OUT  {name}: {reason}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED    {name}", flush=True)
            traceback.print_exc()
    print(f"{len(checks) - failed - left_out} of {len(checks)} checks passed, {left_out} left out", flush=True)
    return 1 if failed else 0


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Process:
    """A server that runs until the `with` block ends. Its output goes to a file, which is printed if it ends early."""

    def __init__(self, command, address, environment):
        self.command, self.address = command, address
        self.log = tempfile.NamedTemporaryFile(prefix="client-test-", suffix=".log")
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def __enter__(self):
        end = time.monotonic() + 60
        while not self.listens():
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                raise RuntimeError(f"{self.command} did not start:\n{self.output()[-3000:]}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def listens(self):
        """Whether the server accepts connections."""
        unix = isinstance(self.address, str)
        with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as s:
            with contextlib.suppress(OSError):
                s.connect(self.address)
                return True
        return False

    def output(self):
        return pathlib.Path(self.log.name).read_text(errors="replace")

    def calls(self, model):
        """The gateway's log line of each call with this model."""
        complete, _, _ = self.output().rpartition("\n")  # the gateway may be writing the last line
        lines = [json.loads(line) for line in complete.splitlines() if line.startswith("{")]
        return [line for line in lines if line["message"] == "call" and line.get("model") == model]

    def wait_for_calls(self, model, count):
        """Waits until there are `count` lines and returns them. A line is written just after the caller has its status."""
        end = time.monotonic() + 5
        while len(self.calls(model)) < count and time.monotonic() < end:
            time.sleep(0.05)
        return self.calls(model)


def simulator():
    """A simulator. It has a `url`."""
    port = free_port()
    process = Process([BINARY, "simulate", "--listen", f"127.0.0.1:{port}"], ("127.0.0.1", port), os.environ)
    process.url = f"http://127.0.0.1:{port}"
    return process


def gateway(upstream, listen=None):
    """A gateway in front of `upstream`, with a `target` for gRPC clients. `listen` may be the path of a Unix socket."""
    port = free_port()
    # Without the AWS settings of this machine.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "OTEL_"))}
    environment |= {
        "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": upstream,
    }
    command = [BINARY, "serve", "--log-format", "json", "--listen", listen or f"127.0.0.1:{port}"]
    process = Process(command, listen or ("127.0.0.1", port), environment)
    process.target = f"unix:{listen}" if listen else f"127.0.0.1:{port}"
    return process


def generate():
    """Stubs generated from proto/, as any Python project would do it: all messages, and `Stub`."""
    from grpc_tools import protoc

    folder = tempfile.TemporaryDirectory(prefix="stubs-")
    atexit.register(folder.cleanup)
    files = sorted(str(p.relative_to(ROOT / "proto")) for p in (ROOT / "proto").rglob("bedrock/**/*.proto"))
    code = protoc.main(["protoc", f"-I{ROOT / 'proto'}", f"-I{pathlib.Path(protoc.__file__).parent / '_proto'}",
                        f"--python_out={folder.name}", f"--grpc_python_out={folder.name}", *files])
    if code:
        raise RuntimeError("protoc failed")
    sys.path.insert(0, folder.name)
    v1 = types.SimpleNamespace()
    for file in files:
        module = importlib.import_module(file.removesuffix(".proto").replace("/", ".") + "_pb2")
        for name in module.DESCRIPTOR.message_types_by_name:
            setattr(v1, name, getattr(module, name))
    services = importlib.import_module("bedrock.runtime.v1.bedrock_runtime_service_pb2_grpc")
    v1.Stub = services.BedrockRuntimeServiceStub
    return v1


def details(error):
    """The details of a failed call by name, as {"ErrorInfo": message, ...}."""
    from google.rpc import error_details_pb2
    from grpc_status import rpc_status

    status = rpc_status.from_call(error)
    found = {}
    for any_ in status.details if status else ():
        name = any_.type_url.rsplit(".", 1)[1]
        assert name not in found, f"{name} twice"
        found[name] = getattr(error_details_pb2, name).FromString(any_.value)
    return found
