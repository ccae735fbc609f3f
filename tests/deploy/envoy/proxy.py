#!/usr/bin/env python3
"""A real Envoy in front of two gateways: what docs/mesh.md promises of balancing, health, retries, deadlines and identity.

    python tests/deploy/envoy/proxy.py [PART_OF_A_CHECK'S_NAME ...]

Starts everything itself, on loopback. Needs requirements.txt of this folder and a built binary.
"""

import base64
import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

import grpc

from config import BY_ADVICE, HEALTH_CHECK, NEVER_REACHED, OUTLIER_DETECTION, SERVICE, envoy, typed
from support import BINARY, MODEL, details, gateway, generate, run, simulator

v1 = generate()
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def converse(model=MODEL):
    return v1.ConverseRequest(model_id=model, messages=[v1.Message(role="user", content=[v1.ContentBlock(text="Hello")])])


def converse_stream(model=MODEL):
    return v1.ConverseStreamRequest(model_id=model, messages=converse().messages)


@contextlib.contextmanager
def two_gateways():
    with simulator() as upstream, gateway(upstream.url) as first, gateway(upstream.url) as second:
        yield first, second


@contextlib.contextmanager
def stub(target):
    with grpc.insecure_channel(target) as channel:
        yield v1.Stub(channel)


def error_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call succeeded")


def wait_until(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def served(*gateways):
    """How many calls each gateway has served, by its log."""
    return [len(g.calls(MODEL)) for g in gateways]


@check
def calls_of_one_client_connection_go_round_robin():
    with two_gateways() as (first, second), envoy([first, second]) as proxy, stub(proxy.target) as bedrock:
        for _ in range(20):
            bedrock.Converse(converse(), timeout=30)
        first.wait_for_calls(MODEL, 10), second.wait_for_calls(MODEL, 10)
        assert served(first, second) == [10, 10], served(first, second)
        assert proxy.stats("http.in.downstream_cx_http2_total") == 1


@check
def a_gateway_without_credentials_gets_no_calls():
    # Its port has no AWS identity: health is NOT_SERVING, although the port is open.
    with simulator() as upstream, gateway(upstream.url) as good:
        bad = gateway(upstream.url)
        bad.process.kill()
        bad.process.wait()
        bare = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        bare |= {"AWS_REGION": "us-east-1", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                 "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": upstream.url}
        bad.process = subprocess.Popen(bad.command, env=bare, stdin=subprocess.DEVNULL, stdout=bad.log, stderr=bad.log)
        with bad, envoy([good, bad], health_checks=HEALTH_CHECK) as proxy, stub(proxy.target) as bedrock:
            wait_until(lambda: proxy.stats("cluster.gateways.health_check.success", "cluster.gateways.health_check.failure")[1] > 0,
                       "a failed health check")
            wait_until(lambda: proxy.stats("cluster.gateways.membership_healthy") == 1, "one healthy gateway")
            for _ in range(6):
                bedrock.Converse(converse(), timeout=30)
            good.wait_for_calls(MODEL, 6)
            assert served(good, bad) == [6, 0], served(good, bad)


@check
def resource_exhausted_is_retried_after_retry_after():
    # The gateway's own three attempts fail; Envoy's second try, which is the fourth request to Bedrock, succeeds.
    model = "fault.flaky.3.throttling"
    with two_gateways() as (first, second), envoy([first, second], retry_policy=BY_ADVICE) as proxy, stub(proxy.target) as bedrock:
        started = time.monotonic()
        bedrock.Converse(converse(model), timeout=50)
        assert time.monotonic() - started >= 1, "Envoy did not wait"
        first.wait_for_calls(model, 1), second.wait_for_calls(model, 1)
        statuses = sorted(c["status"] for g in (first, second) for c in g.calls(model))
        assert statuses == ["OK", "RESOURCE_EXHAUSTED"], statuses
        names = [f"cluster.gateways.{n}" for n in ("upstream_rq_retry", "upstream_rq_retry_backoff_ratelimited")]
        assert proxy.stats(*names) == [1, 1], proxy.stats(*names)


@check
def unavailable_is_retried_after_retry_after():
    model = "fault.flaky.3.service-unavailable"
    with two_gateways() as (first, second), envoy([first, second], retry_policy=BY_ADVICE) as proxy, stub(proxy.target) as bedrock:
        bedrock.Converse(converse(model), timeout=50)
        assert proxy.stats("cluster.gateways.upstream_rq_retry_backoff_ratelimited") == 1


@check
def a_pushback_of_minus_one_is_not_retried():
    model = "fault.throttling-daily"
    with two_gateways() as (first, second), envoy([first, second], retry_policy=BY_ADVICE) as proxy, stub(proxy.target) as bedrock:
        error = error_of(lambda: bedrock.Converse(converse(model), timeout=30))
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
        trailers = dict(error.trailing_metadata())
        assert trailers["grpc-retry-pushback-ms"] == "-1" and trailers["x-envoy-ratelimited"] == "true", trailers
        assert proxy.stats("cluster.gateways.upstream_rq_retry") == 0
        first.wait_for_calls(model, 1)
        assert len(first.calls(model)) + len(second.calls(model)) == 1


@check
def details_of_an_error_pass_through():
    with two_gateways() as pair, envoy(pair) as proxy, stub(proxy.target) as bedrock:
        error = error_of(lambda: bedrock.Converse(converse("fault.validation"), timeout=30))
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
        assert "ErrorInfo" in details(error), details(error)


@check
def a_gateway_that_cannot_be_reached_is_ejected_and_no_call_fails():
    with two_gateways() as (first, second), \
            envoy([first, second], retry_policy=NEVER_REACHED, outlier_detection=OUTLIER_DETECTION) as proxy, \
            stub(proxy.target) as bedrock:
        bedrock.Converse(converse(), timeout=30)
        second.process.kill()
        second.process.wait()
        for _ in range(20):
            bedrock.Converse(converse(), timeout=30)
        wait_until(lambda: proxy.stats("cluster.gateways.outlier_detection.ejections_active") == 1, "an ejection")
        # After its ejection it receives no calls, so no connection fails.
        before = proxy.stats("cluster.gateways.upstream_cx_connect_fail")
        for _ in range(20):
            bedrock.Converse(converse(), timeout=30)
        assert proxy.stats("cluster.gateways.upstream_cx_connect_fail") == before


@check
def failures_of_bedrock_eject_no_gateway():
    with two_gateways() as (first, second), envoy([first, second], outlier_detection=OUTLIER_DETECTION) as proxy, \
            stub(proxy.target) as bedrock:
        for _ in range(10):
            error_of(lambda: bedrock.Converse(converse("fault.validation"), timeout=30))
            error_of(lambda: bedrock.Converse(converse("fault.internal-server.after.0"), timeout=60))
        assert proxy.stats("cluster.gateways.outlier_detection.ejections_enforced_total") == 0


@check
def the_gateway_enforces_the_callers_grpc_timeout():
    # A caller without a clock of its own: a gRPC library would reset the call at the same moment.
    # One gateway, because the balancing decides which of two has the call.
    with two_gateways() as (first, _), envoy([first], [GRPC_WEB]) as proxy:
        _, trailers = grpc_web(proxy, "ConverseStream", converse_stream("fault.stall"), {"grpc-timeout": "1500m"})
        assert trailers["grpc-status"] == str(grpc.StatusCode.DEADLINE_EXCEEDED.value[0]), trailers
        (call,) = first.wait_for_calls("fault.stall", 1)
        assert call["status"] == "DEADLINE_EXCEEDED" and 1400 < call["duration_ms"] < 10000, call


@check
def the_callers_trace_context_passes_through():
    trace = "0af7651916cd43dd8448eb211c80319c"
    with simulator() as upstream:
        first = traced(upstream)
        with first, envoy([first]) as proxy, stub(proxy.target) as bedrock:
            bedrock.Converse(converse(), timeout=30, metadata=[("traceparent", f"00-{trace}-b7ad6b7169203331-01")])
            (call,) = first.wait_for_calls(MODEL, 1)
            assert call["trace_id"] == trace, call


def traced(upstream):
    """A gateway with an exporter: without one it makes no spans. Nothing listens at the exporter's address."""
    process = gateway(upstream.url)
    process.process.kill()
    process.process.wait()
    environment = {"PATH": os.environ["PATH"], "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                   "AWS_SECRET_ACCESS_KEY": "secret", "AWS_CONFIG_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true",
                   "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": upstream.url, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    process.process = subprocess.Popen(process.command, env=environment, stdin=subprocess.DEVNULL,
                                       stdout=process.log, stderr=process.log)
    return process


@check
def json_over_http_calls_a_method_and_streams_lines():
    descriptor = subprocess.run([BINARY, "descriptor"], check=True, capture_output=True).stdout
    transcoder = typed("envoy.filters.http.grpc_json_transcoder",
                       "extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
                       services=[SERVICE], auto_mapping=True, convert_grpc_status=True,
                       proto_descriptor_bin=base64.b64encode(descriptor).decode(),
                       print_options={"stream_newline_delimited": True})
    with two_gateways() as pair, envoy(pair, [transcoder]) as proxy:
        body = {"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
                "inferenceConfig": {"maxTokens": 512}}
        status, response = post(proxy, f"/{SERVICE}/Converse", body)
        assert status == 200, response
        response = json.loads(response)
        # Members have the names of AWS's own JSON.
        assert response["stopReason"] == "end_turn" and "Hello" in response["output"]["message"]["content"][0]["text"], response
        status, response = post(proxy, f"/{SERVICE}/ConverseStream", body)
        events = [json.loads(line) for line in response.splitlines() if line]
        assert status == 200 and "messageStart" in events[0] and "metadata" in events[-1], events
        status, response = post(proxy, f"/{SERVICE}/Converse", body | {"modelId": "fault.throttling-daily"})
        error = json.loads(response)
        assert status == 429 and error["code"] == 8, (status, response)
        info = next(d for d in error["details"] if d["@type"].endswith("google.rpc.ErrorInfo"))
        assert info["reason"] and info["domain"], info


def post(proxy, path, body):
    request = urllib.request.Request(f"http://{proxy.target}{path}", json.dumps(body).encode(),
                                     {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@check
def grpc_web_calls_end_with_a_status():
    with two_gateways() as pair, envoy(pair, [GRPC_WEB]) as proxy:
        messages, trailers = grpc_web(proxy, "ConverseStream", converse_stream())
        events = [v1.ConverseStreamResponse.FromString(m) for m in messages]
        assert len(events) > 3 and trailers["grpc-status"] == "0", (len(events), trailers)
        messages, trailers = grpc_web(proxy, "ConverseStream", converse_stream("fault.validation"))
        assert not messages and trailers["grpc-status"] == "3", trailers


GRPC_WEB = typed("envoy.filters.http.grpc_web", "extensions.filters.http.grpc_web.v3.GrpcWeb")


def grpc_web(proxy, method, message, headers=()):
    """A call in the form that browsers use: the messages of the response, and its trailers."""
    body = message.SerializeToString()
    request = urllib.request.Request(
        f"http://{proxy.target}/{SERVICE}/{method}", b"\0" + len(body).to_bytes(4, "big") + body,
        {"content-type": "application/grpc-web+proto", "x-grpc-web": "1", "accept": "application/grpc-web+proto",
         **dict(headers)})
    with urllib.request.urlopen(request, timeout=60) as response:
        data, trailers = response.read(), {k.lower(): v for k, v in response.headers.items()}
    messages = []
    while data:
        flags, length = data[0], int.from_bytes(data[1:5], "big")
        part, data = data[5:5 + length], data[5 + length:]
        if flags & 0x80:
            trailers |= {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in part.decode().splitlines())}
        else:
            messages.append(part)
    return messages, trailers


if __name__ == "__main__":
    wanted = sys.argv[1:]
    sys.exit(run([c for c in CHECKS if not wanted or any(w in c.__name__ for w in wanted)]))
