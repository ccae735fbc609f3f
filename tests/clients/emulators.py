#!/usr/bin/env python3
"""Tests the gateway in front of two Bedrock emulators of other projects: ministack and aimock.

    python tests/clients/emulators.py [ministack | aimock]

Starts the gateway and the emulators itself; an emulator that is not on the PATH is left out. Needs
tests/clients/requirements.txt and a built binary; `ministack` is on PyPI, aimock's command `llmock` is in npm's
@copilotkit/aimock. Where an emulator differs from Bedrock, a comment says so, and the check expects the best response that the
gateway can still return.
"""

import json
import os
import shutil
import sys
import time

import boto3
import grpc

from support import LeftOut, Process, ROOT, details, free_port, gateway, generate, run

v1 = generate()
MODEL = "anthropic.claude-3-haiku-20240307-v1:0"
REEL = "amazon.nova-reel-v1:0"
SCHEMA = '{"type": "object", "properties": {"unit": {"type": "string"}, "city": {"type": "string"}}, "required": ["city"]}'

BOTH, MINISTACK, AIMOCK = [], [], []


def check(*lists):
    def register(function):
        for one in lists:
            one.append(function)
        return function
    return register


def user(*content):
    return v1.Message(role="user", content=[v1.ContentBlock(text=c) if isinstance(c, str) else c for c in content])


def claude(words):
    return json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100,
                       "messages": [{"role": "user", "content": words}]}).encode()


class Client:
    def __init__(self, emulator, server):
        self.emulator, self.stub = emulator, v1.Stub(grpc.insecure_channel(server.target))

    def call(self, operation, **fields):
        """The response, or the events of a stream. Raises LeftOut if this gateway does not have the operation yet."""
        method = getattr(self.stub, operation, None)
        if method is None:
            raise LeftOut(f"the schema has no {operation} yet")
        try:
            response = method(getattr(v1, f"{operation}Request")(**fields), timeout=30)
            return list(response) if hasattr(response, "__iter__") else response
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                raise LeftOut(f"the gateway has no {operation} yet") from None
            raise

    def failure(self, operation, **fields):
        """The status of a call that must fail, and its ErrorInfo."""
        try:
            self.call(operation, **fields)
        except grpc.RpcError as error:
            return error.code().name, details(error)["ErrorInfo"]
        raise AssertionError("the call succeeded")


def of(events, kind):
    return [getattr(event, kind) for event in events if event.WhichOneof("member") == kind]


def streamed_text(events):
    return "".join(delta.delta.text for delta in of(events, "content_block_delta"))


# --- both ------------------------------------------------------------------------------------------------------------


@check(BOTH)
def converse(client):
    response = client.call("Converse", model_id=MODEL, messages=[user("hello")],
                         inference_config=v1.InferenceConfiguration(max_tokens=100))
    assert response.stop_reason == "end_turn" and response.output.message.content[0].text, response
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0, response


@check(BOTH)
def converse_stream(client):
    events = client.call("ConverseStream", model_id=MODEL, messages=[user("hello")])
    kinds = [event.WhichOneof("member") for event in events]
    assert kinds[0] == "message_start" and kinds[-2:] == ["message_stop", "metadata"], kinds
    assert streamed_text(events) and of(events, "message_stop")[0].stop_reason == "end_turn", events
    # Both emulators return the same text for both operations.
    unary = client.call("Converse", model_id=MODEL, messages=[user("hello")])
    assert streamed_text(events) == unary.output.message.content[0].text, events


@check(BOTH)
def invoke_model(client):
    response = client.call("InvokeModel", model_id=MODEL, body=claude("hello"), content_type="application/json")
    body = json.loads(response.body)
    assert body["type"] == "message" and body["content"][0]["text"], body
    assert response.content_type == "application/json", response


# --- ministack: eight of the eleven operations -----------------------------------------------------------------------


@check(MINISTACK)
def a_model_by_arn(client):
    arn = f"arn:aws:bedrock:us-east-1::foundation-model/{MODEL}"
    assert client.call("Converse", model_id=arn, messages=[user("hello")]).stop_reason == "end_turn"


@check(MINISTACK)
def exception_name_in_the_body_is_read(client):
    # ministack differs from AWS: it names the exception only in the body (`__type`). AWS uses the header x-amzn-errortype.
    # The protocol allows both, so the name arrives.
    code, info = client.failure("Converse", model_id=MODEL, messages=[v1.Message(role="narrator", content=[v1.ContentBlock(text="a")])])
    assert (code, info.reason) == ("INVALID_ARGUMENT", "VALIDATION"), (code, info)


@check(MINISTACK)
def tools_are_ignored(client):
    # ministack differs from AWS: it has no model and never calls a tool, not even if toolChoice is `any`.
    tool = v1.Tool(tool_spec=v1.ToolSpecification(name="t", input_schema=v1.ToolInputSchema(json_text=SCHEMA)))
    config = v1.ToolConfiguration(tools=[tool], tool_choice=v1.ToolChoice(any=v1.AnyToolChoice()))
    response = client.call("Converse", model_id=MODEL, messages=[user("weather")], tool_config=config)
    assert response.stop_reason == "end_turn", response


@check(MINISTACK)
def invoke_model_with_response_stream(client):
    events = client.call("InvokeModelWithResponseStream", model_id=MODEL, body=claude("hello"))
    chunks = [json.loads(chunk.bytes) for chunk in of(events, "chunk")]
    assert [c["type"] for c in chunks[:2]] == ["message_start", "content_block_start"], chunks
    assert chunks[-1]["type"] == "message_stop", chunks
    # ministack differs from AWS: Bedrock's last chunk has `amazon-bedrock-invocationMetrics`. The gateway does not change
    # a body, so everything that the emulator sent arrives.
    assert "amazon-bedrock-invocationMetrics" not in chunks[-1], chunks


@check(MINISTACK)
def guardrails(client):
    settings = dict(region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    bedrock = boto3.client("bedrock", endpoint_url=client.emulator.url, **settings)
    guardrail = bedrock.create_guardrail(
        name="g", blockedInputMessaging="No.", blockedOutputsMessaging="No.",
        wordPolicyConfig={"wordsConfig": [{"text": "swordfish"}]},
        sensitiveInformationPolicyConfig={"piiEntitiesConfig": [{"type": "EMAIL", "action": "ANONYMIZE"}]})["guardrailId"]

    def apply(text):
        content = [v1.GuardrailContentBlock(text=v1.GuardrailTextBlock(text=text))]
        return client.call("ApplyGuardrail", guardrail_identifier=guardrail, guardrail_version="DRAFT", source="INPUT", content=content)

    response = apply("The password is swordfish")
    assert response.action == "GUARDRAIL_INTERVENED" and response.outputs[0].text == "No.", response
    assert response.assessments[0].word_policy.custom_words[0].match == "swordfish", response
    response = apply("Write to ana@example.com")
    assert response.outputs[0].text == "Write to {EMAIL}", response
    # ministack differs from AWS: if a guardrail does not intervene, Bedrock's `outputs` is empty. Here it is the input.
    response = apply("Good morning")
    assert response.action == "NONE" and response.outputs[0].text == "Good morning", response

    config = v1.GuardrailConfiguration(guardrail_identifier=guardrail, guardrail_version="DRAFT", trace="enabled")
    response = client.call("Converse", model_id=MODEL, messages=[user("swordfish")], guardrail_config=config)
    assert response.stop_reason == "guardrail_intervened", response
    assert response.trace.guardrail.input_assessment[guardrail].word_policy.custom_words, response
    code, info = client.failure("ApplyGuardrail", guardrail_identifier="nobody", guardrail_version="1", source="INPUT",
                                content=[v1.GuardrailContentBlock(text=v1.GuardrailTextBlock(text="a"))])
    assert (code, info.reason) == ("NOT_FOUND", "RESOURCE_NOT_FOUND"), (code, info)


@check(MINISTACK)
def async_invocations(client):
    output = v1.AsyncInvokeOutputDataConfig(s3_output_data_config=v1.AsyncInvokeS3OutputDataConfig(s3_uri="s3://bucket/videos"))
    arn = client.call("StartAsyncInvoke", model_id=REEL, model_input_json='{"taskType": "TEXT_VIDEO"}',
                      output_data_config=output, client_request_token="just-once").invocation_arn
    # ministack differs from AWS: a job is `Completed` at once. Bedrock's job starts as `InProgress`.
    job = client.call("GetAsyncInvoke", invocation_arn=arn)
    assert job.status == "Completed" and job.invocation_arn == arn and REEL in job.model_arn, job
    assert job.client_request_token == "just-once", job
    # ministack writes times as `+00:00` where Bedrock writes `Z`.
    assert abs(job.submit_time.seconds - time.time()) < 60, job
    assert job.output_data_config.s3_output_data_config.s3_uri == "s3://bucket/videos", job
    assert arn in [s.invocation_arn for s in client.call("ListAsyncInvokes").async_invoke_summaries]
    assert not client.call("ListAsyncInvokes", status_equals="Failed").async_invoke_summaries
    # ministack differs from AWS: it ignores maxResults, paging and sorting.
    client.call("StartAsyncInvoke", model_id=REEL, model_input_json="{}", output_data_config=output)
    page = client.call("ListAsyncInvokes", max_results=1)
    assert len(page.async_invoke_summaries) == 2 and not page.next_token, page


@check(MINISTACK)
def operations_that_ministack_lacks(client):
    # ministack differs from AWS: an unknown path returns ValidationException and 400. AWS returns
    # UnknownOperationException and 404.
    counted = v1.CountTokensInput(converse=v1.ConverseTokensRequest(messages=[user("hello")]))
    code, info = client.failure("CountTokens", model_id=MODEL, input=counted)
    assert (code, info.reason) == ("INVALID_ARGUMENT", "VALIDATION"), (code, info)


# --- aimock: four operations, responses from fixtures (aimock.json) ----------------------------------------------------


@check(AIMOCK)
def a_conversation_with_a_tool(client):
    tool = v1.ToolSpecification(name="get_weather", input_schema=v1.ToolInputSchema(json_text=SCHEMA))
    request = dict(model_id=MODEL, tool_config=v1.ToolConfiguration(tools=[v1.Tool(tool_spec=tool)]))
    response = client.call("Converse", messages=[user("weather")], **request)
    use = response.output.message.content[0].tool_use
    assert response.stop_reason == "tool_use" and use.name == "get_weather", response
    assert use.input_json == '{"unit":"celsius","city":"Lisbon"}', use
    result = v1.ContentBlock(tool_result=v1.ToolResultBlock(
        tool_use_id=use.tool_use_id, content=[v1.ToolResultContentBlock(json_text='{"celsius": 21}')]))
    turns = [user("weather"), response.output.message, user(result)]
    response = client.call("Converse", messages=turns, **request)
    assert "21" in response.output.message.content[0].text and response.stop_reason == "end_turn", response

    events = client.call("ConverseStream", messages=[user("weather")], **request)
    [start] = of(events, "content_block_start")
    assert start.start.tool_use.name == "get_weather", start
    pieces = "".join(delta.delta.tool_use.input for delta in of(events, "content_block_delta"))
    assert json.loads(pieces) == {"unit": "celsius", "city": "Lisbon"}, pieces
    assert of(events, "message_stop")[0].stop_reason == "tool_use", events


@check(AIMOCK)
def text_blocks_with_an_empty_start(client):
    # aimock differs from AWS: it starts text blocks with `"start": {}`. In AWS's model `start` is a union, and text and
    # reasoning blocks have no contentBlockStart. The gateway reads an empty union as unset.
    events = client.call("ConverseStream", model_id=MODEL, messages=[user("hello")])
    [start] = of(events, "content_block_start")
    assert start.start.WhichOneof("member") is None and start.content_block_index == 0, start
    # The same for reasoning: `{"reasoningContent": {}}`, which no version of AWS's union has. It arrives unchanged.
    events = client.call("ConverseStream", model_id=MODEL, messages=[user("think")])
    assert of(events, "content_block_start")[0].start.unrecognized.json == '{"reasoningContent":{}}', events
    assert "Let me see." in "".join(d.delta.reasoning_content.text for d in of(events, "content_block_delta")), events


@check(AIMOCK)
def errors_without_a_name(client):
    # aimock differs from AWS: it sends neither the header x-amzn-errortype nor `__type`. The name is in an object of
    # Anthropic's own API. So only the HTTP status decides, and the reason shows that.
    code, info = client.failure("Converse", model_id=MODEL, messages=[user("too fast")])
    assert (code, info.reason) == ("RESOURCE_EXHAUSTED", "UPSTREAM_HTTP_ERROR"), (code, info)
    code, info = client.failure("Converse", model_id=MODEL, messages=[user("no such fixture")])
    assert (code, info.reason) == ("NOT_FOUND", "UPSTREAM_HTTP_ERROR"), (code, info)


@check(AIMOCK)
def chunks_without_bytes(client):
    # aimock differs from AWS: the payload of a chunk is the event itself. AWS's is `{"bytes": "<the event in base64>"}`.
    # AWS's SDKs see empty chunks too.
    events = client.call("InvokeModelWithResponseStream", model_id=MODEL, body=claude("hello"))
    assert events and not any(event.chunk.bytes for event in events), events


@check(AIMOCK)
def operations_that_aimock_lacks(client):
    counted = v1.CountTokensInput(converse=v1.ConverseTokensRequest(messages=[user("hello")]))
    code, info = client.failure("CountTokens", model_id=MODEL, input=counted)
    assert (code, info.reason) == ("NOT_FOUND", "UPSTREAM_HTTP_ERROR"), (code, info)


def emulator(command, port, **environment):
    process = Process([shutil.which(command[0]), *command[1:]], ("127.0.0.1", port), {**os.environ, **environment})
    process.url = f"http://127.0.0.1:{port}"
    return process


def ministack():
    port = free_port()
    return emulator(["ministack"], port, GATEWAY_PORT=str(port), BIND_HOST="127.0.0.1", MINISTACK_REGION="us-east-1",
                    SERVICES="bedrock,bedrock-runtime")


def aimock():
    port = free_port()
    fixtures = str(ROOT / "tests/clients/aimock.json")
    return emulator(["llmock", "--port", str(port), "--fixtures", fixtures, "--log-level", "warn"], port)


def main():
    failed = 0
    for name, command, start, checks in ("ministack", "ministack", ministack, MINISTACK), ("aimock", "llmock", aimock, AIMOCK):
        if sys.argv[1:] not in ([], [name]):
            continue
        print(f"-- {name}")
        if not shutil.which(command):
            print(f"LEFT OUT  {name} is not installed")
            continue
        with start() as upstream, gateway(upstream.url) as server:
            failed |= run(BOTH + checks, Client(upstream, server))
    return failed


if __name__ == "__main__":
    sys.exit(main())
