"""Channel settings that suit Bedrock: retries by status and pushback, large messages, keepalive."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

#: The gateway's message limit, 32 MiB. gRPC's own default of 4 MiB is too small for responses with images.
MESSAGE_LIMIT = 32 * 1024 * 1024
#: A dead connection is noticed within 50 s: a ping after 30 s of silence, and 20 s for its acknowledgement. A load balancer that
#: drops idle connections (AWS's after 350 s and more) is kept open by it while calls run.
KEEPALIVE_TIME_MS = 30_000
KEEPALIVE_TIMEOUT_MS = 20_000


@dataclass(frozen=True)
class Tls:
    """Certificates in PEM form. Without `ca` gRPC's own roots are trusted."""

    ca: bytes | None = None
    certificate: bytes | None = None
    """The client's certificate chain, for mTLS."""
    key: bytes | None = None
    """The private key of `certificate`."""

    def credentials(self) -> grpc.ChannelCredentials:
        """As gRPC takes them."""
        return grpc.ssl_channel_credentials(self.ca, self.key, self.certificate)


def default_service_config() -> str:
    """The service config that all clients of bedrock-grpc share: a timeout and a retry policy for each method."""
    return importlib.resources.files(__package__).joinpath("service-config.json").read_text()


def channel_options(extra: Sequence[tuple[str, Any]] = ()) -> list[tuple[str, Any]]:
    """The options of `grpc.insecure_channel` and `grpc.secure_channel`. An option of `extra` replaces a default."""
    try:
        version = importlib.metadata.version("bedrock-grpc")
    except importlib.metadata.PackageNotFoundError:
        version = "0"
    options: dict[str, Any] = {
        "grpc.service_config": default_service_config(),
        "grpc.max_receive_message_length": MESSAGE_LIMIT,
        "grpc.max_send_message_length": MESSAGE_LIMIT,
        "grpc.keepalive_time_ms": KEEPALIVE_TIME_MS,
        "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
        "grpc.http2.max_pings_without_data": 0,
        "grpc.primary_user_agent": f"bedrock-grpc-python/{version}",
    }
    options.update(extra)
    return list(options.items())


def call_metadata(
    token: str | None, api_key: str | None, metadata: Mapping[str, str] | None
) -> tuple[tuple[str, str], ...]:
    """The metadata of every call."""
    pairs = [(key.lower(), value) for key, value in (metadata or {}).items()]
    if token is not None:
        pairs.append(("authorization", f"Bearer {token}"))
    if api_key is not None:
        pairs.append(("x-api-key", api_key))
    return tuple(pairs)
