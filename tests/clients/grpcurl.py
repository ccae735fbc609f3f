#!/usr/bin/env python3
"""Tests the gateway with grpcurl and with AWS's JSON pasted.

    python tests/clients/grpcurl.py

Starts the gateway and the simulator itself. Needs grpcurl on the PATH and tests/clients/requirements.txt.
"""

import base64
import json
import re
import subprocess
import sys
import tempfile
import threading

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support import MODEL, SERVICE, gateway, run, simulator

HELLO = {"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
         "inferenceConfig": {"maxTokens": 512, "temperature": 0.5}}
WEATHER = {"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": "What is the weather in Paris?"}]}],
           "toolConfig": {"tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": {
               "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}}]}}

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def grpcurl(*arguments, data=None, fails=False):
    """What grpcurl prints on standard output and standard error."""
    command = ["grpcurl", "-plaintext", *(["-d", "@"] if data else []), *arguments]
    done = subprocess.run(command, input=json.dumps(data) if data else None, capture_output=True, text=True, timeout=60)
    assert (done.returncode != 0) == fails, f"{command}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def messages(output):
    """The JSON objects that grpcurl prints one after the other."""
    decoder, found, output = json.JSONDecoder(), [], output.strip()
    while output:
        value, end = decoder.raw_decode(output)
        found.append(value)
        output = output[end:].lstrip()
    return found


@check
def list_and_describe(server):
    services = grpcurl(server.target, "list").split()
    assert SERVICE in services and "grpc.health.v1.Health" in services, services
    assert f"{SERVICE}.ConverseStream" in grpcurl(server.target, "list", SERVICE).split()
    described = grpcurl(server.target, "describe", "bedrock.runtime.v1.InferenceConfiguration")
    assert "optional int32 max_tokens = 1;" in described and "// The most tokens" in described, described


@check
def describe_every_method_and_its_messages(server):
    described = 0
    for service in grpcurl(server.target, "list").split():
        for method in grpcurl(server.target, "list", service).split():
            signature = grpcurl(server.target, "describe", method)
            types = re.findall(r"\( (?:stream )?(\.[\w.]+) \)", signature)
            assert len(types) == 2, signature
            for name in types:
                assert f"message {name.rsplit('.')[-1]} {{" in grpcurl(server.target, "describe", name), name
            described += 1
    assert described >= 11 + 2 + 2, described  # the runtime's, health's and reflection's


# Requests of other operations, as the examples of AWS's API reference and user guide have them.
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html
AWS_EXAMPLES = {
    "ApplyGuardrail": {"guardrailIdentifier": "guard1", "guardrailVersion": "DRAFT", "source": "OUTPUT",
                       "content": [{"text": {"text": "Hello, this is a test."}}]},
    "CountTokens": {"modelId": MODEL, "input": {"converse": {
        "messages": [{"role": "user", "content": [{"text": "What is the capital of France?"}]},
                     {"role": "assistant", "content": [{"text": "The capital of France is Paris."}]},
                     {"role": "user", "content": [{"text": "What is its population?"}]}],
        "system": [{"text": "You're an expert in geography."}]}}},
    "InvokeModel": {"modelId": "amazon.titan-embed-text-v2:0", "body": base64.b64encode(
        json.dumps({"inputText": "Please recommend books.", "dimensions": 512, "normalize": True}).encode()).decode()},
    "StartAsyncInvoke": {"modelId": "amazon.nova-reel-v1:0", "modelInput": {
        "taskType": "TEXT_VIDEO", "textToVideoParams": {"text": "Closeup of a large seashell in the sand."},
        "videoGenerationConfig": {"durationSeconds": 6, "fps": 24, "dimension": "1280x720", "seed": 7}},
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://amzn-s3-demo-bucket"}}},
    "ListAsyncInvokes": {"maxResults": 10, "statusEquals": "InProgress", "sortBy": "SubmissionTime", "sortOrder": "Descending"},
}


@check
def awss_examples_of_other_operations(server):
    for operation, request in AWS_EXAMPLES.items():
        [response] = messages(grpcurl(server.target, f"{SERVICE}/{operation}", data=request))
        assert response, operation


@check
def health(server):
    assert messages(grpcurl(server.target, "grpc.health.v1.Health/Check")) == [{"status": "SERVING"}]


@check
def converse(server):
    [response] = messages(grpcurl(server.target, f"{SERVICE}/Converse", data=HELLO))
    assert response["stopReason"] == "end_turn" and response["output"]["message"]["content"][0]["text"], response
    assert int(response["metrics"]["latencyMs"]) > 0, response  # an int64 is a string in protobuf's JSON


@check
def headers(server):
    output = grpcurl("-v", server.target, f"{SERVICE}/Converse", data=HELLO)
    for name in ("x-amzn-requestid: ", "bedrock-grpc-region: us-east-1", "bedrock-grpc-attempts: 1"):
        assert name in output, output


@check
def a_tool_round_trip(server):
    [response] = messages(grpcurl(server.target, f"{SERVICE}/Converse", data=WEATHER))
    assert response["stopReason"] == "tool_use", response
    use = response["output"]["message"]["content"][-1]["toolUse"]
    assert json.loads(use["inputJson"])["city"], use
    result = {"toolResult": {"toolUseId": use["toolUseId"], "content": [{"json": {"celsius": 18}}]}}
    turns = [*WEATHER["messages"], response["output"]["message"], {"role": "user", "content": [result]}]
    events = messages(grpcurl(server.target, f"{SERVICE}/ConverseStream", data={**WEATHER, "messages": turns}))
    assert events[0] == {"messageStart": {"role": "assistant"}}, events
    assert {"messageStop": {"stopReason": "end_turn"}} in events and "metadata" in events[-1], events


SCHEMA = {"type": "object", "properties": {"sign": {"type": "string", "description": "The call sign of the station."}},
          "required": ["sign"]}

# Requests as AWS's documentation has them: tool use, reasoning, documents, structured output.
# https://docs.aws.amazon.com/bedrock/latest/userguide/tool-use-inference-call.html and its neighbours
AWS_REQUESTS = [
    {"messages": [{"role": "user", "content": [{"text": "What is the most popular song on WZPZ?"}]},
                  {"role": "assistant", "content": [{"toolUse": {
                      "toolUseId": "tooluse_kZJMlvQmRJ6eAyJE5GIl7Q", "name": "top_song", "input": {"sign": "WZPZ"}}}]},
                  {"role": "user", "content": [{"toolResult": {
                      "toolUseId": "tooluse_kZJMlvQmRJ6eAyJE5GIl7Q",
                      "content": [{"json": {"song": "Elemental Hotel", "artist": "8 Storey Hike", "rank": 1, "live": None}}]}}]}],
     "toolConfig": {"tools": [{"toolSpec": {
         "name": "top_song", "description": "Get the most popular song played on a radio station.",
         "inputSchema": {"json": SCHEMA}}}], "toolChoice": {"auto": {}}}},
    {"messages": [{"role": "user", "content": [{"text": "Is it true?"}]},
                  {"role": "assistant", "content": [
                      {"reasoningContent": {"reasoningText": {"text": "The user asks.", "signature": "c2lnbmF0dXJl"}}},
                      {"text": "Yes."}]},
                  {"role": "user", "content": [{"text": "Why?"}]}],
     "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2000}},
     "additionalModelResponseFieldPaths": ["/stop_sequence"]},
    {"messages": [{"role": "user", "content": [
        {"text": "Summarize this document."},
        {"document": {"format": "pdf", "name": "MyDocument", "source": {"bytes": "JVBERi0xLjQK"}, "citations": {"enabled": True}}}]}]},
    {"messages": [{"role": "user", "content": [{"text": "Extract the name."}]}],
     "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {
         "schema": json.dumps(SCHEMA), "name": "a_name", "description": "A name"}}}}},
]

AWS_RESPONSE = {
    "output": {"message": {"role": "assistant", "content": [
        {"toolUse": {"toolUseId": "tooluse_1", "name": "top_song", "input": {"sign": "WZPZ", "ranks": [1, 2.5, None, True]}}}]}},
    "stopReason": "tool_use", "additionalModelResponseFields": {"stop_sequence": "</end>"},
    "usage": {"inputTokens": 322, "outputTokens": 77, "totalTokens": 399}, "metrics": {"latencyMs": 2107},
}


class Bedrock(ThreadingHTTPServer):
    """Keeps the body of the last request and sends AWS_RESPONSE."""

    body = None

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        response = json.dumps(AWS_RESPONSE).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(response)))
        self.end_headers()
        self.wfile.write(response)

    def log_message(self, *_):
        pass


@check
def aws_json_in_requests_and_responses(_):
    bedrock = Bedrock()
    with gateway(bedrock.url) as server:
        for request in AWS_REQUESTS:
            output = grpcurl("-H", "bedrock-grpc-documents: value", server.target, f"{SERVICE}/Converse",
                             data={"modelId": MODEL, **request})
            assert bedrock.body == request, bedrock.body
            # An int64 is a string in protobuf's JSON. Everything else is AWS's JSON.
            assert messages(output) == [{**AWS_RESPONSE, "metrics": {"latencyMs": "2107"}}], output
    bedrock.shutdown()


@check
def an_error_and_its_details(server):
    request = {**HELLO, "modelId": "fault.throttling-daily"}
    output = grpcurl(server.target, f"{SERVICE}/Converse", data=request, fails=True)
    for part in ("Code: ResourceExhausted", '"reason": "THROTTLING"', "google.rpc.QuotaFailure", "google.rpc.RequestInfo"):
        assert part in output, output


@check
def a_deadline(server):
    request = {**HELLO, "modelId": "fault.stall.after.2"}
    output = grpcurl("-max-time", "1", server.target, f"{SERVICE}/ConverseStream", data=request, fails=True)
    assert "messageStart" in output and "Code: DeadlineExceeded" in output, output


@check
def a_unix_socket(server):
    with tempfile.TemporaryDirectory(prefix="grpcurl-") as folder:
        with gateway(server.upstream, listen=f"{folder}/grpc.sock"):
            for target in (["-unix", f"{folder}/grpc.sock"], [f"unix://{folder}/grpc.sock"],
                           # Clients of gRPC-Java send the path as it is.
                           ["-unix", "-authority", f"{folder}/grpc.sock", f"{folder}/grpc.sock"]):
                [response] = messages(grpcurl(*target, f"{SERVICE}/Converse", data=HELLO))
                assert response["stopReason"] == "end_turn", (target, response)


def main():
    with simulator() as bedrock, gateway(bedrock.url) as server:
        server.upstream = bedrock.url
        return run(CHECKS, server)


if __name__ == "__main__":
    sys.exit(main())
