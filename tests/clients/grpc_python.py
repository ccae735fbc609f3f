#!/usr/bin/env python3
"""Tests the gateway with unmodified Python gRPC: stubs generated from proto/, its own retries and error details.

    python tests/clients/grpc_python.py

Starts the gateway and the simulator itself. Needs tests/clients/requirements.txt and a built binary.
"""

import json
import sys
import tempfile
import time

import grpc

from support import MODEL, SERVICE, details, gateway, generate, run, simulator

v1 = generate()
SCHEMA = '{"type": "object", "properties": {"unit": {"type": "string"}, "city": {"type": "string"}}, "required": ["city"]}'
# The backoff is longer than any call here may take, so a retry within seconds follows the server's pushback.
RETRIES = {"methodConfig": [{"name": [{"service": SERVICE}], "retryPolicy": {
    "maxAttempts": 4, "initialBackoff": "60s", "maxBackoff": "60s", "backoffMultiplier": 1,
    "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]}}]}

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def user(*content):
    return v1.Message(role="user", content=content)


def text(words):
    return v1.ContentBlock(text=words)


def converse(model, words="Hello"):
    return v1.ConverseRequest(model_id=model, messages=[user(text(words))])


def converse_stream(model, words="Hello"):
    return v1.ConverseStreamRequest(model_id=model, messages=[user(text(words))])


def tools():
    schema = v1.ToolInputSchema(json_text=SCHEMA)
    spec = v1.ToolSpecification(name="get_weather", description="Current weather for a city", input_schema=schema)
    return v1.ToolConfiguration(tools=[v1.Tool(tool_spec=spec)])


def failure(call):
    """The error of a call that must fail."""
    try:
        list(call) if hasattr(call, "__iter__") else call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call succeeded")


def collect(events):
    """The message, the stop reason and the usage of a stream."""
    blocks, stop_reason, usage = {}, None, None
    for event in events:
        kind = event.WhichOneof("member")
        if kind == "content_block_start":
            start = event.content_block_start
            use = start.start.tool_use
            blocks[start.content_block_index] = v1.ContentBlock(
                tool_use=v1.ToolUseBlock(tool_use_id=use.tool_use_id, name=use.name, input_json=""))
        elif kind == "content_block_delta":
            delta = event.content_block_delta
            block = blocks.setdefault(delta.content_block_index, v1.ContentBlock())
            if delta.delta.WhichOneof("member") == "tool_use":
                block.tool_use.input_json += delta.delta.tool_use.input
            else:
                block.text += delta.delta.text
        elif kind == "message_stop":
            stop_reason = event.message_stop.stop_reason
        elif kind == "metadata":
            usage = event.metadata.usage
    return v1.Message(role="assistant", content=[blocks[i] for i in sorted(blocks)]), stop_reason, usage


class Client:
    def __init__(self, server, upstream):
        self.gateway, self.upstream = server, upstream
        self.plain = v1.Stub(grpc.insecure_channel(server.target, [("grpc.enable_retries", 0)]))
        self.retrying = v1.Stub(grpc.insecure_channel(server.target, [("grpc.service_config", json.dumps(RETRIES))]))


@check
def unary(client):
    response, call = client.plain.Converse.with_call(converse(MODEL), timeout=20)
    assert response.output.message.content[0].text and response.stop_reason == "end_turn"
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0
    metadata = dict(call.initial_metadata())
    assert metadata["x-amzn-requestid"] and metadata["bedrock-grpc-region"] == "us-east-1"
    assert metadata["bedrock-grpc-attempts"] == "1"


@check
def gzip_both_ways(client):
    response = client.plain.Converse(converse(MODEL, "Hello " * 500), timeout=20, compression=grpc.Compression.Gzip)
    assert response.stop_reason == "end_turn"


@check
def a_streamed_conversation_with_a_tool(client):
    request = v1.ConverseStreamRequest(model_id=MODEL, messages=[user(text("Weather in Oslo?"))], tool_config=tools())
    message, stop_reason, usage = collect(client.plain.ConverseStream(request, timeout=20))
    assert stop_reason == "tool_use" and usage.output_tokens > 0
    use = message.content[-1].tool_use
    assert use.name == "get_weather" and json.loads(use.input_json)["city"], use

    result = v1.ToolResultBlock(tool_use_id=use.tool_use_id,
                                content=[v1.ToolResultContentBlock(json_text='{"celsius": -3}')])
    request.messages.extend([message, user(v1.ContentBlock(tool_result=result))])
    message, stop_reason, _ = collect(client.plain.ConverseStream(request, timeout=20))
    assert stop_reason == "end_turn" and "-3" in message.content[0].text, message


@check
def error_details(client):
    error = failure(lambda: client.plain.Converse(converse("fault.throttling"), timeout=30))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    found = details(error)
    assert found["ErrorInfo"].domain == "bedrock-grpc" and found["ErrorInfo"].reason == "THROTTLING"
    assert found["ErrorInfo"].metadata["attempts"] == "3" and found["ErrorInfo"].metadata["retryable"] == "true"
    assert found["RequestInfo"].request_id and found["QuotaFailure"].violations
    trailers = dict(error.trailing_metadata())
    # The same delay in both places: gRPC libraries obey the trailer, others read the detail.
    assert int(trailers["grpc-retry-pushback-ms"]) == found["RetryInfo"].retry_delay.ToMilliseconds() > 0


@check
def an_invalid_field_is_named(client):
    request = v1.ConverseRequest(model_id=MODEL, messages=[user(text("a"), v1.ContentBlock())])
    error = failure(lambda: client.plain.Converse(request, timeout=20))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    found = details(error)
    assert found["ErrorInfo"].metadata["phase"] == "admission"
    assert found["BadRequest"].field_violations[0].field == "messages[0].content[1]", found["BadRequest"]


@check
def an_exception_within_a_stream(client):
    events = client.retrying.ConverseStream(converse_stream("fault.service-unavailable.after.3"), timeout=20)
    received = []
    try:
        for event in events:
            received.append(event)
        raise AssertionError("the stream succeeded")
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.UNAVAILABLE and len(received) == 3
        assert details(error)["ErrorInfo"].metadata["phase"] == "stream"
    # Response headers were sent, so no gRPC library may retry the call.
    assert len(client.gateway.wait_for_calls("fault.service-unavailable.after.3", 1)) == 1


@check
def a_deadline_covers_the_last_event(client):
    start = time.monotonic()
    error = failure(lambda: client.plain.Converse(converse("fault.slow.9000"), timeout=0.5))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    received = []
    try:
        for event in client.plain.ConverseStream(converse_stream("fault.stall.after.3"), timeout=0.5):
            received.append(event)
        raise AssertionError("the stream succeeded")
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and len(received) == 3
    assert time.monotonic() - start < 5
    # Both deadlines expire at the same time. The gateway may see its own first, or that the caller has left.
    line = client.gateway.wait_for_calls("fault.stall.after.3", 1)[0]
    assert line["status"] in ("DEADLINE_EXCEEDED", "CANCELLED"), line


@check
def cancellation(client):
    events = client.plain.ConverseStream(converse_stream("fault.stall.after.2"), timeout=60)
    next(events), next(events)
    events.cancel()
    assert failure(events).code() is grpc.StatusCode.CANCELLED
    # The gateway notices it at once, not at the deadline.
    line = client.gateway.wait_for_calls("fault.stall.after.2", 1)[0]
    assert line["status"] == "CANCELLED" and line["duration_ms"] < 5000, line


@check
def retries_of_the_library_wait_for_the_pushback(client):
    # The gateway sends three requests for the first attempt of the client, and one for each retry of the client.
    model = "fault.flaky.3.service-unavailable"
    response, call = client.retrying.Converse.with_call(converse(model), timeout=30)
    assert response.stop_reason == "end_turn" and dict(call.initial_metadata())["bedrock-grpc-attempts"] == "1"
    lines = client.gateway.wait_for_calls(model, 2)
    assert [(line["status"], line["attempts"]) for line in lines] == [("UNAVAILABLE", 3), ("OK", 1)], lines


@check
def retries_of_the_library_work_for_streams_too(client):
    # This works because the gateway sends no headers before Bedrock's first event.
    model = "fault.flaky.4.service-unavailable"
    _, stop_reason, _ = collect(client.retrying.ConverseStream(converse_stream(model), timeout=30))
    assert stop_reason == "end_turn"
    lines = client.gateway.wait_for_calls(model, 3)
    assert [(line["status"], line["attempts"]) for line in lines] == [("UNAVAILABLE", 3), ("UNAVAILABLE", 1), ("OK", 1)], lines


@check
def retries_of_the_library_stop_at_a_negative_pushback(client):
    # RESOURCE_EXHAUSTED is in the policy, but the pushback forbids a retry.
    model = "fault.throttling-daily"
    error = failure(lambda: client.retrying.Converse(converse(model), timeout=10))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert dict(error.trailing_metadata())["grpc-retry-pushback-ms"] == "-1"
    assert "RetryInfo" not in details(error)
    client.gateway.wait_for_calls(model, 1)
    time.sleep(0.5)
    lines = client.gateway.calls(model)
    assert [line["attempts"] for line in lines] == [1], lines


def job(model, **fields):
    output = v1.AsyncInvokeOutputDataConfig(s3_output_data_config=v1.AsyncInvokeS3OutputDataConfig(s3_uri="s3://bucket/out"))
    return v1.StartAsyncInvokeRequest(model_id=model, model_input_json="{}", output_data_config=output, **fields)


@check
def retries_of_the_library_do_not_start_a_second_job(client):
    # The gateway generates a token for each call, so a retry of the library could start another job.
    error = failure(lambda: client.retrying.StartAsyncInvoke(job("fault.service-unavailable"), timeout=30))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    trailers, info = dict(error.trailing_metadata()), details(error)["ErrorInfo"]
    assert trailers["grpc-retry-pushback-ms"] == "-1" and info.metadata["retryable"] == "false"
    assert trailers["bedrock-grpc-client-request-token"] == info.metadata["client_request_token"] != ""
    client.gateway.wait_for_calls("fault.service-unavailable", 1)
    time.sleep(0.5)
    lines = [line for line in client.gateway.calls("fault.service-unavailable") if line["rpc"] == "StartAsyncInvoke"]
    assert [line["attempts"] for line in lines] == [3], lines


@check
def a_unix_socket(client):
    # gRPC's C-core sends the percent-encoded path of the socket as `:authority`. The second call refers to the first one's header.
    with tempfile.TemporaryDirectory(prefix="grpc-python-") as folder:
        with gateway(client.upstream, listen=f"{folder}/grpc.sock") as server, grpc.insecure_channel(server.target) as channel:
            stub = v1.Stub(channel)
            assert [stub.Converse(converse(MODEL), timeout=20).stop_reason for _ in range(2)] == ["end_turn"] * 2
            _, stop_reason, _ = collect(stub.ConverseStream(converse_stream(MODEL), timeout=20))
            assert stop_reason == "end_turn"


def main():
    with simulator() as bedrock, gateway(bedrock.url) as server:
        return run(CHECKS, Client(server, bedrock.url))


if __name__ == "__main__":
    sys.exit(main())
