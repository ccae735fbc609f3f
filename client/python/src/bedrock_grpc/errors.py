"""The error of every failed call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

REQUEST_ID = "x-amzn-requestid"
PUSHBACK = "grpc-retry-pushback-ms"


@dataclass(frozen=True)
class FieldViolation:
    """A field of the request that is wrong."""

    field: str
    """The field by its JSON names, as `messages[0].content[2].toolUse.input`."""
    description: str


@dataclass(frozen=True)
class QuotaViolation:
    """A limit that the call exceeded."""

    subject: str
    description: str


@dataclass
class BedrockError(Exception):
    """A call failed. Every failure of a unary call and of a stream is one of these."""

    code: grpc.StatusCode
    """The gRPC status code."""
    message: str
    """What happened and what to do, for people. Do not parse it."""
    reason: str | None = None
    """`ErrorInfo.reason`, a name of `bedrock.errors.v1.ErrorReason`, as `THROTTLING`. None if the failure is the client's own."""
    metadata: dict[str, str] = field(default_factory=dict)
    """`ErrorInfo.metadata`: phase, attempts, operation, model_id, region and more."""
    retryable: bool = False
    """Whether the same call may succeed later."""
    retry_delay: float | None = None
    """Seconds to wait before the same call is sent again. None if a retry cannot help or no delay is known."""
    request_id: str | None = None
    """Bedrock's id of the request, which AWS support needs."""
    field_violations: list[FieldViolation] = field(default_factory=list)
    quota_violations: list[QuotaViolation] = field(default_factory=list)

    def __str__(self) -> str:
        reason = f" {self.reason}" if self.reason else ""
        return f"{self.code.name}{reason}: {self.message}"


class ToolLoopError(Exception):
    """A tool loop stopped before the model was done. `messages` is the transcript up to that point."""

    def __init__(self, message: str, messages: list[Any]) -> None:
        super().__init__(message)
        self.messages = messages


def from_rpc_error(error: grpc.RpcError) -> BedrockError:
    """Reads status, details and trailers of a failed call. Works for `grpc` and for `grpc.aio`."""
    code = error.code() if callable(getattr(error, "code", None)) else grpc.StatusCode.UNKNOWN
    message = (error.details() if callable(getattr(error, "details", None)) else str(error)) or ""
    trailers = _trailers(error)
    found = BedrockError(code=code, message=message, request_id=trailers.get(REQUEST_ID))
    for detail in _details(error):
        _apply(found, detail)
    _apply_pushback(found, trailers.get(PUSHBACK))
    return found


def incomplete_stream(request_id: str | None) -> BedrockError:
    """The error of a stream that ended before its last event."""
    return BedrockError(
        code=grpc.StatusCode.UNAVAILABLE,
        message="the stream ended before the model's stop reason",
        retryable=True,
        request_id=request_id,
    )


def _trailers(error: grpc.RpcError) -> dict[str, str]:
    read: Callable[[], Iterable[tuple[str, str | bytes]] | None] | None = getattr(error, "trailing_metadata", None)
    pairs = read() if callable(read) else None
    return {key: value for key, value in pairs or () if isinstance(value, str)}


def _details(error: grpc.RpcError) -> list[Any]:
    try:
        status = rpc_status.from_call(error)  # type: ignore[arg-type]
    except (ValueError, AttributeError):  # The details belong to another status; grpc.aio's errors have no call.
        status = None
    if status is None:
        status = _status_from_trailers(error)
    return list(status.details) if status is not None else []


def _status_from_trailers(error: grpc.RpcError) -> Any:
    from google.rpc import status_pb2

    read = getattr(error, "trailing_metadata", None)
    for key, value in (read() if callable(read) else None) or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            return status_pb2.Status.FromString(value)
    return None


def _apply(found: BedrockError, detail: Any) -> None:
    info = error_details_pb2.ErrorInfo()
    retry = error_details_pb2.RetryInfo()
    request = error_details_pb2.RequestInfo()
    bad = error_details_pb2.BadRequest()
    quota = error_details_pb2.QuotaFailure()
    if detail.Unpack(info):
        found.reason, found.metadata = info.reason, dict(info.metadata)
        found.retryable = info.metadata.get("retryable") == "true"
    elif detail.Unpack(retry):
        found.retry_delay = retry.retry_delay.ToTimedelta().total_seconds()
    elif detail.Unpack(request):
        found.request_id = request.request_id or found.request_id
    elif detail.Unpack(bad):
        found.field_violations = [FieldViolation(v.field, v.description) for v in bad.field_violations]
    elif detail.Unpack(quota):
        found.quota_violations = [QuotaViolation(v.subject, v.description) for v in quota.violations]


def _apply_pushback(found: BedrockError, pushback: str | None) -> None:
    """A negative pushback forbids a retry. https://github.com/grpc/proposal/blob/master/A6-client-retries.md"""
    if pushback is None:
        if found.reason is None:
            found.retryable = found.code is grpc.StatusCode.UNAVAILABLE
        return
    try:
        milliseconds = int(pushback)
    except ValueError:
        milliseconds = -1
    if milliseconds < 0:
        found.retryable, found.retry_delay = False, None
    elif found.retry_delay is None:
        found.retry_delay = milliseconds / 1000
