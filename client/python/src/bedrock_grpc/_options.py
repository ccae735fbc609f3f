"""What both clients accept as a request."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Union

from . import build, types

#: One text of the user, one message, or a transcript.
Messages = Union[str, types.Message, Sequence[types.Message]]


class ConverseOptions(TypedDict, total=False):
    """The options of `build.converse_request`."""

    system: str | Sequence[types.SystemContentBlock]
    tools: Sequence[types.Tool]
    tool_choice: types.ToolChoice | None
    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    stop_sequences: Sequence[str]
    additional_model_request_fields: Mapping[str, Any] | str | None
    request_metadata: Mapping[str, str] | None


def to_request(
    request: types.ConverseRequest | str, messages: Messages, options: ConverseOptions
) -> types.ConverseRequest:
    """The request itself, or one for a model id, messages and options."""
    if isinstance(request, str):
        return build.converse_request(request, messages, **options)
    if messages or options:
        raise TypeError("give a ConverseRequest, or a model id with messages and options, not both")
    return request


def stream_request(
    request: types.ConverseRequest | types.ConverseStreamRequest | str, messages: Messages, options: ConverseOptions
) -> types.ConverseStreamRequest:
    """The same for ConverseStream. The schema gives both requests equal fields, so one serialized form serves both."""
    if isinstance(request, types.ConverseStreamRequest):
        return request
    return types.ConverseStreamRequest.FromString(to_request(request, messages, options).SerializeToString())


def with_request_token(request: types.StartAsyncInvokeRequest) -> types.StartAsyncInvokeRequest:
    """The request with a token by which Bedrock recognizes a repeated request."""
    if request.client_request_token:
        return request
    copy = types.StartAsyncInvokeRequest()
    copy.CopyFrom(request)
    copy.client_request_token = str(uuid.uuid4())
    return copy
