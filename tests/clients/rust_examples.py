#!/usr/bin/env python3
"""Runs the examples of the Rust client with the gateway and the simulator, and compares them with the README.

    python tests/clients/rust_examples.py

Starts the gateway and the simulator itself. Needs cargo and a built binary.
"""

import subprocess
import sys

from support import ROOT, gateway, run, simulator

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


class Examples:
    def __init__(self, server):
        self.endpoint = f"http://{server.target}"

    def run(self, name):
        command = ["cargo", "run", "--quiet", "--package", "bedrock-grpc-client", "--example", name, "--", self.endpoint]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return done.stdout


@check
def hello_prints_the_response(examples):
    assert examples.run("hello").strip()


@check
def stream_prints_text_and_usage(examples):
    assert "output tokens" in examples.run("stream")


@check
def tool_loop_runs_the_function(examples):
    output = examples.run("tool_loop")
    assert 'get_weather({"city":"Paris"})' in output and "2 turns" in output, output


@check
def errors_shows_reason_and_delay(examples):
    output = examples.run("errors")
    assert "ResourceExhausted (THROTTLING)" in output and "retry in Some(" in output, output


@check
def readme_contains_the_examples(_):
    readme = (ROOT / "client/rust/README.md").read_text()
    for name in ("hello", "stream", "errors"):
        source = (ROOT / f"client/rust/examples/{name}.rs").read_text()
        program = source.split('"an example prints")]\n\n')[1]
        assert program in readme, f"{name}.rs is not in the README"
    assert len([line for line in readme.split("```rust,no_run\n")[1].split("```")[0].splitlines() if line]) <= 10


def main():
    with simulator() as bedrock, gateway(bedrock.url) as server:
        return run(CHECKS, Examples(server))


if __name__ == "__main__":
    sys.exit(main())
