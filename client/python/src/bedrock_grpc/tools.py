"""Tools and the loop that runs them until the model stops."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from . import aio, build, types
from .client import Client
from .errors import ToolLoopError
from .read import ConverseResult, ToolUse

F = TypeVar("F", bound=Callable[..., Any])

#: How often the model may respond before the loop gives up. A model that calls tools in a circle costs money each time.
MAX_TURNS = 10
#: How many tools of one response run at a time.
MAX_PARALLEL = 8


@dataclass(frozen=True)
class Tool:
    """A tool: what the model sees, and the function that runs it."""

    name: str
    description: str
    schema: dict[str, Any] | str
    """The JSON Schema of the input, as a mapping or as JSON text."""
    function: Callable[..., Any]
    """Called with the members of the input as keyword arguments. May be a coroutine function in the asyncio loop."""

    def declaration(self) -> types.Tool:
        """The message that declares the tool."""
        return build.tool(self.name, self.description, self.schema)


def tool_from(function: Callable[..., Any], *, name: str | None = None, description: str | None = None) -> Tool:
    """A tool from a function with type hints; its docstring is the description. Needs pydantic: `bedrock-grpc[tools]`.

    pydantic also validates the input before the function runs. An invalid input goes back to the model as an error.
    """
    from pydantic import ConfigDict, Field, create_model, validate_call

    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            raise TypeError(f"{function.__name__}: a tool cannot take *args or **kwargs")
        annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
        default = Field() if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (annotation, default)
    chosen = name or function.__name__
    model = create_model(chosen, __config__=ConfigDict(extra="forbid"), **fields)
    schema = model.model_json_schema()
    schema.pop("title", None)
    text = description or inspect.getdoc(function) or ""
    return Tool(chosen, text, schema, validate_call(function))


@dataclass(frozen=True)
class ToolLoopResult:
    """How a tool loop ended."""

    result: ConverseResult
    """The model's last response."""
    messages: list[types.Message]
    """The whole transcript, the last response included. Append to it to go on."""
    turns: int
    """How often the model responded."""

    @property
    def text(self) -> str:
        """The text of the last response."""
        return self.result.text


#: Sees each requested call before it runs. Returns the call to run (this one or a changed one), or None to reject it.
Approve = Callable[[ToolUse], "ToolUse | None"]


def run_tools(
    client: Client,
    request: types.ConverseRequest,
    tools: Sequence[Tool],
    *,
    max_turns: int = MAX_TURNS,
    max_parallel: int = MAX_PARALLEL,
    approve: Approve | None = None,
    on_text: Callable[[str], None] | None = None,
    timeout: float | None = None,
) -> ToolLoopResult:
    """Sends `request`, runs the tools that the model requests, and repeats until the model stops.

    A tool that raises, an unknown tool, and invalid input become tool results with `status: error`, so that the model can
    react. With `on_text` responses are streamed and it gets each piece of text. `timeout` is for each call to the gateway,
    in seconds. `request` itself is not changed.

    Raises `ToolLoopError` when the model still requests tools after `max_turns` responses, and `BedrockError` when a call
    fails; an exception of `approve` or `on_text` (KeyboardInterrupt too) ends the loop and cancels the running call.
    """
    loop = _Loop(request, tools, max_turns)
    with ThreadPoolExecutor(max_workers=max_parallel, thread_name_prefix="tool") as pool:
        while True:
            if on_text is None:
                result = client.converse(loop.request, timeout=timeout)
            else:
                with client.converse_stream(loop.request, timeout=timeout) as stream:
                    for piece in stream.text():
                        on_text(piece)
                    result = stream.collect()
            uses = loop.accept(result)
            if not uses:
                return loop.finish(result)
            approved = [approve(use) if approve else use for use in uses]
            loop.add_results(uses, list(pool.map(loop.run, approved)))


async def run_tools_async(
    client: aio.AsyncClient,
    request: types.ConverseRequest,
    tools: Sequence[Tool],
    *,
    max_turns: int = MAX_TURNS,
    max_parallel: int = MAX_PARALLEL,
    approve: Callable[[ToolUse], Awaitable[ToolUse | None] | ToolUse | None] | None = None,
    on_text: Callable[[str], None] | None = None,
    timeout: float | None = None,
) -> ToolLoopResult:
    """As `run_tools`. Coroutine functions are awaited, other functions run in threads. Cancelling the task cancels the
    running call and the running coroutine tools."""
    loop = _Loop(request, tools, max_turns)
    gate = asyncio.Semaphore(max_parallel)

    async def run(use: ToolUse | None) -> types.ToolResultBlock:
        async with gate:
            return await loop.run_async(use)

    while True:
        if on_text is None:
            result = await client.converse(loop.request, timeout=timeout)
        else:
            async with client.converse_stream(loop.request, timeout=timeout) as stream:
                async for piece in stream.text():
                    on_text(piece)
                result = await stream.collect()
        uses = loop.accept(result)
        if not uses:
            return loop.finish(result)
        approved: list[ToolUse | None] = []
        for use in uses:
            decision = approve(use) if approve else use
            approved.append(await decision if inspect.isawaitable(decision) else decision)
        loop.add_results(uses, await asyncio.gather(*(run(use) for use in approved)))


class _Loop:
    """The transcript and the rules of a loop, for both clients."""

    def __init__(self, request: types.ConverseRequest, tools: Sequence[Tool], max_turns: int) -> None:
        self.request = types.ConverseRequest()
        self.request.CopyFrom(request)
        self._tools = {tool.name: tool for tool in tools}
        self._max_turns = max_turns
        self._turns = 0
        declared = {tool.tool_spec.name for tool in request.tool_config.tools}
        for tool in tools:
            if tool.name not in declared:
                self.request.tool_config.tools.append(tool.declaration())

    def accept(self, result: ConverseResult) -> list[ToolUse]:
        """Appends the model's message. Returns the tools to run; none when the model is done."""
        self._turns += 1
        self.request.messages.append(result.message)
        uses = result.tool_uses if result.stop_reason == "tool_use" else []
        if uses and self._turns >= self._max_turns:
            raise ToolLoopError(
                f"the model still requests tools after {self._turns} responses", list(self.request.messages)
            )
        # A forced tool would be forced again in each turn, without end.
        choice = self.request.tool_config.tool_choice.WhichOneof("member")
        if uses and choice in ("any", "tool"):
            self.request.tool_config.ClearField("tool_choice")
        return uses

    def finish(self, result: ConverseResult) -> ToolLoopResult:
        return ToolLoopResult(result, list(self.request.messages), self._turns)

    def add_results(self, uses: Sequence[ToolUse], results: Sequence[types.ToolResultBlock]) -> None:
        """Appends the results in the order of the requests."""
        for use, result in zip(uses, results):
            result.tool_use_id = use.id
        self.request.messages.append(build.user([types.ContentBlock(tool_result=result) for result in results]))

    def run(self, use: ToolUse | None) -> types.ToolResultBlock:
        """Runs one tool. Does not raise the exceptions of the tool."""
        try:
            if use is None:
                return _error("The call was rejected.")
            return _success(self._find(use).function(**_arguments(use)))
        except Exception as error:
            return _error(_describe(error))

    async def run_async(self, use: ToolUse | None) -> types.ToolResultBlock:
        """As `run`, for coroutine functions too."""
        try:
            if use is None:
                return _error("The call was rejected.")
            function, arguments = self._find(use).function, _arguments(use)
            if inspect.iscoroutinefunction(inspect.unwrap(function)):
                return _success(await function(**arguments))
            return _success(await asyncio.to_thread(function, **arguments))
        except Exception as error:
            return _error(_describe(error))

    def _find(self, use: ToolUse) -> Tool:
        tool = self._tools.get(use.name)
        if tool is None:
            known = ", ".join(sorted(self._tools)) or "none"
            raise LookupError(f"there is no tool `{use.name}`; the tools are: {known}")
        return tool


def _arguments(use: ToolUse) -> dict[str, Any]:
    try:
        value = use.input
    except ValueError as error:
        raise ValueError(f"the input is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError("the input is not a JSON object")
    return value


def _success(result: Any) -> types.ToolResultBlock:
    return build.tool_result("", "" if result is None else result).tool_result


def _error(text: str) -> types.ToolResultBlock:
    return build.tool_result("", text, error=True).tool_result


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
