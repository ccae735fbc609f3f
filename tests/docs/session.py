"""Runs the blocks of one page from top to bottom."""

import json
import os
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import time

import markdown

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ["BEDROCK_GRPC"])
TIMEOUT = 120  # seconds for one block; the slowest takes about 20
DEFAULT_LISTEN = "127.0.0.1:50051"

# What differs from run to run.
VARIABLE = [
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\b\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"), "<date>"),
    (re.compile(r"\b\d+(\.\d+)?s\b"), "<delay>"),
]


class Failed(Exception):
    """Why a block failed."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def clean_environment():
    """The environment without AWS and OpenTelemetry settings of this machine."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "OTEL_", "BEDROCK_GRPC"))}
    return environment | {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                          "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": ""}


def can_connect(address):
    unix = isinstance(address, str)
    with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as s:
        try:
            s.connect(address)
        except OSError:
            return False
        return True


def normalized(line):
    for pattern, name in VARIABLE:
        line = pattern.sub(name, line)
    return line.rstrip()


def matches(expected, output):
    """Whether output has the expected lines, where `...` is a wildcard."""
    pattern = ""
    for line in expected:
        if line == "...":
            pattern += r"(?:.*\n)*?"
        elif line.endswith("..."):
            pattern += re.escape(normalized(line[:-3])) + r".*\n"
        else:
            pattern += re.escape(normalized(line)) + r"\n"
    text = "".join(normalized(line) + "\n" for line in output.strip("\n").splitlines())
    return re.fullmatch(pattern, text) is not None


class Session:
    """The folder, the environment and the servers of one page."""

    def __init__(self, simulator_url):
        self.simulator_url = simulator_url
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="docs-test-"))
        for name in ("client", "proto"):
            (self.folder / name).symlink_to(ROOT / name)
        self.ports, self.servers = {}, []
        self.environment = clean_environment()
        self.environment["PATH"] = f"{BINARY.parent}:{self.environment['PATH']}"
        self.environment["BEDROCK_GRPC_LISTEN"] = self.with_free_ports(DEFAULT_LISTEN)

    def close(self):
        self.stop_servers()
        shutil.rmtree(self.folder)

    def with_free_ports(self, text):
        """The text with each loopback port replaced by a free one, always by the same."""
        def replace(match):
            if match[1] not in self.ports:
                self.ports[match[1]] = free_port()
            return f"127.0.0.1:{self.ports[match[1]]}"
        return re.sub(r"127\.0\.0\.1:(\d{4,5})\b", replace, text)

    def run(self, block):
        {"sh": self.run_script, "console": self.run_transcript, "python": self.run_python,
         "json": lambda block: json.loads(block.text)}[block.language](block)

    def run_script(self, block):
        if block.marker("background") is not None:
            return self.start_servers(block)
        kept = self.folder / ".environment"
        script = f"set -euo pipefail\n{self.with_free_ports(block.text)}\nenv -0 >{kept}\n"
        output, code = self.bash(script)
        wanted = int(block.marker("exit-code") or 0)
        if code != wanted:
            raise Failed(f"exit code {code} instead of {wanted}\n{output}")
        if code:
            return None  # the script ended before it wrote its environment
        for entry in kept.read_text().split("\0"):
            name, _, value = entry.partition("=")
            if name not in ("", "_", "SHLVL", "PWD", "OLDPWD"):
                self.environment[name] = value
        return None

    def run_transcript(self, block):
        wanted = int(block.marker("exit-code") or 0)
        steps = markdown.transcript(block.text)
        script = "set -o pipefail\n"
        for command, _ in steps:
            script += f"{self.with_free_ports(command)}\nprintf '\\n\\001%d\\001\\n' $?\n"
        output, _ = self.bash(script)
        parts = re.split(r"\n?\x01(\d+)\x01\n", output)
        for index, (command, expected) in enumerate(steps):
            printed = parts[2 * index] if 2 * index < len(parts) else ""
            code = int(parts[2 * index + 1]) if 2 * index + 1 < len(parts) else None
            if code != wanted:
                raise Failed(f"$ {command}\nexit code {code} instead of {wanted}\n{printed}")
            while expected and not expected[-1].strip():
                expected.pop()
            expected = [self.with_free_ports(line) for line in expected]
            if expected and not matches(expected, printed):
                wanted_text = "\n".join(expected)
                raise Failed(f"$ {command}\n--- expected\n{wanted_text}\n--- printed\n{printed}")

    def run_python(self, block):
        program = self.folder / "example.py"
        program.write_text(self.with_free_ports(block.text))
        output, code = self.bash("python example.py")
        if code:
            raise Failed(f"exit code {code}\n{output}")

    def bash(self, script):
        """Runs a script; what it printed on both channels, and its exit code."""
        try:
            done = subprocess.run(["bash", "-c", script], cwd=self.folder, env=self.environment, text=True, errors="replace",
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT)
        except subprocess.TimeoutExpired as timeout:
            raise Failed(f"it did not end within {TIMEOUT} s\n{timeout.output}") from timeout
        return done.stdout, done.returncode

    def start_servers(self, block):
        self.stop_servers()
        environment = dict(self.environment)
        if block.marker("on-simulator") is not None:
            environment |= {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any",
                            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": self.simulator_url}
        for command in markdown.commands(self.with_free_ports(block.text)):
            log = tempfile.TemporaryFile("w+")
            server = subprocess.Popen(["bash", "-c", f"exec env {command}"], cwd=self.folder, env=environment,
                                      stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
            self.servers.append(server)
            self.wait_until_it_listens(server, command, log)

    def wait_until_it_listens(self, server, command, log):
        words = shlex.split(command.replace("\\\n", " "))
        listen = words[words.index("--listen") + 1] if "--listen" in words else self.environment["BEDROCK_GRPC_LISTEN"]
        addresses = [self.address_of(listen)]
        # The admin port opens after the other one.
        if "--admin-listen" in words:
            addresses.append(self.address_of(words[words.index("--admin-listen") + 1]))
        # `simulate --tls FILE` writes its certificate after it listens.
        file = self.folder / words[words.index("--tls") + 1] if "--tls" in words else None
        end = time.monotonic() + 30
        while not all(map(can_connect, addresses)) or (file and not file.exists()):
            if server.poll() is not None or time.monotonic() > end:
                log.seek(0)
                raise Failed(f"{command}\ndoes not listen on {listen}\n{log.read()}")
            time.sleep(0.05)

    def address_of(self, listen):
        """The address of `host:port`, or of a Unix socket."""
        if "/" in listen:
            return str(self.folder / listen)
        host, _, port = listen.rpartition(":")
        return host, int(port)

    def stop_servers(self):
        for server in self.servers:
            server.terminate()
        for server in self.servers:
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        self.servers = []
