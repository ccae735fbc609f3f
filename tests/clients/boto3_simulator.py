#!/usr/bin/env python3
"""Tests the simulator with boto3: real requests, real parsing, real error classes.

    python tests/clients/boto3_simulator.py http://127.0.0.1:8099

Prints one line for each check; the exit code is 1 if any failed. Needs boto3 and nothing else: no AWS account, no network.
"""

import base64
import json
import sys
import time
import traceback

import boto3
import botocore.exceptions
from botocore.config import Config

MODEL = "anthropic.claude-sonnet-4-20250514-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
WEATHER = {
    "tools": [
        {
            "toolSpec": {
                "name": "get_weather",
                "description": "Current weather for a city",
                "inputSchema": {
                    "json": {
                        "type": "object",
                        "properties": {"unit": {"type": "string", "enum": ["celsius", "kelvin"]}, "city": {"type": "string"}},
                        "required": ["city"],
                    }
                },
            }
        }
    ]
}

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def user(*content):
    return {"role": "user", "content": [{"text": part} if isinstance(part, str) else part for part in content]}


def fails(bedrock, operation, **request):
    """The error code, HTTP status and message of a call that must fail."""
    try:
        getattr(bedrock, operation)(**request)
    except botocore.exceptions.ClientError as error:
        assert error.response["ResponseMetadata"]["RequestId"], "no request id"
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return error.response["Error"]["Code"], status, error.response["Error"]["Message"]
    raise AssertionError("the call succeeded")


def claude(text, **members):
    """A body of InvokeModel for Anthropic's models."""
    messages = [{"role": "user", "content": text}]
    return json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 300, "messages": messages, **members})


def invoke(bedrock, model, body, **settings):
    """The response of InvokeModel, and its parsed body."""
    response = bedrock.invoke_model(modelId=model, body=body if isinstance(body, str) else json.dumps(body), **settings)
    assert response["contentType"] == "application/json"
    return response, json.loads(response["body"].read())


def chunks(bedrock, model, body, **settings):
    """The parsed chunks of InvokeModelWithResponseStream."""
    body = body if isinstance(body, str) else json.dumps(body)
    response = bedrock.invoke_model_with_response_stream(modelId=model, body=body, **settings)
    assert response["contentType"] == "application/json"
    return [json.loads(event["chunk"]["bytes"]) for event in response["body"]]


def norm(vector):
    return sum(number * number for number in vector) ** 0.5


def collect(stream):
    """The events of a stream, and its text by content block."""
    events = list(stream)
    text = {}
    for event in events:
        delta = event.get("contentBlockDelta")
        if delta:
            index = delta["contentBlockIndex"]
            piece = delta["delta"].get("text", delta["delta"].get("toolUse", {}).get("input", ""))
            text[index] = text.get(index, "") + piece
    return events, text


@check
def converse(bedrock):
    response = bedrock.converse(modelId=MODEL, messages=[user("Hello there")])
    assert response["stopReason"] == "end_turn"
    assert response["output"]["message"]["role"] == "assistant"
    assert "Hello there" in response["output"]["message"]["content"][0]["text"]
    usage = response["usage"]
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]
    assert usage["cacheReadInputTokens"] == usage["cacheWriteInputTokens"] == 0
    assert response["metrics"]["latencyMs"] > 0
    assert len(response["ResponseMetadata"]["RequestId"]) == 36


@check
def converse_by_arn(bedrock):
    assert bedrock.converse(modelId=PROFILE, messages=[user("Hello")])["stopReason"] == "end_turn"


@check
def converse_with_everything(bedrock):
    response = bedrock.converse(
        modelId=MODEL,
        system=[{"text": "Be short."}],
        messages=[
            user("Look", {"image": {"format": "png", "source": {"bytes": PNG}}},
                 {"document": {"format": "txt", "name": "notes", "source": {"bytes": b"text"}}}),
        ],
        inferenceConfig={"maxTokens": 400, "temperature": 0.5, "topP": 0.9, "stopSequences": ["nothing of it"]},
        additionalModelRequestFields={"thinking": {"type": "enabled", "budget_tokens": 1024}},
        requestMetadata={"team": "tests"},
        performanceConfig={"latency": "standard"},
        serviceTier={"type": "flex"},
    )
    reasoning, text = response["output"]["message"]["content"]
    assert reasoning["reasoningContent"]["reasoningText"]["signature"]
    assert "1 image and 1 document" in text["text"], text
    assert response["performanceConfig"] == {"latency": "standard"}
    assert response["serviceTier"] == {"type": "flex"}


@check
def limits(bedrock):
    response = bedrock.converse(modelId=MODEL, messages=[user("Hello")], inferenceConfig={"maxTokens": 3})
    assert (response["stopReason"], response["usage"]["outputTokens"]) == ("max_tokens", 3)
    response = bedrock.converse(
        modelId=MODEL,
        messages=[user("one STOP two")],
        inferenceConfig={"stopSequences": ["STOP"]},
        additionalModelResponseFieldPaths=["/stop_sequence"],
    )
    assert response["stopReason"] == "stop_sequence"
    assert response["additionalModelResponseFields"] == {"stop_sequence": "STOP"}


@check
def converse_stream(bedrock):
    events, text = collect(bedrock.converse_stream(modelId=MODEL, messages=[user("Hi")])["stream"])
    names = [next(iter(event)) for event in events]
    assert names[0] == "messageStart" and names[-2:] == ["messageStop", "metadata"], names
    assert names.count("contentBlockDelta") >= 8
    unary = bedrock.converse(modelId=MODEL, messages=[user("Hi")])
    assert text[0] == unary["output"]["message"]["content"][0]["text"]
    assert events[-1]["metadata"]["usage"] == unary["usage"]


@check
def tools(bedrock):
    messages = [user("What is the weather in Paris?")]
    response = bedrock.converse(modelId=MODEL, messages=messages, toolConfig=WEATHER)
    assert response["stopReason"] == "tool_use"
    call = response["output"]["message"]["content"][0]["toolUse"]
    assert call["name"] == "get_weather" and call["input"] == {"unit": "celsius", "city": "Paris"}
    result = {"toolUseId": call["toolUseId"], "content": [{"json": {"temperature": 21}}]}
    messages += [response["output"]["message"], user({"toolResult": result})]
    response = bedrock.converse(modelId=MODEL, messages=messages, toolConfig=WEATHER)
    assert response["stopReason"] == "end_turn"
    assert "21" in response["output"]["message"]["content"][0]["text"]
    assert bedrock.converse(modelId=MODEL, messages=[user("Hello")], toolConfig=WEATHER)["stopReason"] == "end_turn"


@check
def tools_in_a_stream(bedrock):
    stream = bedrock.converse_stream(modelId=MODEL, messages=[user("Weather in Oslo")], toolConfig=WEATHER)["stream"]
    events, text = collect(stream)
    start = next(event["contentBlockStart"] for event in events if "contentBlockStart" in event)
    assert start["start"]["toolUse"]["name"] == "get_weather"
    assert start["start"]["toolUse"]["toolUseId"].startswith("tooluse_")
    assert json.loads(text[0]) == {"unit": "celsius", "city": "Oslo"}
    assert any(event.get("messageStop", {}).get("stopReason") == "tool_use" for event in events)


@check
def prompt_cache(bedrock):
    # The endpoint keeps its state if these checks run on it twice.
    system = [{"text": f"You know this at {time.time_ns()}. " * 20}, {"cachePoint": {"type": "default"}}]
    call = lambda question: bedrock.converse(modelId=MODEL, system=system, messages=[user(question)])["usage"]
    first, second = call("One?"), call("Two?")
    assert first["cacheWriteInputTokens"] > 100 and first["cacheReadInputTokens"] == 0, first
    assert first["cacheDetails"] == [{"ttl": "5m", "inputTokens": first["cacheWriteInputTokens"]}], first
    assert second["cacheReadInputTokens"] == first["cacheWriteInputTokens"], second
    assert second["cacheWriteInputTokens"] == 0
    for usage in (first, second):
        parts = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
        assert usage["totalTokens"] == sum(usage[part] for part in parts), usage


@check
def guardrail(bedrock):
    config = {"guardrailIdentifier": "abc123", "guardrailVersion": "DRAFT", "trace": "enabled"}
    response = bedrock.converse(modelId=MODEL, messages=[user("a forbidden thing")], guardrailConfig=config)
    assert response["stopReason"] == "guardrail_intervened"
    words = response["trace"]["guardrail"]["inputAssessment"]["abc123"]["wordPolicy"]["customWords"]
    assert words == [{"match": "forbidden", "action": "BLOCKED", "detected": True}]


@check
def json_output(bedrock):
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
    response = bedrock.converse(
        modelId=MODEL,
        messages=[user("I am Ada")],
        outputConfig={
            "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(schema)}}}
        },
    )
    assert json.loads(response["output"]["message"]["content"][0]["text"]) == {"name": "Ada", "age": 1}


@check
def invoke_model(bedrock):
    mime = {"contentType": "application/json", "accept": "application/json"}
    response, message = invoke(bedrock, MODEL, claude("Hello there"), **mime)
    assert message["type"] == "message" and message["stop_reason"] == "end_turn"
    assert "Hello there" in message["content"][0]["text"]
    headers = response["ResponseMetadata"]["HTTPHeaders"]
    assert int(headers["x-amzn-bedrock-input-token-count"]) == message["usage"]["input_tokens"] == 2
    assert int(headers["x-amzn-bedrock-output-token-count"]) == message["usage"]["output_tokens"] > 0
    assert int(headers["x-amzn-bedrock-invocation-latency"]) > 0
    converse = bedrock.converse(modelId=MODEL, messages=[user("Hello there")])
    assert converse["output"]["message"]["content"][0]["text"] == message["content"][0]["text"]


@check
def invoke_model_with_settings(bedrock):
    response, message = invoke(
        bedrock,
        PROFILE,
        claude("a forbidden thing"),
        trace="ENABLED",
        guardrailIdentifier="abc123",
        guardrailVersion="DRAFT",
        performanceConfigLatency="optimized",
        serviceTier="flex",
    )
    assert (response["performanceConfigLatency"], response["serviceTier"]) == ("optimized", "flex")
    assert message["amazon-bedrock-guardrailAction"] == "INTERVENED"
    assert "abc123" in message["amazon-bedrock-trace"]["guardrail"]["input"]


@check
def invoke_model_stream(bedrock):
    events = chunks(bedrock, MODEL, claude("Hi"))
    names = [event["type"] for event in events]
    assert names[:2] == ["message_start", "content_block_start"], names
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"], names
    text = "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
    assert text == invoke(bedrock, MODEL, claude("Hi"))[1]["content"][0]["text"]
    assert events[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == events[-2]["usage"]["output_tokens"]


@check
def invoke_model_tools(bedrock):
    spec = WEATHER["tools"][0]["toolSpec"]
    tool = {"name": spec["name"], "description": spec["description"], "input_schema": spec["inputSchema"]["json"]}
    _, message = invoke(bedrock, MODEL, claude("What is the weather in Paris?", tools=[tool]))
    assert message["stop_reason"] == "tool_use"
    assert message["content"][0]["input"] == {"unit": "celsius", "city": "Paris"}
    events = chunks(bedrock, MODEL, claude("What is the weather in Paris?", tools=[tool]))
    partial = "".join(event["delta"]["partial_json"] for event in events if event["type"] == "content_block_delta")
    assert json.loads(partial) == {"unit": "celsius", "city": "Paris"}


@check
def invoke_model_families(bedrock):
    messages = [{"role": "user", "content": [{"text": "Say this"}]}]
    cases = {
        "us.amazon.nova-lite-v1:0": ({"messages": messages}, lambda a: a["output"]["message"]["content"][0]["text"]),
        "amazon.titan-text-lite-v1": ({"inputText": "Say this"}, lambda a: a["results"][0]["outputText"]),
        "meta.llama3-70b-instruct-v1:0": ({"prompt": "Say this"}, lambda a: a["generation"]),
        "mistral.mistral-7b-instruct-v0:2": ({"prompt": "Say this"}, lambda a: a["outputs"][0]["text"]),
        "cohere.command-r-v1:0": ({"message": "Say this"}, lambda a: a["text"]),
    }
    for model, (body, text) in cases.items():
        assert text(invoke(bedrock, model, body)[1]).startswith('You said: "Say this"'), model
        assert "amazon-bedrock-invocationMetrics" in chunks(bedrock, model, body)[-1], model


@check
def embeddings(bedrock):
    titan = lambda text: invoke(bedrock, "amazon.titan-embed-text-v2:0", {"inputText": text, "dimensions": 256})[1]
    first, again, other = titan("Hello"), titan("Hello"), titan("World")
    assert first["embedding"] == again["embedding"] != other["embedding"]
    assert len(first["embedding"]) == 256 and abs(norm(first["embedding"]) - 1) < 1e-6
    body = {"texts": ["Hello", "World"], "input_type": "search_query"}
    cohere = invoke(bedrock, "cohere.embed-english-v3", body)[1]["embeddings"]
    assert len(cohere) == 2 and all(abs(norm(vector) - 1) < 1e-6 for vector in cohere)
    params = {"embeddingPurpose": "GENERIC_INDEX", "text": {"truncationMode": "END", "value": "Hello"}}
    body = {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params}
    nova = invoke(bedrock, "amazon.nova-2-multimodal-embeddings-v1:0", body)[1]["embeddings"]
    assert nova[0]["embeddingType"] == "TEXT" and len(nova[0]["embedding"]) == 3072


@check
def images(bedrock):
    canvas = lambda text: invoke(
        bedrock, "amazon.nova-canvas-v1:0", {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": text}}
    )[1]["images"][0]
    png = base64.b64decode(canvas("a cat"))
    assert png.startswith(b"\x89PNG\r\n\x1a\n") and png.endswith(b"IEND\xaeB`\x82")
    assert canvas("a cat") != canvas("a dog")
    stable = invoke(bedrock, "stability.stable-image-core-v1:1", {"prompt": "a cat"})[1]
    assert base64.b64decode(stable["images"][0])[1:4] == b"PNG"


@check
def count_tokens(bedrock):
    messages = [user("What is the weather in Paris?")]
    usage = bedrock.converse(modelId=MODEL, messages=messages, toolConfig=WEATHER)["usage"]
    counted = bedrock.count_tokens(modelId=MODEL, input={"converse": {"messages": messages, "toolConfig": WEATHER}})
    assert counted["inputTokens"] == usage["inputTokens"]
    counted = bedrock.count_tokens(modelId=MODEL, input={"invokeModel": {"body": claude("Hello there")}})
    assert counted["inputTokens"] == 2
    unsupported = {"invokeModel": {"body": json.dumps({"inputText": "a"})}}
    code, _, message = fails(bedrock, "count_tokens", modelId="amazon.titan-embed-text-v2:0", input=unsupported)
    assert (code, message) == ("ValidationException", "The provided model doesn't support counting tokens.")


@check
def invoke_model_validation(bedrock):
    code, status, message = fails(bedrock, "invoke_model", modelId=MODEL, body='{"inputText": "a"}')
    assert (code, status) == ("ValidationException", 400) and "required key [anthropic_version] not found" in message
    code, _, message = fails(
        bedrock, "invoke_model_with_response_stream", modelId="cohere.embed-english-v3", body='{"texts": ["a"]}'
    )
    assert (code, message) == ("ValidationException", "The model is unsupported for streaming.")


@check
def invoke_model_exceptions_in_a_stream(bedrock):
    for fault in ("throttling", "model-timeout", "model-stream-error", "service-unavailable", "validation"):
        response = bedrock.invoke_model_with_response_stream(modelId=f"fault.{fault}.after.3", body=claude("a"))
        events = []
        try:
            for event in response["body"]:
                events.append(event)
        except botocore.exceptions.EventStreamError as error:
            name = "".join(word.capitalize() for word in fault.split("-"))
            assert error.response["Error"]["Code"] == name[0].lower() + name[1:] + "Exception", error.response
            assert len(events) == 3
        else:
            raise AssertionError(f"{fault}: the stream ended in order")


@check
def validation(bedrock):
    code, status, message = fails(bedrock, "converse", modelId=MODEL, messages=[])
    assert (code, status) == ("ValidationException", 400) and "must start with a user message" in message
    code, _, message = fails(bedrock, "converse_stream", modelId=MODEL, messages=[user(" ")])
    assert code == "ValidationException" and "messages.0.content.0 is blank" in message
    code, _, message = fails(bedrock, "converse", modelId="nonsense", messages=[user("a")])
    assert (code, message) == ("ValidationException", "The provided model identifier is invalid.")


@check
def exceptions(bedrock):
    expected = {
        "access-denied": ("AccessDeniedException", 403),
        "conflict": ("ConflictException", 400),
        "expired-token": ("ExpiredTokenException", 403),
        "ftu-form-not-filled": ("FTUFormNotFilled", 404),
        "internal-server": ("InternalServerException", 500),
        "invalid-signature": ("InvalidSignatureException", 403),
        "model-error": ("ModelErrorException", 424),
        "model-not-ready": ("ModelNotReadyException", 429),
        "model-timeout": ("ModelTimeoutException", 408),
        "opt-in-required": ("OptInRequired", 403),
        "resource-not-found": ("ResourceNotFoundException", 404),
        "service-quota-exceeded": ("ServiceQuotaExceededException", 400),
        "service-unavailable": ("ServiceUnavailableException", 503),
        "throttling": ("ThrottlingException", 429),
        "unknown": ("TeapotException", 418),
        "unrecognized-client": ("UnrecognizedClientException", 403),
        "validation": ("ValidationException", 400),
    }
    for fault, (code, status) in expected.items():
        for operation in ("converse", "converse_stream"):
            found = fails(bedrock, operation, modelId=f"fault.{fault}", messages=[user("a")])
            assert found[:2] == (code, status), (fault, operation, found)
        for operation in ("invoke_model", "invoke_model_with_response_stream"):
            found = fails(bedrock, operation, modelId=f"fault.{fault}", body=claude("a"))
            assert found[:2] == (code, status), (fault, operation, found)
    assert isinstance(bedrock.exceptions.ThrottlingException, type)
    try:
        bedrock.converse(modelId="fault.model-error", messages=[user("a")])
    except bedrock.exceptions.ModelErrorException as error:
        assert error.response["originalStatusCode"] == 500
        assert error.response["resourceName"] == "fault.model-error"


@check
def exceptions_in_a_stream(bedrock):
    cases = {
        "throttling": "throttlingException",
        "model-stream-error": "modelStreamErrorException",
        "service-unavailable": "serviceUnavailableException",
        "error": "InternalFailure",
    }
    for fault, code in cases.items():
        stream = bedrock.converse_stream(modelId=f"fault.{fault}.after.3", messages=[user("a")])["stream"]
        events = []
        try:
            for event in stream:
                events.append(event)
        except botocore.exceptions.EventStreamError as error:
            assert error.response["Error"]["Code"] == code, error.response
            assert len(events) == 3
        else:
            raise AssertionError(f"{fault}: the stream ended in order")


@check
def broken_streams(bedrock):
    for fault in ("cut", "corrupt", "reset"):
        stream = bedrock.converse_stream(modelId=f"fault.{fault}.after.2", messages=[user("a")])["stream"]
        try:
            events = list(stream)
        except Exception:  # botocore has one class for each, and raises urllib3's for some
            continue
        raise AssertionError(f"{fault}: {len(events)} events and no error")
    stream = bedrock.converse_stream(modelId="fault.truncate.after.2", messages=[user("a")])["stream"]
    assert len(list(stream)) == 2


@check
def values_that_boto3_does_not_know(bedrock):
    response = bedrock.converse(modelId="fault.unknown-block", messages=[user("a")])
    assert response["stopReason"] == "end_turn"
    events, _ = collect(bedrock.converse_stream(modelId="fault.unknown-event", messages=[user("a")])["stream"])
    assert "metadata" in events[-1]


def main():
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    # One attempt for each call: a retry would hide what the simulator returned.
    bedrock = boto3.client(
        "bedrock-runtime",
        endpoint_url=sys.argv[1],
        region_name="us-east-1",
        aws_access_key_id="simulator",
        aws_secret_access_key="simulator",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30),
    )
    failed = 0
    for run in CHECKS:
        name = run.__name__.replace("_", " ")
        try:
            run(bedrock)
            print(f"ok      {name}")
        except Exception:
            failed += 1
            print(f"FAILED  {name}")
            traceback.print_exc()
    print(f"{len(CHECKS) - failed} of {len(CHECKS)} checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
