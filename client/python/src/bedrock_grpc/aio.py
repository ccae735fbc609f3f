"""The asyncio client. The same surface as `bedrock_grpc`, awaited."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
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
) -> AsyncClient:
    """As `bedrock_grpc.connect`. Call it while the event loop runs."""
    arguments = channel_options(options)
    if tls:
        credentials = (tls if isinstance(tls, Tls) else Tls()).credentials()
        channel = grpc.aio.secure_channel(target, credentials, options=arguments)
    else:
        channel = grpc.aio.insecure_channel(target, options=arguments)
    return AsyncClient(channel, metadata=call_metadata(token, api_key, metadata), timeout=timeout)


class AsyncClient:
    """A client over one channel, for one event loop. Use it with `async with`, or call `close`."""

    def __init__(
        self, channel: grpc.aio.Channel, *, metadata: Sequence[tuple[str, str]] = (), timeout: float | None = None
    ) -> None:
        self._channel = channel
        self._metadata = tuple(metadata)
        self._timeout = timeout
        self.stub = types.BedrockRuntimeServiceStub(channel)
        """The generated stub over the same channel, for every operation. The client's metadata does not apply to it."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the channel. Running calls are cancelled."""
        await self._channel.close()

    async def converse(
        self,
        request: types.ConverseRequest | str,
        messages: Messages = (),
        *,
        timeout: float | None = None,
        **options: Unpack[ConverseOptions],
    ) -> ConverseResult:
        """As `Client.converse`."""
        message = to_request(request, messages, options)
        return await self.call(self.stub.Converse, message, ConverseResult, timeout=timeout)

    def converse_stream(
        self,
        request: types.ConverseRequest | types.ConverseStreamRequest | str,
        messages: Messages = (),
        *,
        timeout: float | None = None,
        **options: Unpack[ConverseOptions],
    ) -> AsyncConverseStream:
        """As `Client.converse_stream`."""
        message = stream_request(request, messages, options)
        return AsyncConverseStream(
            self.stub.ConverseStream(message, timeout=timeout or self._timeout, metadata=self._metadata)
        )

    async def invoke_model(
        self, model_id: str, body: bytes, *, timeout: float | None = None, **members: Any
    ) -> types.InvokeModelResponse:
        """As `Client.invoke_model`."""
        request = types.InvokeModelRequest(model_id=model_id, body=body, **members)
        return await self.call(self.stub.InvokeModel, request, lambda response, _: response, timeout=timeout)

    async def start_async_invoke(
        self, request: types.StartAsyncInvokeRequest, *, timeout: float | None = None
    ) -> types.StartAsyncInvokeResponse:
        """As `Client.start_async_invoke`."""
        message = with_request_token(request)
        return await self.call(self.stub.StartAsyncInvoke, message, lambda response, _: response, timeout=timeout)

    async def call(
        self,
        method: Any,
        request: Any,
        result: Callable[[Any, dict[str, str]], Response],
        *,
        timeout: float | None = None,
    ) -> Response:
        """As `Client.call`."""
        call = method(request, timeout=timeout or self._timeout, metadata=self._metadata)
        try:
            response = await call
            return result(response, header_map(await call.initial_metadata()))
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None


class AsyncConverseStream(AsyncIterator[types.ConverseStreamResponse]):
    """As `ConverseStream`. Cancelling the task that reads it cancels the call, and so the generation."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._events: AsyncIterator[types.ConverseStreamResponse] = call.__aiter__()
        self._collector = Collector()
        self._started = time.monotonic()
        self.first_event_seconds: float | None = None
        """Seconds from the call to its first event."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> types.ConverseStreamResponse:
        try:
            event = await self._events.__anext__()
        except grpc.RpcError as error:
            raise await self._failure(error) from None
        if self.first_event_seconds is None:
            self.first_event_seconds = time.monotonic() - self._started
        self._collector.add(event)
        return event

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    async def text(self) -> AsyncIterator[str]:
        """Only the pieces of text, as they arrive."""
        async for event in self:
            if event.content_block_delta.delta.text:
                yield event.content_block_delta.delta.text

    async def collect(self) -> ConverseResult:
        """Reads the rest and returns the response that Converse would have sent. Raises `BedrockError`."""
        async for _ in self:
            pass
        metadata = await self.metadata()
        if not self._collector.is_complete:
            raise incomplete_stream(metadata.get("x-amzn-requestid"))
        return ConverseResult(self._collector.response(), metadata)

    def cancel(self) -> None:
        """Ends the call. Has no effect after the last event."""
        self._call.cancel()

    async def metadata(self) -> dict[str, str]:
        """The initial metadata. Waits for the first event, because the gateway sends no headers before it."""
        return header_map(await self._call.initial_metadata())

    async def _failure(self, error: grpc.RpcError) -> BedrockError:
        failure = from_rpc_error(error)
        if failure.request_id is None:
            try:
                failure.request_id = (await self.metadata()).get("x-amzn-requestid")
            except grpc.RpcError:
                pass  # The call failed before its headers.
        return failure
