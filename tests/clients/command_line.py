#!/usr/bin/env python3
"""Runs the commands `call`, `chat` and `top` with the gateway and the simulator. `chat` and `top` run in a pseudo terminal.

    python tests/clients/command_line.py

Starts the gateway and the simulator itself. Needs a built binary.
"""

import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

from support import BINARY, MODEL, gateway, run, simulator

HELLO = json.dumps({"messages": [{"role": "user", "content": [{"text": "Hello"}]}]})
TOOLS = {"tools": [{"toolSpec": {"name": "get_weather", "description": "The weather", "inputSchema": {"json": {
    "type": "object", "properties": {"unit": {"type": "string"}, "city": {"type": "string"}}, "required": ["city"]}}}}]}
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


class Commands:
    def __init__(self, server, admin):
        self.admin = admin
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("BEDROCK_GRPC_")}
        self.environment["BEDROCK_GRPC_ADDRESS"] = server.target
        self.gateway = server

    def run(self, *arguments, stdin=""):
        return subprocess.run([BINARY, *arguments], input=stdin, env=self.environment, capture_output=True, text=True,
                              timeout=60)

    def call(self, *arguments, stdin=""):
        """The lines of a call that succeeds."""
        done = self.run("call", *arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


class Program:
    """A command in a pseudo terminal of 24 lines."""

    def __init__(self, commands, *arguments):
        self.output = ""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
            os.execve(BINARY, [BINARY, *arguments], commands.environment | {"TERM": "xterm"})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.terminal)

    def wait(self):
        """Waits for the end of the process. Returns its exit code."""
        status = os.waitpid(self.pid, 0)[1]
        self.pid = None
        return os.waitstatus_to_exitcode(status)

    def enter(self, line, prompt="> "):
        """Waits for the prompt and enters a line."""
        self.wait_for(prompt)
        self.type(line + "\n")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def wait_for(self, text, seconds=30):
        """Reads until the screen has `text`. Returns what came before it, and removes both."""
        end = time.monotonic() + seconds
        while text not in plain(self.output):
            ready, _, _ = select.select([self.terminal], [], [], max(0, end - time.monotonic()))
            assert ready, f"{text!r} did not appear: {self.output[-2000:]!r}"
            self.output += os.read(self.terminal, 65536).decode(errors="replace")
        before, _, self.output = plain(self.output).partition(text)
        return before


class Chat(Program):
    """A chat."""

    def __init__(self, commands, *arguments):
        super().__init__(commands, "chat", *arguments)

    def __enter__(self):
        self.wait_for("Ctrl-D ends the chat")
        return self


def plain(output):
    """The text without the control sequences of the terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", output)


@check
def call_prints_the_response_as_aws_json(commands):
    for operation in ("Converse", "converse"):
        [response] = commands.call(operation, "-m", MODEL, "-d", HELLO)
        assert response["stopReason"] == "end_turn" and response["output"]["message"]["content"][0]["text"]


@check
def call_reads_standard_input_and_files(commands):
    request = json.dumps({"modelId": MODEL} | json.loads(HELLO))
    assert commands.call("Converse", stdin=request)[0]["usage"]["outputTokens"] > 0
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(request)
        file.flush()
        assert commands.call("Converse", "-d", f"@{file.name}")[0]["usage"]["outputTokens"] > 0


@check
def call_prints_the_events_of_a_stream(commands):
    events = commands.call("ConverseStream", "-m", MODEL, "-d", HELLO)
    kinds = [next(iter(event)) for event in events]
    assert kinds[0] == "messageStart" and kinds[-2:] == ["messageStop", "metadata"], kinds


@check
def call_prints_events_while_they_arrive(commands):
    process = subprocess.Popen([BINARY, "call", "ConverseStream", "-m", "fault.stall.after.3", "-d", HELLO],
                               env=commands.environment, stdout=subprocess.PIPE, text=True)
    try:
        assert [next(iter(json.loads(process.stdout.readline()))) for _ in range(3)][0] == "messageStart"
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@check
def call_sends_documents_as_pasted_from_aws(commands):
    request = {"messages": [{"role": "user", "content": [{"text": "What is the weather in Paris?"}]}], "toolConfig": TOOLS}
    [response] = commands.call("Converse", "-m", MODEL, "-d", json.dumps(request))
    assert response["stopReason"] == "tool_use"
    [use] = [block["toolUse"] for block in response["output"]["message"]["content"] if "toolUse" in block]
    assert use["name"] == "get_weather" and use["input"]["city"] == "Paris"


@check
def call_takes_and_prints_the_body_of_invoke_model_as_json(commands):
    [response] = commands.call("InvokeModel", "-m", "amazon.titan-embed-text-v2:0", "-d", '{"inputText": "Hello"}')
    assert len(response["body"]["embedding"]) > 0, response
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 20, "messages": [{"role": "user", "content": "Hi"}]}
    chunks = commands.call("InvokeModelWithResponseStream", "-m", MODEL, "-d", json.dumps({"body": body}))
    assert chunks[0]["chunk"]["bytes"]["type"] == "message_start", chunks


@check
def call_exits_with_64_plus_the_status_and_prints_the_error(commands):
    for model, exit_code, texts in [
        ("fault.throttling", 64 + 8, ["RESOURCE_EXHAUSTED (THROTTLING)", "retry in", "Bedrock's request id"]),
        ("fault.access-denied", 64 + 7, ["PERMISSION_DENIED (ACCESS_DENIED)"]),
    ]:
        done = commands.run("call", "Converse", "-m", model, "-d", HELLO, "--no-retry")
        assert done.returncode == exit_code and done.stdout == "", done
        assert all(text in done.stderr for text in texts), done.stderr


@check
def call_ends_at_its_deadline(commands):
    started = time.monotonic()
    done = commands.run("call", "Converse", "-m", "fault.slow.9000", "-d", HELLO, "--deadline", "500ms")
    assert done.returncode == 64 + 4 and "DEADLINE_EXCEEDED" in done.stderr, done
    assert time.monotonic() - started < 8


@check
def call_reports_wrong_input(commands):
    done = commands.run("call", "Converse", "-m", MODEL, "-d", '{"secret" 1}')
    assert done.returncode == 2 and "line 1 column" in done.stderr and "secret" not in done.stderr, done
    assert commands.run("call", "Convers", "-d", "{}").returncode == 2
    done = commands.run("call", "Converse", "-d", HELLO, "--address", "127.0.0.1:1", "-m", MODEL)
    assert done.returncode == 64 + 14 and "cannot connect" in done.stderr, done
    done = commands.run("call", "Converse", "-m", MODEL, "-d", '{"colour": "red"}')
    assert "the schema does not know colour" in done.stderr, done


@check
def call_sends_metadata_and_prints_it_when_verbose(commands):
    done = commands.run("call", "Converse", "-m", MODEL, "-d", HELLO, "-v", "-H", "traceparent=00-" + "1" * 32 + "-" + "2" * 16 + "-01")
    assert "x-amzn-requestid:" in done.stderr and "bedrock-grpc-region: us-east-1" in done.stderr, done


@check
def chat_is_a_filter_in_a_pipe(commands):
    done = commands.run("chat", "-m", MODEL, "Summarize:", stdin="A long text.")
    assert done.returncode == 0 and done.stdout.strip() and "\x1b" not in done.stdout and "tokens" not in done.stdout, done
    done = commands.run("chat", "-m", "fault.access-denied", stdin="Hello")
    assert done.returncode == 64 + 7 and "ACCESS_DENIED" in done.stderr, done


@check
def chat_streams_responses_with_usage_cost_and_time(commands):
    model = "amazon.nova-lite-v1:0"  # no other check here calls it
    with Chat(commands, "-m", model) as chat:
        chat.enter("Hello")
        text = chat.wait_for("first token after ")
        # The gateway sends no cost, so it is the one by the built-in prices.
        assert "input and" in text and "output tokens, about $0.0" in text, text
        chat.enter("And again\\")
        chat.enter("on two lines", prompt=". ")
        chat.wait_for("output tokens")
        chat.wait_for("> ")
        chat.type("\x04")
        assert chat.wait() == 0
    first, second = commands.gateway.wait_for_calls(model, 2)
    assert second["input_tokens"] > first["input_tokens"], "the second turn has the first one before it"


@check
def lines_typed_while_a_response_streams_are_sent_after_it(commands):
    model = "fault.slow.1500"
    with Chat(commands, "-m", model) as chat:
        chat.enter("Hello")
        chat.type("second\nthird\n")
        for said in "Hello", "second", "third":
            chat.wait_for(f'You said: "{said}"')
            chat.wait_for("output tokens")


@check
def ctrl_c_stops_the_response_and_not_the_chat(commands):
    model = "fault.stall.after.4"
    with Chat(commands, "-m", model) as chat:
        chat.enter("Hello")
        chat.wait_for("You")  # the text before the stall
        chat.type("\x03")
        chat.wait_for("(stopped)")
        chat.enter(f"/model {MODEL}")
        chat.enter("Hello")
        chat.wait_for("output tokens")
    [line] = commands.gateway.wait_for_calls(model, 1)
    assert line["status"] == "CANCELLED", line


@check
def chat_shows_errors_and_continues(commands):
    with Chat(commands, "-m", "fault.access-denied", "--no-retry") as chat:
        chat.enter("Hello")
        chat.wait_for("ACCESS_DENIED")
        chat.enter("/nonsense")
        chat.wait_for("there is no command /nonsense")
        chat.enter(f"/model {MODEL}")
        chat.enter("Hello")
        chat.wait_for("output tokens")


@check
def chat_saves_and_loads_conversations(commands):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "chat.json"
        with Chat(commands, "-m", MODEL, "-s", "Be brief.") as chat:
            chat.enter("Hello")
            chat.wait_for("output tokens")
            chat.enter(f"/save {path}")
            chat.wait_for("saved ")
        saved = json.loads(path.read_text())
        assert saved["modelId"] == MODEL and saved["system"] == [{"text": "Be brief."}] and len(saved["messages"]) == 2
        with Chat(commands, "-m", "other") as chat:
            chat.enter(f"/load {path}")
            chat.wait_for("loaded ")
            chat.enter("/system")
            chat.wait_for("Be brief.")
            chat.enter("/model")
            chat.wait_for(MODEL)
        # The saved file is a request.
        saved["messages"].append({"role": "user", "content": [{"text": "More"}]})
        assert commands.call("ConverseStream", stdin=json.dumps(saved))[-1]["metadata"]


@check
def chat_shows_tool_calls_and_takes_their_results(commands):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"modelId": MODEL, "messages": [], "toolConfig": TOOLS}, file)
        file.flush()
        with Chat(commands, "--load", file.name) as chat:
            chat.enter("What is the weather in Paris?")
            chat.wait_for('get_weather({')
            chat.enter("18 degrees", prompt="result of get_weather> ")
            chat.wait_for("output tokens")


@check
def top_shows_models_in_a_terminal_until_q(commands):
    commands.call("Converse", "-m", MODEL, "-d", HELLO)
    with Program(commands, "top", "--address", commands.admin, "--interval", "200ms") as top:
        # Later only the cells that change are written.
        top.wait_for(MODEL[:20])
        top.type("q")
        # The program ends while it still writes to the terminal.
        while select.select([top.terminal], [], [], 0.05)[0]:
            try:
                os.read(top.terminal, 65536)
            except OSError:
                break
        assert top.wait() == 0


@check
def top_in_a_pipe_ends_with_its_reader(commands):
    command = f"{BINARY} top --address {commands.admin} --interval 10ms | head -2"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], env=commands.environment, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 2 and not done.stderr, done


def main():
    with tempfile.TemporaryDirectory() as folder:
        admin = os.environ["BEDROCK_GRPC_ADMIN_LISTEN"] = f"{folder}/admin.sock"
        with simulator() as bedrock, gateway(bedrock.url) as server:
            return run(CHECKS, Commands(server, admin))


if __name__ == "__main__":
    sys.exit(main())
