"""Writes the bodies of recorded traffic to fuzz/corpus: python3 fuzz/seed.py cases.jsonl.gz"""

import base64
import gzip
import json
import pathlib
import sys

corpus = pathlib.Path(__file__).parent / "corpus"


def write(target: str, name: str, data: bytes) -> None:
    folder = corpus / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def frames(stream: bytes):
    """The type and the payload of each frame. https://smithy.io/2.0/aws/amazon-eventstream.html"""
    while len(stream) >= 16:
        total, headers = int.from_bytes(stream[:4], "big"), int.from_bytes(stream[4:8], "big")
        frame, stream = stream[:total], stream[total:]
        head = frame[12 : 12 + headers]
        _, _, rest = head.partition(b":event-type\x07")
        yield rest[2 : 2 + int.from_bytes(rest[:2], "big")], frame[12 + headers : -4]


with gzip.open(sys.argv[1], "rt") as cases:
    for case in map(json.loads, cases):
        body, name = base64.b64decode(case["response_body_b64"]), case["id"]
        if case["status"] != 200:
            write("error_body", name, b"ValidationException\n" + body)
            write("redaction", name, body)
        elif case["operation"].endswith("Stream"):
            write("event_stream", name, b"\x40" + body)
            for number, (event, payload) in enumerate(frames(body)):
                if case["operation"] == "ConverseStream" and number < 20:
                    write("event", f"{name}-{number}", event + b"\n" + payload)
        elif case["operation"] == "Converse":
            write("response", name, body)
        write("arn", name, case["model_id"].encode())
