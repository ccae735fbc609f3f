#!/usr/bin/env python3
"""Tests TLS and callers with grpc-python, grpcurl and grpc-go: a client certificate, a token of a local issuer, an API key.

    python tests/clients/callers.py

Starts the gateway and the simulator itself. Needs grpcurl and Go on the PATH, tests/clients/requirements.txt and a built binary.
"""

import base64
import http.server
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from certificates import key_and_certificate, pem
from support import BINARY, ROOT, SERVICE, LeftOut, Process, details, free_port, generate, run, simulator

v1 = generate()
SPIFFE = "spiffe://prod/ns/search/sa/web"
ISSUER = "https://issuer.test"
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def text(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


class Issuer:
    """An issuer of tokens with an https server for its keys."""

    def __init__(self, folder):
        self.key = ec.generate_private_key(ec.SECP256R1())
        numbers = self.key.public_key().public_numbers()
        x, y = (text(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
        document = json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "x": x, "y": y}]}).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("content-length", str(len(document)))
                self.end_headers()
                self.wfile.write(document)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"https://localhost:{self.server.server_port}/keys"

    def token(self, subject, seconds=600):
        head = text(json.dumps({"alg": "ES256", "kid": "1"}).encode())
        claims = {"iss": ISSUER, "aud": "bedrock-grpc", "sub": subject, "exp": int(time.time()) + seconds}
        message = f"{head}.{text(json.dumps(claims).encode())}"
        r, s = utils.decode_dss_signature(self.key.sign(message.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{message}.{text(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


class Fixture:
    """The files of a gateway with TLS and callers."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        authority = key_and_certificate("authority")
        server = key_and_certificate("server", authority, [x509.DNSName("localhost")])
        client = key_and_certificate("client", authority, [x509.UniformResourceIdentifier(SPIFFE)])
        for name, pair in {"ca": authority, "server": server, "client": client}.items():
            for suffix, content in zip(("key", "pem"), pem(pair)):
                (self.folder / f"{name}.{suffix}").write_bytes(content)
        self.issuer = Issuer(self.folder)
        printed = subprocess.run([BINARY, "key", "new"], capture_output=True, text=True, check=True).stdout
        self.key, identity = (line for line in printed.splitlines() if not line.startswith("#"))
        self.port = free_port()
        self.target = f"localhost:{self.port}"
        (self.folder / "gateway.yaml").write_text(f"""
server:
  listen: ["127.0.0.1:{self.port}"]
  tls: {{ certificate: server.pem, key: server.key, client_ca: ca.pem, client_certificates: optional }}
callers:
  certificate: {{ identity: ["spiffe://prod/ns/search/*"] }}
  token: {{ identity: ["jwt:search@example.com"] }}
  key: {{ identity: [{identity}] }}
authentication:
  jwt:
    local: {{ issuer: "{ISSUER}", audience: [bedrock-grpc], jwks: "{self.issuer.url}", ca: ca.pem }}
""")

    def path(self, name):
        return str(self.folder / name)

    def gateway(self, upstream):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "OTEL_", "BEDROCK_GRPC_"))}
        environment |= {
            "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": upstream,
        }
        command = [BINARY, "serve", "--log-format", "json", "--config", self.path("gateway.yaml")]
        self.process = Process(command, ("127.0.0.1", self.port), environment)
        return self.process

    def called_by(self, caller):
        """Waits for the log line of a call by this caller."""
        end = time.monotonic() + 10
        while not any(line.get("caller") == caller for line in self.process.calls("demo.model")):
            assert time.monotonic() < end, f"no call by {caller}:\n{self.process.output()}"
            time.sleep(0.05)


def channel(fixture, has_certificate):
    read = lambda name: pathlib.Path(fixture.path(name)).read_bytes()
    pair = {"private_key": read("client.key"), "certificate_chain": read("client.pem")} if has_certificate else {}
    return grpc.secure_channel(fixture.target, grpc.ssl_channel_credentials(read("ca.pem"), **pair))


def python_call(fixture, has_certificate=False, metadata=()):
    request = v1.ConverseRequest(model_id="demo.model", messages=[v1.Message(role="user", content=[v1.ContentBlock(text="Hi")])])
    with channel(fixture, has_certificate) as connection:
        return v1.Stub(connection).Converse(request, timeout=30, metadata=metadata)


def rejected(call, problem):
    """The call fails as UNAUTHENTICATED with CALLER_UNKNOWN and this problem."""
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAUTHENTICATED and problem in error.details(), error
        assert details(error)["ErrorInfo"].reason == "CALLER_UNKNOWN", error
    else:
        raise AssertionError("the call succeeded")


@check
def grpc_python_with_a_certificate_a_token_and_a_key(fixture):
    python_call(fixture, has_certificate=True)
    fixture.called_by("certificate")
    python_call(fixture, metadata=[("authorization", f"Bearer {fixture.issuer.token('search@example.com')}")])
    fixture.called_by("token")
    python_call(fixture, metadata=[("x-api-key", fixture.key)])
    python_call(fixture, metadata=[("authorization", f"Bearer {fixture.key}")])
    fixture.called_by("key")


@check
def grpc_python_without_a_valid_credential(fixture):
    rejected(lambda: python_call(fixture), "the call has no credential")
    rejected(lambda: python_call(fixture, metadata=[("x-api-key", fixture.key[:-1])]), "the API key is unknown")
    expired = fixture.issuer.token("search@example.com", seconds=-60)
    rejected(lambda: python_call(fixture, metadata=[("authorization", f"Bearer {expired}")]), "the token has expired")


def grpcurl(fixture, *arguments, fails=False):
    request = {"modelId": "demo.model", "messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    command = ["grpcurl", "-cacert", fixture.path("ca.pem"), *arguments, "-d", json.dumps(request), fixture.target,
               f"{SERVICE}/Converse"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode != 0) == fails, f"{command}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@check
def grpcurl_with_a_certificate_a_token_and_a_key(fixture):
    if not shutil.which("grpcurl"):
        raise LeftOut("grpcurl is not installed")
    for arguments in [
        ("-cert", fixture.path("client.pem"), "-key", fixture.path("client.key")),
        ("-H", f"authorization: Bearer {fixture.issuer.token('search@example.com')}"),
        ("-H", f"x-api-key: {fixture.key}"),
    ]:
        assert "end_turn" in grpcurl(fixture, *arguments), arguments
    output = grpcurl(fixture, fails=True)
    assert "Code: Unauthenticated" in output and '"reason": "CALLER_UNKNOWN"' in output, output


def go_call(fixture, **variables):
    environment = {**os.environ, "BEDROCK_GRPC_TARGET": fixture.target, "BEDROCK_GRPC_CA": fixture.path("ca.pem"), **variables}
    return subprocess.run(["go", "-C", str(ROOT / "client/go"), "run", "./examples/tls"], capture_output=True, text=True,
                          env=environment, timeout=300)


@check
def grpc_go_with_a_certificate_a_token_and_a_key(fixture):
    if not shutil.which("go"):
        raise LeftOut("Go is not installed")
    for variables in [
        {"BEDROCK_GRPC_CERTIFICATE": fixture.path("client.pem"), "BEDROCK_GRPC_KEY": fixture.path("client.key")},
        {"BEDROCK_GRPC_TOKEN": fixture.issuer.token("search@example.com")},
        {"BEDROCK_GRPC_API_KEY": fixture.key},
    ]:
        done = go_call(fixture, **variables)
        assert done.returncode == 0 and "Hello" in done.stdout, f"{variables}: {done.stdout}\n{done.stderr}"
    done = go_call(fixture)
    assert done.returncode != 0 and "the call has no credential" in done.stderr, done.stderr


def main():
    with tempfile.TemporaryDirectory(prefix="callers-") as folder, simulator() as bedrock:
        fixture = Fixture(folder)
        with fixture.gateway(bedrock.url):
            return run(CHECKS, fixture)


if __name__ == "__main__":
    sys.exit(main())
