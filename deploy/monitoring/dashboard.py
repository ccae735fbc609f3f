#!/usr/bin/env python3
"""Writes dashboard.json, so that all panels have the same form.

    python3 deploy/monitoring/dashboard.py            write the file
    python3 deploy/monitoring/dashboard.py --check    write nothing; fail if the file would change
"""

import json
import pathlib
import sys

FILE = pathlib.Path(__file__).with_name("dashboard.json")

# Grafana's grid has 24 columns.
COLUMNS = 24
PANEL_WIDTH, PANEL_HEIGHT = 8, 8
DATA_SOURCE = {"type": "prometheus", "uid": "${data_source}"}

# What each query selects, and the window of its rates.
WHERE = 'job=~"$job",instance=~"$instance"'
WINDOW = "$__rate_interval"


def rate(metric: str, by: str = "", where: str = "") -> str:
    """The rate of a counter, summed by labels."""
    labels = f"{WHERE},{where}" if where else WHERE
    total = f"sum by ({by}) " if by else "sum "
    return f"{total}(rate({metric}{{{labels}}}[{WINDOW}]))"


def gauge(metric: str, by: str = "") -> str:
    """The value of a gauge, summed by labels."""
    total = f"sum by ({by}) " if by else "sum "
    return f"{total}({metric}{{{WHERE}}})"


def quantile(q: float, metric: str, by: str = "") -> str:
    """A quantile of a histogram, by labels."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket{{{WHERE}}}[{WINDOW}])))"


def quantiles(metric: str, by: str = "", legend: str = "") -> list[tuple[str, str]]:
    """The median and the 99th percentile of a histogram."""
    return [(quantile(q, metric, by), f"p{round(q * 100)} {legend}".strip()) for q in (0.5, 0.99)]


# The title of a section is a question that operators have. A panel has a title, a description, a unit and its queries with their legends.
SECTIONS = [
    ("How are we doing?", [
        ("Calls", "Finished calls by status", "reqps",
         [(rate("bedrock_grpc_calls_total", "rpc_response_status_code"), "{{rpc_response_status_code}}")]),
        ("Errors of the service", "The share of calls that ended with an error of the gateway or of Bedrock, not of the caller",
         "percentunit", [("max by (job) (bedrock_grpc:errors:ratio_rate5m{job=~\"$job\"})", "5 minutes"),
                         ("max by (job) (bedrock_grpc:errors:ratio_rate1h{job=~\"$job\"})", "1 hour")]),
        ("Calls in flight", "Calls that run now", "short", [(gauge("bedrock_grpc_calls_running", "instance"), "{{instance}}")]),
    ]),
    ("Who calls which model?", [
        ("Calls by caller", "Finished calls by caller", "reqps",
         [(rate("bedrock_grpc_calls_total", "bedrock_grpc_caller"), "{{bedrock_grpc_caller}}")]),
        ("Calls by model", "Finished calls by model", "reqps",
         [(rate("bedrock_grpc_calls_total", "gen_ai_request_model"), "{{gen_ai_request_model}}")]),
        ("Tokens by model", "Input tokens, cached ones included, and output tokens", "short", [
            (rate("gen_ai_client_inference_usage_input_tokens_total", "gen_ai_request_model"), "in {{gen_ai_request_model}}"),
            (rate("gen_ai_client_inference_usage_output_tokens_total", "gen_ai_request_model"), "out {{gen_ai_request_model}}")]),
        ("Tokens by caller", "Input tokens, cached ones included, and output tokens", "short", [
            (rate("gen_ai_client_inference_usage_input_tokens_total", "bedrock_grpc_caller"), "in {{bedrock_grpc_caller}}"),
            (rate("gen_ai_client_inference_usage_output_tokens_total", "bedrock_grpc_caller"), "out {{bedrock_grpc_caller}}")]),
        ("Share of cached input", "Input tokens that were read from the prompt cache", "percentunit", [
            (rate("gen_ai_client_inference_usage_cache_read_input_tokens_total", "gen_ai_request_model") + " / "
             + rate("gen_ai_client_inference_usage_input_tokens_total", "gen_ai_request_model"), "{{gen_ai_request_model}}")]),
        ("Input tokens of a call", "The size of the prompts", "short",
         quantiles("gen_ai_client_inference_operation_input_tokens", "gen_ai_request_model", "{{gen_ai_request_model}}")),
    ]),
    ("How long until the first token, and between tokens?", [
        ("Time to the first event", "From the request to the first event of a stream", "s",
         quantiles("gen_ai_client_inference_time_to_first_chunk_seconds", "gen_ai_request_model", "{{gen_ai_request_model}}")),
        ("Time between events", "Between two events of a stream", "s",
         quantiles("gen_ai_client_inference_time_per_output_chunk_seconds", "gen_ai_request_model", "{{gen_ai_request_model}}")),
        ("Duration of calls", "From the headers of a call to its end", "s",
         quantiles("rpc_server_call_duration_seconds", "rpc_method", "{{rpc_method}}")),
    ]),
    ("What does it cost?", [
        ("Cost by caller", "Dollars per hour at the present rate", "currencyUSD",
         [(rate("bedrock_grpc_cost_total", "bedrock_grpc_caller") + " * 3600 / 1e9", "{{bedrock_grpc_caller}}")]),
        ("Cost by model", "Dollars per hour at the present rate", "currencyUSD",
         [(rate("bedrock_grpc_cost_total", "gen_ai_request_model") + " * 3600 / 1e9", "{{gen_ai_request_model}}")]),
        ("Cost by target", "Dollars per hour at the present rate, by the model and the Region that were used", "currencyUSD",
         [(rate("bedrock_grpc_cost_total", "bedrock_grpc_target, cloud_region") + " * 3600 / 1e9",
           "{{bedrock_grpc_target}} in {{cloud_region}}")]),
        ("Calls without a cost", "Calls whose price or usage is not known", "reqps",
         [(rate("bedrock_grpc_cost_unknown_prices_total", "gen_ai_request_model, bedrock_grpc_cost_missing"),
           "{{gen_ai_request_model}}: {{bedrock_grpc_cost_missing}}")]),
    ]),
    ("Who was throttled, queued or rejected, and why?", [
        ("Failed calls by reason", "The reason is ErrorInfo.reason", "reqps",
         [(rate("bedrock_grpc_calls_total", "error_type", 'error_type!=""'), "{{error_type}}")]),
        ("Throttled calls by model", "Calls that ended because of a quota of Bedrock", "reqps",
         [(rate("bedrock_grpc_calls_total", "gen_ai_request_model", 'error_type=~"THROTTLING|SERVICE_QUOTA_EXCEEDED"'),
           "{{gen_ai_request_model}}")]),
        ("Rejected calls", "Calls that failed before a request was sent to Bedrock", "reqps",
         [(rate("bedrock_grpc_calls_rejected_total", "bedrock_grpc_caller, error_type"),
           "{{bedrock_grpc_caller}}: {{error_type}}")]),
        ("Time in queues", "Time that a call waited for a thread, for memory or for its turn", "s",
         quantiles("bedrock_grpc_call_queue_time_seconds")),
        ("Ejected targets", "1 if a target is ejected because it failed", "short", [
            (f"max by (bedrock_grpc_target_name) (bedrock_grpc_target_ejected{{{WHERE}}})", "{{bedrock_grpc_target_name}}")]),
        ("Retries by reason", "Requests that were sent to Bedrock again", "reqps",
         [(rate("bedrock_grpc_retries_total", "error_type"), "{{error_type}}")]),
    ]),
    ("Is it us or Bedrock?", [
        ("Overhead of the gateway", "Time until the first event, without the waits for others", "s",
         quantiles("bedrock_grpc_call_overhead_seconds")),
        ("Time of an attempt at Bedrock", "Until the first event or the complete response", "s",
         quantiles("bedrock_grpc_attempt_duration_seconds", "cloud_region", "{{cloud_region}}")),
        ("Attempts by result", "Requests to Bedrock by error; without one they succeeded", "reqps",
         [(rate("bedrock_grpc_attempt_duration_seconds_count", "error_type"), "{{error_type}}")]),
    ]),
    ("The way to Bedrock", [
        ("Connections", "Open connections", "short", [
            (gauge("bedrock_grpc_upstream_connections", "server_address, network_protocol_version"),
             "{{server_address}} HTTP/{{network_protocol_version}}")]),
        ("Requests on connections", "Requests that are open on the connections", "short",
         [(gauge("bedrock_grpc_upstream_streams", "server_address"), "{{server_address}}")]),
        ("Identities that are ready", "1 if an AWS identity has credentials that Bedrock has not rejected", "short", [
            (f"min by (bedrock_grpc_identity) (bedrock_grpc_identity_ready{{{WHERE}}})", "{{bedrock_grpc_identity}}")]),
        ("Credentials expire in", "The gateway loads credentials again five minutes before they expire", "s", [
            (f"min by (bedrock_grpc_identity) (bedrock_grpc_identity_credentials_expiry_seconds{{{WHERE}}}) - time()",
             "{{bedrock_grpc_identity}}")]),
    ]),
    ("The gateway itself", [
        ("Bytes in flight", "Request messages that are not yet sent to Bedrock", "bytes",
         # A Collector leaves out the unit that is in the name already.
         [(f'sum by (instance) ({{__name__=~"bedrock_grpc_bytes_in_flight(_bytes)?",{WHERE}}})', "{{instance}}")]),
        ("Configuration", "The generation that applies", "short",
         [(gauge("bedrock_grpc_configuration_generation", "instance"), "{{instance}}")]),
        ("Reloads of the configuration", "Reloads by result", "short",
         [(rate("bedrock_grpc_configuration_reloads_total", "bedrock_grpc_result"), "{{bedrock_grpc_result}}")]),
        ("Lost telemetry", "Log lines and spans that were dropped", "short",
         [(rate("bedrock_grpc_telemetry_lost_total", "bedrock_grpc_telemetry_data"), "{{bedrock_grpc_telemetry_data}}")]),
        ("Unknown members", "Members of Bedrock's responses that the schema does not have", "short",
         [(rate("bedrock_grpc_unknown_members_total", "bedrock_grpc_member"), "{{bedrock_grpc_member}}")]),
        ("Streams without usage", "Streams that ended without their metadata event", "short",
         [(rate("bedrock_grpc_missing_metadata_total"), "streams")]),
    ]),
]


def to_panel(number: int, x: int, y: int, panel: tuple) -> dict:
    title, description, unit, queries = panel
    targets = [{"datasource": DATA_SOURCE, "expr": expr, "legendFormat": legend, "refId": chr(ord("A") + index)}
               for index, (expr, legend) in enumerate(queries)]
    return {
        "id": number,
        "type": "timeseries",
        "title": title,
        "description": description,
        "datasource": DATA_SOURCE,
        "gridPos": {"x": x, "y": y, "w": PANEL_WIDTH, "h": PANEL_HEIGHT},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": {"fillOpacity": 10, "showPoints": "never"}}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": targets,
    }


def to_panels() -> list[dict]:
    panels: list[dict] = []
    y = 0
    for title, content in SECTIONS:
        panels.append({"id": len(panels) + 1, "type": "row", "title": title, "collapsed": False, "panels": [],
                       "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1}})
        y += 1
        for start in range(0, len(content), COLUMNS // PANEL_WIDTH):
            for column, panel in enumerate(content[start:start + COLUMNS // PANEL_WIDTH]):
                panels.append(to_panel(len(panels) + 1, column * PANEL_WIDTH, y, panel))
            y += PANEL_HEIGHT
    return panels


def variable(name: str, query: str) -> dict:
    return {"name": name, "type": "query", "datasource": DATA_SOURCE, "query": query, "refresh": 2, "includeAll": True,
            "allValue": ".*", "multi": True, "current": {"text": "All", "value": "$__all"}}


def render() -> str:
    dashboard = {
        "uid": "bedrock-grpc",
        "title": "bedrock-grpc",
        "tags": ["bedrock-grpc"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [
            {"name": "data_source", "type": "datasource", "query": "prometheus"},
            variable("job", "label_values(bedrock_grpc_calls_running, job)"),
            variable("instance", 'label_values(bedrock_grpc_calls_running{job=~"$job"}, instance)'),
        ]},
        "panels": to_panels(),
    }
    return json.dumps(dashboard, indent=1) + "\n"


def main() -> None:
    text = render()
    if sys.argv[1:] == ["--check"]:
        if not FILE.exists() or FILE.read_text() != text:
            raise SystemExit(f"{FILE} is not what dashboard.py writes: python3 {sys.argv[0]}")
    elif sys.argv[1:]:
        raise SystemExit(__doc__)
    else:
        FILE.write_text(text)


if __name__ == "__main__":
    main()
