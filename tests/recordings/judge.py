#!/usr/bin/env python3
"""Checks whether the simulator accepts and rejects the same requests as Amazon Bedrock did in recorded traffic.

    python tests/recordings/judge.py CASES.jsonl.gz [--show KIND]

Sends each recorded request to `bedrock-grpc simulate` and compares acceptance, error name, stop reason, the names of usage members and
the paths of members, and how a stream begins and ends. tests/recordings/disagreements.txt lists the known disagreements by name.
The comparison fails on a disagreement that is not listed, and on a listed one that no longer occurs. The recordings are
not part of this repository. Needs botocore.
"""

import argparse
import base64
import collections
import gzip
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from botocore.eventstream import EventStreamBuffer

ROOT = pathlib.Path(__file__).parents[2]
BINARY = os.environ.get("BEDROCK_GRPC", str(ROOT / "target/debug/bedrock-grpc"))
KNOWN = pathlib.Path(__file__).with_name("disagreements.txt")
# Failures of the account or of the service, which no request causes.
NOT_CAUSED_BY_THE_REQUEST = {403, 500, 503}
# Members whose content is the caller's or the model's own: names inside them are not compared.
FREE = {"input", "json", "additionalModelResponseFields", "embeddings", "embedding", "trace"}


def start_simulator():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([BINARY, "simulate", "--listen", f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process, f"http://127.0.0.1:{port}"
        except OSError:
            time.sleep(0.05)
    sys.exit("the simulator does not start")


def send(url, case):
    """Status, headers and body of the simulator's response."""
    body = json.dumps(case["request_json"]).encode()
    headers = {name: value for name, value in case["request_headers"] if name.lower() != "content-length"}
    headers.setdefault("content-type", "application/json")
    headers["authorization"] = "Bearer test"
    request = urllib.request.Request(url + case["uri_path"], data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def error_name(headers):
    headers = {name.lower(): value for name, value in dict(headers).items()}
    return headers.get("x-amzn-errortype", "").split(":")[0]


def paths(value, at=""):
    """The paths of members that have a value. Elements of a list have the same path."""
    if isinstance(value, list):
        return set().union(*(paths(element, at + "[]") for element in value))
    if not isinstance(value, dict):
        return set()
    found = set()
    for name, member in value.items():
        path = f"{at}.{name}"
        found.add(path)
        if name not in FREE:
            found |= paths(member, path)
    return found


def events(body):
    """The stream's events, as pairs of type and payload. Deltas of one kind in a row are one: chunks have no fixed size."""
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    result = []
    for message in buffer:
        kind = message.headers.get(":event-type") or message.headers.get(":exception-type")
        payload = json.loads(message.payload or b"{}")
        payload.pop("p", None)  # padding
        if kind == "chunk":
            payload = json.loads(base64.b64decode(payload["bytes"]))
            kind = payload.get("type", "chunk")
        if "delta" in kind.lower() and isinstance(payload.get("delta"), dict):
            kind += ":" + "+".join(sorted(name for name in payload["delta"] if name != "type"))
        if not result or result[-1][0] != kind:
            result.append((kind, payload))
    return result


def usage_of(response):
    return set(response.get("usage") or {})


def compare_whole(recorded, simulated):
    """The names of what differs in two responses that are one JSON object each."""
    kinds = []
    if usage_of(recorded) != usage_of(simulated):
        kinds.append("usage")
    drop = lambda found: {path for path in found if not path.startswith((".usage", ".metrics"))}
    if drop(paths(recorded)) != drop(paths(simulated)):
        kinds.append("members")
    for name in ("stopReason", "stop_reason"):
        if recorded.get(name) != simulated.get(name):
            kinds.append("stop reason")
    return kinds


def compare_streams(recorded, simulated):
    kinds = []
    # What the model writes (text, reasoning, tools) is its own choice; the protocol around it is not.
    kept = lambda all_events: [kind for kind, _ in all_events if "delta" not in kind.lower()]
    if kept(recorded)[:1] != kept(simulated)[:1] or kept(recorded)[-2:] != kept(simulated)[-2:]:
        kinds.append("event order")
    last = lambda all_events: all_events[-1][1] if all_events else {}
    if usage_of(last(recorded)) != usage_of(last(simulated)):
        kinds.append("usage")
    return kinds


def compare(case, status, headers, body):
    if case["status"] in NOT_CAUSED_BY_THE_REQUEST:
        return []
    if case["status"] == 200 and status != 200:
        return ["wrongly rejected"]
    if case["status"] != 200 and status == 200:
        return ["wrongly accepted"]
    recorded = base64.b64decode(case["response_body_b64"])
    if status != 200:
        recorded_name = error_name(case["response_headers"])  # not every recording kept the header
        return [] if recorded_name in ("", error_name(headers)) else ["error name"]
    if case["operation"].endswith("Stream"):
        return compare_streams(events(recorded), events(body))
    return compare_whole(json.loads(recorded), json.loads(body))


def known_disagreements():
    """The pairs of recording and kind that disagreements.txt lists. A line is `KIND | RECORDING | REASON`."""
    known = {}
    for line in KNOWN.read_text().splitlines() if KNOWN.exists() else []:
        if line and not line.startswith("#"):
            kind, recording, reason = (part.strip() for part in line.split("|", 2))
            known[recording, kind] = reason
    return known


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cases")
    parser.add_argument("--show", help="print the disagreements of this kind, with the simulator's message")
    arguments = parser.parse_args()
    with gzip.open(arguments.cases, "rt") as file:
        cases = [json.loads(line) for line in file]
    process, url = start_simulator()
    found = {}
    try:
        for case in cases:
            status, headers, body = send(url, case)
            for kind in compare(case, status, headers, body):
                found[case["id"], kind] = case
                if kind == arguments.show:
                    print(case["id"], case["operation"], case["model_id"], status, body[:200] if status != 200 else "",
                          base64.b64decode(case["response_body_b64"])[:200] if case["status"] != 200 else "")
    finally:
        process.kill()
        process.wait()
    counts = collections.Counter(kind for _, kind in found)
    compared = sum(case["status"] not in NOT_CAUSED_BY_THE_REQUEST for case in cases)
    print(f"{compared} recordings compared: " + (", ".join(f"{kind} {count}" for kind, count in sorted(counts.items())) or "no disagreement"))
    known = known_disagreements()
    # A user's test depends most on acceptance, so each disagreement about acceptance must be listed with a reason.
    # For the other kinds only the number is limited.
    new = sorted((kind, recording) for recording, kind in found if "wrongly" in kind and (recording, kind) not in known)
    gone = sorted((kind, recording) for recording, kind in known if "wrongly" in kind and (recording, kind) not in found)
    for kind, recording in new:
        print(f"FAILED    {kind}: {recording}, which disagreements.txt does not list")
    for kind, recording in gone:
        print(f"FAILED    {kind}: {recording} is listed in disagreements.txt, and they agree now")
    limits = {kind: int(limit.removeprefix("at most")) for limit, kind in known if limit.startswith("at most")}
    for kind, limit in limits.items():
        if counts[kind] > limit:
            print(f"FAILED    {kind}: {counts[kind]} disagreements; disagreements.txt allows {limit}")
            new.append((kind, ""))
    return 1 if new or gone else 0


if __name__ == "__main__":
    sys.exit(main())
