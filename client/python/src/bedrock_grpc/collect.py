"""Joins the events of a stream into the response that Converse would have sent."""

from __future__ import annotations

from . import types


class Collector:
    """Add every event with `add`, then read `response`.

    Blocks without content are left out: models reject an empty text block in the next turn.
    """

    def __init__(self) -> None:
        self._response = types.ConverseResponse()
        self._response.output.message.role = "assistant"
        self._blocks: dict[int, list[types.ContentBlock]] = {}
        self._stopped = False

    @property
    def is_complete(self) -> bool:
        """Whether `messageStop` has arrived."""
        return self._stopped

    def add(self, event: types.ConverseStreamResponse) -> None:
        """Takes the next event."""
        kind = event.WhichOneof("member")
        if kind == "message_start":
            self._response.output.message.role = event.message_start.role or "assistant"
        elif kind == "content_block_start":
            self._start(event.content_block_start)
        elif kind == "content_block_delta":
            delta = event.content_block_delta
            self._delta(self._blocks.setdefault(delta.content_block_index, []), delta.delta)
        elif kind == "message_stop":
            self._stopped = True
            stop = event.message_stop
            self._response.stop_reason = stop.stop_reason
            if stop.HasField("additional_model_response_fields_json"):
                self._response.additional_model_response_fields_json = stop.additional_model_response_fields_json
        elif kind == "metadata":
            self._metadata(event.metadata)

    def response(self) -> types.ConverseResponse:
        """The response so far. Check `is_complete` first."""
        message = self._response.output.message
        del message.content[:]
        for index in sorted(self._blocks):
            message.content.extend(block for block in self._blocks[index] if not _is_empty(block))
        for block in message.content:
            if block.WhichOneof("member") == "tool_use" and not block.tool_use.input_json.strip():
                block.tool_use.input_json = "{}"
        return self._response

    def _start(self, event: types.ContentBlockStartEvent) -> None:
        blocks = self._blocks.setdefault(event.content_block_index, [])
        kind = event.start.WhichOneof("member")
        if kind == "tool_use":
            start = event.start.tool_use
            use = types.ToolUseBlock(tool_use_id=start.tool_use_id, name=start.name, input_json="")
            if start.HasField("type"):
                use.type = start.type
            blocks.append(types.ContentBlock(tool_use=use))
        elif kind == "tool_result":
            result = event.start.tool_result
            block = types.ToolResultBlock(tool_use_id=result.tool_use_id)
            if result.HasField("type"):
                block.type = result.type
            if result.HasField("status"):
                block.status = result.status
            blocks.append(types.ContentBlock(tool_result=block))
        elif kind == "image":
            blocks.append(types.ContentBlock(image=types.ImageBlock(format=event.start.image.format)))

    def _delta(self, blocks: list[types.ContentBlock], delta: types.ContentBlockDelta) -> None:
        kind = delta.WhichOneof("member")
        if kind == "text":
            self._text(blocks, delta.text)
        elif kind == "tool_use":
            _last(blocks, "tool_use").tool_use.input_json += delta.tool_use.input
        elif kind == "reasoning_content":
            _reasoning(blocks, delta.reasoning_content)
        elif kind == "citation":
            _citation(blocks, delta.citation)
        elif kind == "image":
            _image(_last(blocks, "image").image, delta.image)
        elif kind == "tool_result":
            result = _last(blocks, "tool_result").tool_result
            for part in delta.tool_result.values:
                _tool_result(result, part)

    def _text(self, blocks: list[types.ContentBlock], text: str) -> None:
        if blocks and blocks[-1].WhichOneof("member") == "citations_content":
            cited = blocks[-1].citations_content
            if not cited.content:
                cited.content.add()
            cited.content[-1].text += text
        else:
            _last(blocks, "text").text += text

    def _metadata(self, event: types.ConverseStreamMetadataEvent) -> None:
        if event.HasField("usage"):
            self._response.usage.CopyFrom(event.usage)
        if event.HasField("metrics"):
            self._response.metrics.latency_ms = event.metrics.latency_ms
        if event.HasField("trace"):
            self._response.trace.MergeFromString(event.trace.SerializeToString())
        if event.HasField("performance_config"):
            self._response.performance_config.CopyFrom(event.performance_config)
        if event.HasField("service_tier"):
            self._response.service_tier.CopyFrom(event.service_tier)


def _last(blocks: list[types.ContentBlock], kind: str) -> types.ContentBlock:
    """The last block if it has this kind, else a new one."""
    if not blocks or blocks[-1].WhichOneof("member") != kind:
        block = types.ContentBlock()
        if kind == "text":
            block.text = ""
        else:
            getattr(block, kind).SetInParent()
        blocks.append(block)
    return blocks[-1]


def _reasoning(blocks: list[types.ContentBlock], delta: types.ReasoningContentBlockDelta) -> None:
    kind = delta.WhichOneof("member")
    content = _last(blocks, "reasoning_content").reasoning_content
    if kind == "redacted_content":
        if content.WhichOneof("member") == "reasoning_text":
            blocks.append(types.ContentBlock())
            content = blocks[-1].reasoning_content
        content.redacted_content += delta.redacted_content
    elif kind == "text":
        content.reasoning_text.text += delta.text
    elif kind == "signature":
        content.reasoning_text.signature += delta.signature


def _citation(blocks: list[types.ContentBlock], delta: types.CitationsDelta) -> None:
    """Adds a citation. The text block that it belongs to becomes a block of cited text."""
    if not blocks or blocks[-1].WhichOneof("member") != "citations_content":
        text = _last(blocks, "text").text
        block = types.ContentBlock(citations_content=types.CitationsContentBlock())
        if text:
            block.citations_content.content.add(text=text)
        blocks[-1] = block
    citation = blocks[-1].citations_content.citations.add(title=delta.title, source=delta.source)
    for part in delta.source_content:
        citation.source_content.add(text=part.text)
    if delta.HasField("location"):
        citation.location.CopyFrom(delta.location)


def _image(image: types.ImageBlock, delta: types.ImageBlockDelta) -> None:
    kind = delta.source.WhichOneof("member")
    if kind == "bytes":
        image.source.bytes += delta.source.bytes
    elif kind is not None:
        image.source.CopyFrom(delta.source)
    if delta.HasField("error"):
        image.error.CopyFrom(delta.error)


def _tool_result(result: types.ToolResultBlock, part: types.ToolResultBlockDelta) -> None:
    kind = part.WhichOneof("member")
    if kind == "text":
        last = result.content[-1] if result.content else None
        if last is not None and last.WhichOneof("member") == "text":
            last.text += part.text
        else:
            result.content.add(text=part.text)
    elif kind == "json_text":
        result.content.add(json_text=part.json_text)


def _is_empty(block: types.ContentBlock) -> bool:
    kind = block.WhichOneof("member")
    return kind is None or (kind == "text" and not block.text)
