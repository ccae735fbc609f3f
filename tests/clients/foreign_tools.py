#!/usr/bin/env python3
"""Tests the gateway with other people's gRPC tools: buf curl, grpc-health-probe, ghz.

    python tests/clients/foreign_tools.py

Starts the gateway and the simulator itself. Tools that are not on the PATH are left out.
"""

import base64
import json
import os
import shutil
import subprocess
import sys

from support import MODEL, SERVICE, LeftOut, gateway, run, simulator

HELLO = {"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
# As AWS's user guide has it: https://docs.aws.amazon.com/bedrock/latest/userguide/tool-use-inference-call.html
TOP_SONG = {
    "modelId": MODEL,
    "messages": [{"role": "user", "content": [{"text": "What is the most popular song on WZPZ?"}]}],
    "toolConfig": {"tools": [{"toolSpec": {
        "name": "top_song", "description": "Get the most popular song played on a radio station.",
        "inputSchema": {"json": {"type": "object", "properties": {
            "sign": {"type": "string", "description": "The call sign for the radio station."}}, "required": ["sign"]}}}}]},
}
PROTOCOLS = [["--protocol", "grpc", "--http2-prior-knowledge"], ["--protocol", "grpcweb"]]
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def tool(name, *arguments):
    if not shutil.which(name):
        raise LeftOut(f"{name} is missing")
    return subprocess.run([name, *arguments], capture_output=True, text=True, timeout=120)


def buf_curl(server, protocol, method, request):
    """`buf curl` with the schema from reflection. It prints one JSON object after the other."""
    url = f"http://{server.target}/{SERVICE}/{method}"
    return tool("buf", "curl", *protocol, "-d", json.dumps(request), url)


def objects(text):
    decoder, found, text = json.JSONDecoder(), [], text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].lstrip()
    return found


@check
def buf_curl_calls_over_grpc_and_grpc_web(server):
    for protocol in PROTOCOLS:
        done = buf_curl(server, protocol, "Converse", TOP_SONG)
        assert done.returncode == 0, done.stderr
        [response] = objects(done.stdout)
        [use] = [block["toolUse"] for block in response["output"]["message"]["content"] if "toolUse" in block]
        assert response["stopReason"] == "tool_use" and use["name"] == "top_song", response


@check
def buf_curl_reads_a_stream(server):
    for protocol in PROTOCOLS:
        done = buf_curl(server, protocol, "ConverseStream", HELLO)
        events = objects(done.stdout)
        assert done.returncode == 0 and {"messageStop": {"stopReason": "end_turn"}} in events, (done.stdout, done.stderr)


@check
def buf_curl_shows_the_details_of_an_error(server):
    for protocol in PROTOCOLS:
        done = buf_curl(server, protocol, "Converse", HELLO | {"modelId": "fault.throttling-daily"})
        [error] = objects(done.stderr)
        assert done.returncode == 8 << 3 and error["code"] == "resource_exhausted", (done.returncode, error)
        [info] = [detail["value"] for detail in error["details"] if detail["type"] == "google.rpc.ErrorInfo"]
        assert b"THROTTLING" in base64.b64decode(info + "=="), error


@check
def grpc_health_probe_reports_readiness(server):
    for arguments in [], ["-service", SERVICE]:
        done = tool("grpc-health-probe", "-addr", server.target, *arguments)
        assert done.returncode == 0 and "status: SERVING" in done.stderr + done.stdout, done
    done = tool("grpc-health-probe", "-addr", server.target, "-service", "no.such.Service")
    assert done.returncode == 3, done  # the RPC fails with NOT_FOUND


@check
def ghz_calls_by_reflection(server):
    for method, count in ("Converse", 200), ("ConverseStream", 50):
        done = tool("ghz", "--insecure", "--call", f"{SERVICE}.{method}", "--data", json.dumps(HELLO), "--total", str(count),
                    "--concurrency", "10", "--format", "json", server.target)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert report["statusCodeDistribution"] == {"OK": count}, report["statusCodeDistribution"]


def main():
    os.environ["BEDROCK_GRPC_GRPC_WEB"] = "true"
    with simulator() as bedrock, gateway(bedrock.url) as server:
        return run(CHECKS, server)


if __name__ == "__main__":
    sys.exit(main())
