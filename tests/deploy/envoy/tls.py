#!/usr/bin/env python3
"""The Envoy of the chart (`tls.enabled`), run as it is rendered: mutual TLS, x-forwarded-client-cert, renewed certificates.

    python tests/deploy/envoy/tls.py

Needs `helm` in the PATH. Only paths and ports of the rendered text are replaced.
"""

import concurrent.futures
import ipaddress
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import grpc
import yaml
from cryptography import x509

from config import ROOT, Envoy
from certificates import key_and_certificate, pem
from support import MODEL, free_port, gateway, generate, run, simulator

v1 = generate()
SPIFFE = "spiffe://cluster.local/ns/search/sa/search"
HEALTH = "/grpc.health.v1.Health/Check"


class Fixture:
    """Authorities, certificates, and the folder that stands for the Secret's volume."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.authority, self.stranger = key_and_certificate("authority"), key_and_certificate("stranger")
        self.caller = pem(key_and_certificate("search", self.authority, [x509.UniformResourceIdentifier(SPIFFE)]))
        self.other = pem(key_and_certificate("search", self.stranger, [x509.UniformResourceIdentifier(SPIFFE)]))
        self.write_secret()

    def write_secret(self):
        """As Kubernetes does it: a new folder, and a symlink that is swapped."""
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        self.server = key_and_certificate("server", self.authority, names)
        key, certificate = pem(self.server)
        version = pathlib.Path(tempfile.mkdtemp(prefix="..", dir=self.folder))
        for name, content in {"tls.key": key, "tls.crt": certificate, "ca.crt": pem(self.authority)[1]}.items():
            (version / name).write_bytes(content)
            link = self.folder / name
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}")
        temporary = self.folder / "..data_tmp"
        temporary.symlink_to(version.name)
        temporary.rename(self.folder / "..data")

    def channel(self, target, certificate=None):
        key, chain = certificate or (None, None)
        return grpc.secure_channel(target, grpc.ssl_channel_credentials(pem(self.authority)[1], key, chain))


def chart_envoy(fixture, upstream_port):
    """The chart's Envoy with the paths and ports of this test."""
    values = ["--set", "tls.enabled=true", "--set", "tls.certificate.issuerRef.name=internal"]
    text = subprocess.run(["helm", "template", "bedrock-grpc", str(ROOT / "deploy/helm/bedrock-grpc"), *values,
                           "--show-only", "templates/configmaps.yaml"], check=True, capture_output=True, text=True).stdout
    files = yaml.safe_load(text)["data"]
    port, health = free_port(), free_port()
    config = pathlib.Path(tempfile.mkdtemp(prefix="chart-", dir=fixture.folder.parent))
    replace = {"0.0.0.0": "127.0.0.1", "port_value: 50051": f"port_value: {port}", "port_value: 50052": f"port_value: {upstream_port}",
               "port_value: 50053": f"port_value: {health}", "/etc/tls": str(fixture.folder), "/etc/envoy": str(config)}
    for name, content in files.items():
        for old, new in replace.items():
            content = content.replace(old, new)
        (config / name).write_text(content)
    process = Envoy((config / "envoy.yaml").read_text(), port, None)
    process.health_target = f"127.0.0.1:{health}"
    return process


def converse(channel):
    message = v1.Message(role="user", content=[v1.ContentBlock(text="Hello")])
    return v1.Stub(channel).Converse(v1.ConverseRequest(model_id=MODEL, messages=[message]), timeout=30)


def code_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


class Recorder:
    """A gRPC server in the gateway's place that records the metadata of each call."""

    def __init__(self):
        self.seen = []
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        self.server.add_generic_rpc_handlers([self])
        self.port = self.server.add_insecure_port("127.0.0.1:0")

    def service(self, _):
        def handle(_request, context):
            self.seen.append(dict(context.invocation_metadata()))
            return b""

        return grpc.unary_unary_rpc_method_handler(handle)

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop(None).wait()


def caller_with_a_certificate_of_the_authority_is_served():
    with tempfile.TemporaryDirectory() as folder, simulator() as upstream, gateway(upstream.url) as server:
        fixture = Fixture(tempfile.mkdtemp(dir=folder))
        with chart_envoy(fixture, server.address[1]) as proxy:
            with fixture.channel(proxy.target, fixture.caller) as channel:
                assert converse(channel).stop_reason == "end_turn"
            for certificate in (None, fixture.other):
                with fixture.channel(proxy.target, certificate) as channel:
                    assert code_of(lambda: converse(channel)) == grpc.StatusCode.UNAVAILABLE, certificate
            with grpc.insecure_channel(proxy.target) as channel:
                assert code_of(lambda: converse(channel)) == grpc.StatusCode.UNAVAILABLE
            assert len(server.calls(MODEL)) == 1, "a caller without a certificate of the authority reached the gateway"


def the_plaintext_port_has_health_and_nothing_else():
    with tempfile.TemporaryDirectory() as folder, simulator() as upstream, gateway(upstream.url) as server:
        fixture = Fixture(tempfile.mkdtemp(dir=folder))
        with chart_envoy(fixture, server.address[1]) as proxy, grpc.insecure_channel(proxy.health_target) as channel:
            assert channel.unary_unary(HEALTH)(b"", timeout=10) == b"\x08\x01", "not SERVING"
            assert code_of(lambda: converse(channel)) == grpc.StatusCode.UNIMPLEMENTED
            assert not server.calls(MODEL)


def the_callers_names_are_in_x_forwarded_client_cert_and_cannot_be_forged():
    with tempfile.TemporaryDirectory() as folder, Recorder() as recorder:
        fixture = Fixture(tempfile.mkdtemp(dir=folder))
        with chart_envoy(fixture, recorder.port) as proxy, fixture.channel(proxy.target, fixture.caller) as channel:
            forged = [("x-forwarded-client-cert", "URI=spiffe://cluster.local/ns/admin/sa/admin")]
            channel.unary_unary("/any/Method")(b"", timeout=10, metadata=forged)
            (metadata,) = recorder.seen
            names = metadata["x-forwarded-client-cert"]
            assert f"URI={SPIFFE}" in names and "admin" not in names, names


def a_renewed_certificate_is_used_without_a_restart():
    with tempfile.TemporaryDirectory() as folder, Recorder() as recorder:
        fixture = Fixture(tempfile.mkdtemp(dir=folder))
        with chart_envoy(fixture, recorder.port) as proxy:
            fixture.write_secret()
            expected = fixture.server[1]
            end = time.monotonic() + 30
            while served_certificate(fixture, proxy) != expected:
                assert time.monotonic() < end, "Envoy still uses the old certificate"
                time.sleep(0.2)


def served_certificate(fixture, proxy):

    context = ssl.create_default_context(cadata=pem(fixture.authority)[1].decode())
    context.set_alpn_protocols(["h2"])
    with context.wrap_socket(socket.create_connection(proxy.address), server_hostname="localhost") as connection:
        return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True))


if __name__ == "__main__":
    sys.exit(run([caller_with_a_certificate_of_the_authority_is_served, the_plaintext_port_has_health_and_nothing_else,
                  the_callers_names_are_in_x_forwarded_client_cert_and_cannot_be_forged,
                  a_renewed_certificate_is_used_without_a_restart]))
