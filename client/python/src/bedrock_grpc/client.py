"""The blocking client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

import grpc
from typing_extensions import Self, Unpack

from . import types
from ._options import ConverseOptions, Messages, stream_request, to_request, with_request_token
from .collect import Collector
from .channel import Tls, call_metadata, channel_options
from .errors import BedrockError, from_rpc_error, incomplete_stream
from .read import ConverseResult, header_map

Request = TypeVar("Request")
Response = TypeVar("Response")


def connect(
    target: str,
    *,
    tls: Tls | bool = False,
    token: str | None = None,
    api_key: str | None = None,
    metadata: Mapping[str, str] | None = None,
    timeout: float | None = None,
    options: Sequence[tuple[str, Any]] = (),
) -> Client:
    """A client of the gateway at `target` (`host:port`, `unix:/path`, or any gRPC target). It connects at the first call.

    `tls=True` trusts gRPC's root certificates; a `Tls` has certificates of your own. `token` is sent as
    `authorization: Bearer`, `api_key` as `x-api-key`. `timeout` is the deadline of each call in seconds, the last event
    of a stream included; without it, the shared service config's timeout of the method applies. `options` are gRPC channel
    options that replace the defaults of `bedrock_grpc.channel`.
    """
    arguments = channel_options(options)
    if tls:
        credentials = (tls if isinstance(tls, Tls) else Tls()).credentials()
        channel = grpc.secure_channel(target, credentials, options=arguments)
    else:
        channel = grpc.insecure_channel(target, options=arguments)
    return Client(channel, metadata=call_metadata(token, api_key, metadata), timeout=timeout)


class Client:
    """A client over one channel. Safe to use from many threads. Use it as a context manager, or call `close`."""

    def __init__(
        self, channel: grpc.Channel, *, metadata: Sequence[tuple[str, str]] = (), timeout: float | None = None
    ) -> None:
        self._channel = channel
        self._metadata = tuple(metadata)
        self._timeout = timeout
        self.stub = types.BedrockRuntimeServiceStub(channel)
        """The generated stub over the same channel, for every operation. The client's metadata does not apply to it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the channel. Running calls are cancelled."""
        self._channel.close()

    def converse(
        self,
        request: types.ConverseRequest | str,
        messages: Messages = (),
        *,
        timeout: float | None = None,
        **options: Unpack[ConverseOptions],
    ) -> ConverseResult:
        """Sends messages to a model and returns its complete response.

        `request` is a `ConverseRequest`, or a model id with `messages` and the options of `build.converse_request`.
        Raises `BedrockError`.
        """
        return self.call(self.stub.Converse, to_request(request, messages, options), ConverseResult, timeout=timeout)

    def converse_stream(
        self,
        request: types.ConverseRequest | types.ConverseStreamRequest | str,
        messages: Messages = (),
        *,
        timeout: float | None = None,
        **options: Unpack[ConverseOptions],
    ) -> ConverseStream:
        """Sends messages to a model and streams its response. Takes what `converse` takes.

        Every failure is a `BedrockError`, raised by the iteration.
        """
        message = stream_request(request, messages, options)
        return ConverseStream(
            self.stub.ConverseStream(message, timeout=timeout or self._timeout, metadata=self._metadata)
        )

    def invoke_model(
        self, model_id: str, body: bytes, *, timeout: float | None = None, **members: Any
    ) -> types.InvokeModelResponse:
        """Sends a body in the model's own format: embeddings, images, native chat. `members` are further members of the
        request, as `accept` or `guardrail_identifier`. Raises `BedrockError`."""
        request = types.InvokeModelRequest(model_id=model_id, body=body, **members)
        response: types.InvokeModelResponse = self.call(
            self.stub.InvokeModel, request, lambda response, _: response, timeout=timeout
        )
        return response

    def start_async_invoke(
        self, request: types.StartAsyncInvokeRequest, *, timeout: float | None = None
    ) -> types.StartAsyncInvokeResponse:
        """Starts a job whose result is written to S3. A request without a `client_request_token` gets one, so that a retry
        of the gateway starts no second job. Raises `BedrockError`."""
        response: types.StartAsyncInvokeResponse = self.call(
            self.stub.StartAsyncInvoke, with_request_token(request), lambda response, _: response, timeout=timeout
        )
        return response

    def call(
        self,
        method: grpc.UnaryUnaryMultiCallable[Any, Any],
        request: Any,
        result: Callable[[Any, dict[str, str]], Response],
        *,
        timeout: float | None = None,
    ) -> Response:
        """Calls any unary method of `stub` with this client's metadata and timeout, and with `BedrockError` as its error.

        `result` creates the return value from the response and the initial metadata.
        """
        try:
            response, call = method.with_call(request, timeout=timeout or self._timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
        return result(response, header_map(call.initial_metadata()))


class ConverseStream(Iterator[types.ConverseStreamResponse]):
    """The events of a response, in order. Leaving its `with` block cancels the call, and so the generation."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._collector = Collector()
        self._started = time.monotonic()
        self.first_event_seconds: float | None = None
        """Seconds from the call to its first event."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> types.ConverseStreamResponse:
        try:
            event: types.ConverseStreamResponse = next(self._call)
        except grpc.RpcError as error:
            raise self._failure(error) from None
        if self.first_event_seconds is None:
            self.first_event_seconds = time.monotonic() - self._started
        self._collector.add(event)
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    def text(self) -> Iterator[str]:
        """Only the pieces of text, as they arrive."""
        for event in self:
            if event.content_block_delta.delta.text:
                yield event.content_block_delta.delta.text

    def collect(self) -> ConverseResult:
        """Reads the rest and returns the response that Converse would have sent. Raises `BedrockError`."""
        for _ in self:
            pass
        if not self._collector.is_complete:
            raise incomplete_stream(self.metadata.get("x-amzn-requestid"))
        return ConverseResult(self._collector.response(), self.metadata)

    def cancel(self) -> None:
        """Ends the call. Has no effect after the last event."""
        self._call.cancel()

    @property
    def metadata(self) -> dict[str, str]:
        """The initial metadata. Waits for the first event, because the gateway sends no headers before it."""
        try:
            return header_map(self._call.initial_metadata())
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None

    def _failure(self, error: grpc.RpcError) -> BedrockError:
        failure = from_rpc_error(error)
        if failure.request_id is None:
            # A broken connection has no trailers, so the request id comes from the headers.
            failure.request_id = header_map(self._call.initial_metadata()).get("x-amzn-requestid")
        return failure
