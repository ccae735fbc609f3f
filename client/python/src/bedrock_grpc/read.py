"""Readers of responses: text, requested tools, and what came in headers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from . import types
from .errors import REQUEST_ID

REGION = "bedrock-grpc-region"
ATTEMPTS = "bedrock-grpc-attempts"


@dataclass(frozen=True)
class ToolUse:
    """A tool that the model requests."""

    id: str
    name: str
    input_json: str
    """The input exactly as the model wrote it."""

    @property
    def input(self) -> Any:
        """The input as Python values. Raises ValueError if the model wrote no valid JSON."""
        return json.loads(self.input_json or "{}")


@dataclass(frozen=True)
class ConverseResult:
    """A complete response of Converse, or of ConverseStream after `collect`."""

    response: types.ConverseResponse
    """The message as Bedrock sent it."""
    metadata: dict[str, str] = field(default_factory=dict)
    """The initial metadata (headers)."""

    @property
    def message(self) -> types.Message:
        """The model's message. Append it to the transcript as it is."""
        return self.response.output.message

    @property
    def text(self) -> str:
        """All text of the message. Reasoning is not part of it."""
        return text_of(self.response)

    @property
    def tool_uses(self) -> list[ToolUse]:
        """The tools that the model requests, in order."""
        return tool_uses(self.response)

    @property
    def stop_reason(self) -> str:
        """Why the model stopped, in Bedrock's spelling: end_turn, tool_use, max_tokens and others."""
        return self.response.stop_reason

    @property
    def usage(self) -> types.TokenUsage:
        """Tokens as Bedrock counts them."""
        return self.response.usage

    @property
    def request_id(self) -> str | None:
        """Bedrock's id of the request, which AWS support needs."""
        return self.metadata.get(REQUEST_ID)

    @property
    def region(self) -> str | None:
        """The AWS Region that served the request."""
        return self.metadata.get(REGION)

    @property
    def attempts(self) -> int | None:
        """How many requests the gateway sent to Bedrock; 1 without a retry."""
        attempts = self.metadata.get(ATTEMPTS, "")
        return int(attempts) if attempts.isdecimal() else None


def text_of(response: types.ConverseResponse | types.Message) -> str:
    """All text of a response or a message, without reasoning."""
    return "".join(_texts(_message(response).content))


def tool_uses(response: types.ConverseResponse | types.Message) -> list[ToolUse]:
    """The tools that the model requests. A tool that Bedrock has run already (`server_tool_use`) is not among them."""
    found = []
    for block in _message(response).content:
        use = block.tool_use
        if block.WhichOneof("member") == "tool_use" and use.type != "server_tool_use":
            found.append(ToolUse(use.tool_use_id, use.name, use.input_json or "{}"))
    return found


def usage(response: types.ConverseResponse) -> types.TokenUsage:
    """Tokens as Bedrock counts them."""
    return response.usage


def header_map(pairs: Iterable[tuple[str, str | bytes]] | None) -> dict[str, str]:
    """Metadata as a dictionary, without binary values."""
    return {key: value for key, value in pairs or () if isinstance(value, str)}


def _message(response: types.ConverseResponse | types.Message) -> types.Message:
    return response.output.message if isinstance(response, types.ConverseResponse) else response


def _texts(content: Iterable[types.ContentBlock]) -> Iterable[str]:
    for block in content:
        kind = block.WhichOneof("member")
        if kind == "text":
            yield block.text
        elif kind == "citations_content":
            yield from (part.text for part in block.citations_content.content if part.text)
