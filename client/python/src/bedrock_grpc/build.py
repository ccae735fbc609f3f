"""Builders for the messages that are long to write by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union

from . import types

#: What a message may be made of: text, or content blocks.
Content = Union[str, types.ContentBlock, Iterable[Union[str, types.ContentBlock]]]


def text(value: str) -> types.ContentBlock:
    """A text block. Bedrock rejects blank text."""
    return types.ContentBlock(text=value)


def user(*content: Content) -> types.Message:
    """A message of the user: strings become text blocks."""
    return types.Message(role="user", content=_blocks(content))


def assistant(*content: Content) -> types.Message:
    """A message of the model: strings become text blocks."""
    return types.Message(role="assistant", content=_blocks(content))


def system(value: str) -> types.SystemContentBlock:
    """A block of the system prompt."""
    return types.SystemContentBlock(text=value)


def image(format: str, data: bytes) -> types.ContentBlock:
    """An image. Formats: png, jpeg, gif, webp."""
    return types.ContentBlock(image=types.ImageBlock(format=format, source=types.ImageSource(bytes=data)))


def document(format: str, name: str, data: bytes) -> types.ContentBlock:
    """A document (pdf, csv, doc, docx, xls, xlsx, html, txt, md). Bedrock wants a text block in the same message."""
    source = types.DocumentSource(bytes=data)
    return types.ContentBlock(document=types.DocumentBlock(format=format, name=name, source=source))


def cache_point() -> types.ContentBlock:
    """A point up to which Bedrock caches the prompt."""
    return types.ContentBlock(cache_point=types.CachePointBlock(type="default"))


def tool(name: str, description: str, schema: Mapping[str, Any] | str) -> types.Tool:
    """A tool that the model may request. `schema` is the JSON Schema of its input, as a mapping or as JSON text.

    Bedrock caches prompts by their exact text, tools first. So the key order of `schema` is kept.
    """
    spec = types.ToolSpecification(
        name=name,
        description=description or None,
        input_schema=types.ToolInputSchema(json_text=schema if isinstance(schema, str) else to_json(schema)),
    )
    return types.Tool(tool_spec=spec)


def tool_result(tool_use_id: str, result: Any, *, error: bool = False) -> types.ContentBlock:
    """The result of a tool: a string becomes text, content blocks stay as they are, any other value becomes JSON.

    Bedrock wants a JSON object, so any other JSON value becomes `{"result": value}`.
    """
    block = types.ToolResultBlock(tool_use_id=tool_use_id, content=_result_content(result))
    if error:
        block.status = "error"
    return types.ContentBlock(tool_result=block)


def converse_request(
    model_id: str,
    messages: str | types.Message | Sequence[types.Message],
    *,
    system: str | Sequence[types.SystemContentBlock] = (),
    tools: Sequence[types.Tool] = (),
    tool_choice: types.ToolChoice | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    stop_sequences: Sequence[str] = (),
    additional_model_request_fields: Mapping[str, Any] | str | None = None,
    request_metadata: Mapping[str, str] | None = None,
) -> types.ConverseRequest:
    """A request of Converse and, because both have equal members, of ConverseStream."""
    if isinstance(messages, str):
        messages = [user(messages)]
    elif isinstance(messages, types.Message):
        messages = [messages]
    request = types.ConverseRequest(model_id=model_id, messages=messages, request_metadata=request_metadata)
    if isinstance(system, str):
        request.system.add(text=system)
    else:
        request.system.extend(system)
    if tools:
        request.tool_config.tools.extend(tools)
    if tool_choice is not None:
        request.tool_config.tool_choice.CopyFrom(tool_choice)
    inference = types.InferenceConfiguration(
        max_tokens=max_tokens, temperature=temperature, top_p=top_p, stop_sequences=stop_sequences
    )
    if inference.ByteSize():
        request.inference_config.CopyFrom(inference)
    if additional_model_request_fields is not None:
        fields = additional_model_request_fields
        request.additional_model_request_fields_json = fields if isinstance(fields, str) else to_json(fields)
    return request


def to_json(value: Any) -> str:
    """JSON text without spaces, key order kept. Rejects NaN and infinity, which JSON does not have."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _blocks(content: Iterable[Content]) -> list[types.ContentBlock]:
    blocks: list[types.ContentBlock] = []
    for part in content:
        if isinstance(part, str):
            blocks.append(text(part))
        elif isinstance(part, types.ContentBlock):
            blocks.append(part)
        else:
            blocks.extend(_blocks(part))
    return blocks


def _result_content(result: Any) -> list[types.ToolResultContentBlock]:
    if isinstance(result, types.ToolResultContentBlock):
        return [result]
    if isinstance(result, list) and result and all(isinstance(r, types.ToolResultContentBlock) for r in result):
        return result
    if isinstance(result, str):
        return [types.ToolResultContentBlock(text=result)]
    value = result if isinstance(result, dict) else {"result": result}
    return [types.ToolResultContentBlock(json_text=to_json(value))]
