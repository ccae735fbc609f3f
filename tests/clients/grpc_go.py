#!/usr/bin/env python3
"""Tests the gateway's Unix socket with grpc-go: the examples of the Go client, which take any gRPC target.

    python tests/clients/grpc_go.py

Starts the gateway and the simulator itself. Needs Go, tests/clients/requirements.txt and a built binary.
"""

import os
import subprocess
import sys
import tempfile

from support import ROOT, gateway, run, simulator

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def example(name, target):
    """What an example of the Go client prints."""
    done = subprocess.run(["go", "-C", str(ROOT / "client/go"), "run", f"./examples/{name}"], capture_output=True, text=True,
                          env={**os.environ, "BEDROCK_GRPC_TARGET": target}, timeout=300)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@check
def a_unary_call(target):
    assert "Hello" in example("hello", target)


@check
def a_stream(target):
    assert example("stream", target).strip()


def main():
    with tempfile.TemporaryDirectory(prefix="grpc-go-") as folder, simulator() as bedrock:
        with gateway(bedrock.url, listen=f"{folder}/grpc.sock") as server:
            return run(CHECKS, server.target)


if __name__ == "__main__":
    sys.exit(main())
