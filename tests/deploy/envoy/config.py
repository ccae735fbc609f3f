"""The Envoy under test: its configuration, its process, and what its admin port reports."""

import json
import pathlib
import sys
import tempfile
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "clients"))

from support import ROOT, Process, free_port  # noqa: E402

TYPE = "type.googleapis.com/envoy."
SERVICE = "bedrock.runtime.v1.BedrockRuntimeService"


def typed(name, kind, **fields):
    return {"name": name, "typed_config": {"@type": TYPE + kind, **fields}}


ROUTER = typed("envoy.filters.http.router", "extensions.filters.http.router.v3.Router")

# docs/mesh.md: calls that never reached a server.
NEVER_REACHED = {"retry_on": "connect-failure,refused-stream", "num_retries": 2,
                 "retry_host_predicate": [typed("envoy.retry_host_predicates.previous_hosts",
                                                "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate")],
                 "host_selection_retry_max_attempts": 3}

# docs/mesh.md: retries by the server's advice. The other back-off is longer than any call here may take, so that a retry within
# seconds is one that retry-after caused.
BY_ADVICE = {"retry_on": "resource-exhausted,unavailable", "num_retries": 2,
             "retry_back_off": {"base_interval": "60s", "max_interval": "60s"},
             "rate_limited_retry_back_off": {"reset_headers": [{"name": "retry-after", "format": "SECONDS"}], "max_interval": "60s"}}

HEALTH_CHECK = [{"timeout": "2s", "interval": "0.2s", "no_traffic_interval": "0.2s", "unhealthy_threshold": 1, "healthy_threshold": 1,
                 "grpc_health_check": {"service_name": SERVICE}}]

# A status of the server usually comes from Bedrock: only a server that cannot be reached is ejected.
OUTLIER_DETECTION = {"split_external_local_origin_errors": True, "consecutive_local_origin_failure": 3, "consecutive_5xx": 0,
                     "consecutive_gateway_failure": 0, "interval": "0.2s", "base_ejection_time": "60s", "max_ejection_percent": 50,
                     "enforcing_consecutive_local_origin_failure": 100}


def listener(port, filters, retry_policy, **manager):
    route = {"match": {"prefix": "/"}, "route": {"cluster": "gateways", "timeout": "0s"}}
    if retry_policy:
        route["route"]["retry_policy"] = retry_policy
    connection_manager = typed(
        "envoy.filters.network.http_connection_manager",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="in", stream_idle_timeout="0s",
        route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        http_filters=[*filters, ROUTER], **manager)
    return {"name": "in", "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
            "filter_chains": [{"filters": [connection_manager]}]}


def cluster(ports, **settings):
    endpoints = [{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": p}}}} for p in ports]
    protocol = {"@type": TYPE + "extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}}}
    return {"name": "gateways", "type": "STATIC", "connect_timeout": "2s", "lb_policy": "ROUND_ROBIN",
            "circuit_breakers": {"thresholds": [{"max_requests": 100000, "max_pending_requests": 100000, "max_retries": 1000}]},
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol},
            "load_assignment": {"cluster_name": "gateways", "endpoints": [{"lb_endpoints": endpoints}]}, **settings}


class Envoy(Process):
    """An Envoy that runs until the `with` block ends. One worker, so that round robin is exact."""

    def __init__(self, text, port, admin):
        folder = tempfile.TemporaryDirectory(prefix="envoy-")
        path = pathlib.Path(folder.name, "envoy.yaml")
        path.write_text(text)
        self.folder, self.admin, self.port, self.target = folder, admin, port, f"127.0.0.1:{port}"
        binary = str(pathlib.Path(sys.executable).with_name("envoy"))
        command = [binary, "--config-path", str(path), "--concurrency", "1", "--log-level", "warning",
                   "--disable-hot-restart", "--drain-time-s", "1"]
        super().__init__(command, ("127.0.0.1", port), {"PATH": "/usr/bin:/bin", "HOME": folder.name})

    def stats(self, *names):
        """The values of counters and gauges; 0 where Envoy has none."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/stats?format=json", timeout=5) as response:
            found = {s["name"]: s["value"] for s in json.load(response)["stats"] if "name" in s}
        values = [found.get(name, 0) for name in names]
        return values[0] if len(values) == 1 else values


def envoy(gateways, filters=(), retry_policy=None, manager=None, **settings):
    """An Envoy in front of gateways, `settings` being the cluster's."""
    port, admin = free_port(), free_port()
    text = json.dumps({
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin}}},
        "static_resources": {
            "listeners": [listener(port, list(filters), retry_policy, **(manager or {}))],
            "clusters": [cluster([g.address[1] for g in gateways], **settings)],
        },
    })
    return Envoy(text, port, admin)
