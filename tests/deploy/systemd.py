#!/usr/bin/env python3
"""The server as a service of systemd: readiness, watchdog, reload and stop by sd_notify, and a socket that it is given.

    python tests/deploy/systemd.py

This test plays the role of systemd. Needs grpcio, grpcio-tools and a built binary.
"""

import contextlib
import os
import pathlib
import signal
import socket
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "clients"))

import grpc  # noqa: E402

from support import BINARY, MODEL, generate, run, simulator  # noqa: E402

v1 = generate()
FIRST_SOCKET = 3  # SD_LISTEN_FDS_START
WATCHDOG_SECONDS = 1


class Service:
    """The server with what systemd gives a service: a notification socket, a watchdog, and perhaps a listening socket."""

    def __init__(self, upstream, listen, passed=None):
        self.folder = tempfile.TemporaryDirectory(prefix="systemd-")
        self.inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.inbox.bind(f"{self.folder.name}/notify")
        self.inbox.settimeout(30)
        self.credentials = pathlib.Path(self.folder.name, "credentials")
        self.credentials.write_text("[default]\naws_access_key_id = AKIDFIRST\naws_secret_access_key = secret\n")
        self.log = open(f"{self.folder.name}/log", "w+")
        environment = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": f"{self.folder.name}/notify",
                       "WATCHDOG_USEC": str(WATCHDOG_SECONDS * 1_000_000), "AWS_REGION": "us-east-1", "AWS_CONFIG_FILE": os.devnull,
                       "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials), "AWS_EC2_METADATA_DISABLED": "true",
                       "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": upstream.url, "BEDROCK_GRPC_LISTEN": listen}
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.dup2(self.log.fileno(), 1), os.dup2(self.log.fileno(), 2)
                if passed:
                    os.dup2(passed.fileno(), FIRST_SOCKET)
                    os.set_inheritable(FIRST_SOCKET, True)
                    environment |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
                os.execve(BINARY, [BINARY, "serve"], environment)
            finally:
                os._exit(127)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.inbox.close()

    def messages_until(self, wanted):
        """Everything that the service has sent until a message with `wanted` in it."""
        seen = []
        while True:
            try:
                seen.append(self.inbox.recv(4096).decode())
            except TimeoutError:
                self.log.seek(0)
                raise AssertionError(f"no {wanted}; messages {seen}; log {self.log.read()[-2000:]}") from None
            if wanted in seen[-1].splitlines():
                return seen

    def exit_code(self):
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


def listening(family=socket.AF_INET, address=("127.0.0.1", 0)):
    listener = socket.socket(family)
    listener.bind(address)
    listener.listen(64)
    return listener


def converse(target):
    with grpc.insecure_channel(target) as channel:
        message = v1.Message(role="user", content=[v1.ContentBlock(text="Hello")])
        return v1.Stub(channel).Converse(v1.ConverseRequest(model_id=MODEL, messages=[message]), timeout=30)


def ready_means_that_calls_are_served():
    with simulator() as upstream, tempfile.TemporaryDirectory() as folder, Service(upstream, f"{folder}/grpc.sock") as service:
        service.messages_until("READY=1")
        assert converse(f"unix:{folder}/grpc.sock").stop_reason == "end_turn"


def watchdog_messages_arrive_in_half_of_the_watchdog_time():
    with simulator() as upstream, Service(upstream, "127.0.0.1:0") as service:
        service.messages_until("READY=1")
        service.messages_until("WATCHDOG=1")
        started = time.monotonic()
        for _ in range(4):
            service.messages_until("WATCHDOG=1")
        # On a busy machine it may take twice as long.
        assert time.monotonic() - started < 4 * WATCHDOG_SECONDS


def hangup_reloads_and_is_ready_again():
    with simulator() as upstream, tempfile.TemporaryDirectory() as folder, Service(upstream, f"{folder}/grpc.sock") as service:
        service.messages_until("READY=1")
        os.kill(service.pid, signal.SIGHUP)
        reloading = service.messages_until("RELOADING=1")[-1]
        assert any(line.startswith("MONOTONIC_USEC=") for line in reloading.splitlines()), reloading
        service.messages_until("READY=1")
        assert converse(f"unix:{folder}/grpc.sock").stop_reason == "end_turn"


def stop_is_reported_and_ends_with_zero():
    with simulator() as upstream, Service(upstream, "127.0.0.1:0") as service:
        service.messages_until("READY=1")
        os.kill(service.pid, signal.SIGTERM)
        service.messages_until("STOPPING=1")
        assert service.exit_code() == 0


def a_call_before_the_start_waits_in_the_socket_that_systemd_holds():
    with simulator() as upstream, listening() as listener:
        port = listener.getsockname()[1]
        # The caller connects before there is any server.
        with socket.create_connection(("127.0.0.1", port)), Service(upstream, "systemd", listener) as service:
            service.messages_until("READY=1")
            assert converse(f"127.0.0.1:{port}").stop_reason == "end_turn"


def a_unix_socket_of_systemd_stays_when_the_server_stops():
    with simulator() as upstream, tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/grpc.sock"
        with listening(socket.AF_UNIX, path) as listener, Service(upstream, "systemd", listener) as service:
            service.messages_until("READY=1")
            assert converse(f"unix:{path}").stop_reason == "end_turn"
            os.kill(service.pid, signal.SIGTERM)
            assert service.exit_code() == 0
            assert os.path.exists(path), "the server removed a socket that is not its own"


def without_a_socket_of_systemd_the_error_says_so():
    with simulator() as upstream, Service(upstream, "systemd") as service:
        assert service.exit_code() == 1
        service.log.seek(0)
        text = service.log.read()
        assert "cannot listen on systemd" in text and "LISTEN_FDS" in text, text


if __name__ == "__main__":
    sys.exit(run([
        ready_means_that_calls_are_served, watchdog_messages_arrive_in_half_of_the_watchdog_time, hangup_reloads_and_is_ready_again,
        stop_is_reported_and_ends_with_zero, a_call_before_the_start_waits_in_the_socket_that_systemd_holds,
        a_unix_socket_of_systemd_stays_when_the_server_stops, without_a_socket_of_systemd_the_error_says_so]))
