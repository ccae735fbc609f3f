"""What the blocking client sends and returns, over a real gateway."""

from __future__ import annotations

import json
import threading
import time

import grpc
import pytest

import bedrock_grpc as bedrock
from bedrock_grpc import types

MODEL = "demo.model"
WEATHER = bedrock.tool(
    "get_weather",
    "Current weather for a city",
    {"type": "object", "properties": {"unit": {"type": "string"}, "city": {"type": "string"}}, "required": ["city"]},
)


def test_converse_returns_text_usage_and_headers(client: bedrock.Client) -> None:
    result = client.converse(MODEL, "Hello")
    assert "Hello" in result.text
    assert result.stop_reason == "end_turn"
    assert result.usage.total_tokens == result.usage.input_tokens + result.usage.output_tokens > 0
    assert result.request_id and result.region == "us-east-1" and result.attempts == 1


def test_converse_options_reach_bedrock(client: bedrock.Client) -> None:
    result = client.converse(MODEL, "Hello", system="Be brief.", max_tokens=3, temperature=0.5)
    assert result.stop_reason == "max_tokens"
    assert result.usage.output_tokens == 3


def test_a_stream_collects_to_the_response_of_converse(client: bedrock.Client) -> None:
    request = bedrock.converse_request(MODEL, "Hello")
    with client.converse_stream(request) as stream:
        pieces = list(stream.text())
        collected = stream.collect()
    assert len(pieces) > 1 and "".join(pieces) == collected.text
    assert collected.text == client.converse(request).text
    assert collected.usage.output_tokens > 0 and collected.request_id


def test_streamed_tool_input_collects_to_the_exact_json(client: bedrock.Client) -> None:
    request = bedrock.converse_request(MODEL, "What is the weather in Paris?", tools=[WEATHER])
    whole = client.converse(request)
    collected = client.converse_stream(request).collect()
    assert [use.input_json for use in collected.tool_uses] == [use.input_json for use in whole.tool_uses]
    assert json.loads(collected.tool_uses[0].input_json)["city"] == "Paris"


def test_reasoning_is_collected_with_its_signature(client: bedrock.Client) -> None:
    fields = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    request = bedrock.converse_request(MODEL, "Think", max_tokens=4096, additional_model_request_fields=fields)
    first = client.converse_stream(request).collect().message.content[0]
    assert first.reasoning_content.reasoning_text.text and first.reasoning_content.reasoning_text.signature


def test_an_error_has_reason_delay_and_quota(target: str) -> None:
    plain = bedrock.connect(target, options=[("grpc.enable_retries", 0)])
    with plain, pytest.raises(bedrock.BedrockError) as caught:
        plain.converse("fault.throttling", "Hello")
    error = caught.value
    assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED and error.reason == "THROTTLING"
    assert error.retryable and error.retry_delay is not None and error.retry_delay > 0
    assert error.quota_violations and error.request_id and error.metadata["attempts"] == "3"


def test_a_wrong_field_is_named(client: bedrock.Client) -> None:
    request = bedrock.converse_request(MODEL, bedrock.user("a", types.ContentBlock()))
    with pytest.raises(bedrock.BedrockError) as caught:
        client.converse(request)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT and not caught.value.retryable
    assert caught.value.field_violations[0].field == "messages[0].content[1]"


def test_an_error_within_a_stream_ends_it_and_is_not_retried(client: bedrock.Client) -> None:
    stream = client.converse_stream("fault.service-unavailable.after.3", "Hello")
    events = []
    with pytest.raises(bedrock.BedrockError) as caught:
        for event in stream:
            events.append(event)
    assert len(events) == 3
    assert caught.value.reason == "SERVICE_UNAVAILABLE" and caught.value.metadata["phase"] == "stream"


def test_a_throttled_call_is_retried_after_the_pushback(client: bedrock.Client) -> None:
    # The gateway sends three requests for the first attempt of the library, and one for each retry of the library.
    result = client.converse("fault.flaky.3.throttling", "Hello")
    assert result.stop_reason == "end_turn" and result.attempts == 1


def test_a_stream_is_retried_before_its_first_event(client: bedrock.Client) -> None:
    result = client.converse_stream("fault.flaky.3.service-unavailable", "Hello again").collect()
    assert result.stop_reason == "end_turn"


def test_a_deadline_covers_a_unary_call_and_a_stream(client: bedrock.Client) -> None:
    with pytest.raises(bedrock.BedrockError) as caught:
        client.converse("fault.stall", "Hello", timeout=0.5)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    stream = client.converse_stream("fault.stall.after.2", "Hello", timeout=0.5)
    with pytest.raises(bedrock.BedrockError) as caught:
        stream.collect()
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED and caught.value.request_id


def test_cancel_ends_a_stream_from_another_thread(client: bedrock.Client) -> None:
    stream = client.converse_stream("fault.stall.after.2", "Hello", timeout=60)
    next(stream), next(stream)
    threading.Timer(0.1, stream.cancel).start()
    with pytest.raises(bedrock.BedrockError) as caught:
        next(stream)
    assert caught.value.code is grpc.StatusCode.CANCELLED


def test_a_request_with_a_10_mb_image_is_sent(client: bedrock.Client) -> None:
    picture = bedrock.image("png", b"\x89PNG" + bytes(10_000_000))
    result = client.converse(MODEL, bedrock.user("Describe this picture.", picture))
    assert "1 image" in result.text


def test_a_response_of_5_mb_is_received(client: bedrock.Client) -> None:
    text = "a@example.com " + "lorem ipsum " * 450_000
    request = types.ApplyGuardrailRequest(guardrail_identifier="guard1", guardrail_version="1", source="OUTPUT")
    request.content.add().text.text = text
    response = client.call(client.stub.ApplyGuardrail, request, lambda response, _: response)
    assert len(response.outputs[0].text) > 5_000_000


def test_a_slow_call_outlives_many_keepalive_pings(target: str) -> None:
    with bedrock.connect(target, options=[("grpc.keepalive_time_ms", 10_000)]) as client:
        started = time.monotonic()
        result = client.converse("fault.slow.65000", "Hello", timeout=120)
    assert time.monotonic() - started >= 65 and result.stop_reason == "end_turn"


def test_a_job_gets_a_request_token_and_the_request_is_not_changed(client: bedrock.Client) -> None:
    request = types.StartAsyncInvokeRequest(model_id="amazon.nova-reel-v1:0", model_input_json='{"a":1}')
    request.output_data_config.s3_output_data_config.s3_uri = "s3://bucket/"
    first = client.start_async_invoke(request)
    second = client.start_async_invoke(request)
    assert first.invocation_arn != second.invocation_arn and not request.client_request_token
    request.client_request_token = "0123456789012345678901234567890123"
    again = [client.start_async_invoke(request).invocation_arn for _ in range(2)]
    assert again[0] == again[1], "the same token is the same job"
