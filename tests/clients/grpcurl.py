#!/usr/bin/env python3
"""Tests the gateway with grpcurl and with AWS's JSON pasted.

    python tests/clients/grpcurl.py

Starts the gateway and the simulator itself. Needs grpcurl on the PATH and tests/clients/requirements.txt.
"""

import json
import subprocess
import sys
import tempfile

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
            # grpcurl 1.9.2 and 1.9.3 fail with `-unix PATH` (fullstorydev/grpcurl issue 546).
            [response] = messages(grpcurl(f"unix://{folder}/grpc.sock", f"{SERVICE}/Converse", data=HELLO))
    assert response["stopReason"] == "end_turn", response


def main():
    with simulator() as bedrock, gateway(bedrock.url) as server:
        server.upstream = bedrock.url
        return run(CHECKS, server)


if __name__ == "__main__":
    sys.exit(main())
