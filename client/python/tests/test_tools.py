"""The tool loops, over a real gateway."""

from __future__ import annotations

import asyncio
import threading
from typing import Annotated

import grpc
import pytest
from pydantic import Field

import bedrock_grpc as bedrock
from bedrock_grpc import aio

MODEL = "demo.model"
QUESTION = "What is the weather in Paris?"


def get_weather(city: Annotated[str, Field(description="The city's name")]) -> dict[str, object]:
    """Current weather for a city"""
    return {"city": city, "celsius": 18}


def test_the_schema_of_a_tool_comes_from_type_hints() -> None:
    tool = bedrock.tool_from(get_weather)
    assert tool.name == "get_weather" and tool.description == "Current weather for a city"
    assert isinstance(tool.schema, dict) and tool.schema["required"] == ["city"]
    assert tool.schema["properties"]["city"]["description"] == "The city's name"


def test_the_loop_runs_a_tool_and_streams_text(client: bedrock.Client) -> None:
    pieces: list[str] = []
    request = bedrock.converse_request(MODEL, QUESTION)
    done = bedrock.run_tools(client, request, [bedrock.tool_from(get_weather)], on_text=pieces.append)
    assert done.turns == 2 and "18" in done.text and done.text in "".join(pieces)
    assert [message.role for message in done.messages] == ["user", "assistant", "user", "assistant"]
    assert not request.tool_config.tools, "the caller's request is not changed"


def test_a_tool_that_raises_becomes_an_error_result(client: bedrock.Client) -> None:
    def get_weather(city: str) -> str:
        """Current weather for a city"""
        raise RuntimeError("the station is down")

    done = bedrock.run_tools(client, bedrock.converse_request(MODEL, QUESTION), [bedrock.tool_from(get_weather)])
    result = done.messages[2].content[0].tool_result
    assert result.status == "error" and "the station is down" in result.content[0].text


def test_two_tools_run_at_the_same_time(client: bedrock.Client) -> None:
    both = threading.Barrier(2, timeout=10)

    def get_weather(city: str) -> str:
        """Current weather for a city"""
        both.wait()
        return "sunny"

    def get_time(city: str) -> str:
        """Current time in a city"""
        both.wait()
        return "noon"

    request = bedrock.converse_request(MODEL, "Call get_weather and get_time for Paris")
    done = bedrock.run_tools(client, request, [bedrock.tool_from(get_weather), bedrock.tool_from(get_time)])
    results = [block.tool_result for block in done.messages[2].content]
    assert [result.content[0].text for result in results] == ["sunny", "noon"]
    uses = [block.tool_use.tool_use_id for block in done.messages[1].content if block.HasField("tool_use")]
    assert [result.tool_use_id for result in results] == uses


def test_a_tool_that_does_not_exist_becomes_an_error_result(client: bedrock.Client) -> None:
    declared = bedrock.tool("get_weather", "Current weather for a city", {"type": "object", "properties": {}})
    done = bedrock.run_tools(client, bedrock.converse_request(MODEL, QUESTION, tools=[declared]), [])
    result = done.messages[2].content[0].tool_result
    assert result.status == "error" and "there is no tool `get_weather`" in result.content[0].text


def test_invalid_input_becomes_an_error_result(client: bedrock.Client) -> None:
    def get_weather(city: int) -> str:
        """Current weather for a city"""
        return "unreachable"

    declared = bedrock.tool("get_weather", "Current weather", {"type": "object", "properties": {"city": {"type": "string"}}})
    request = bedrock.converse_request(MODEL, QUESTION, tools=[declared])
    done = bedrock.run_tools(client, request, [bedrock.tool_from(get_weather)])
    assert done.messages[2].content[0].tool_result.status == "error"


def test_the_turn_limit_ends_the_loop_with_the_transcript(client: bedrock.Client) -> None:
    with pytest.raises(bedrock.ToolLoopError) as caught:
        bedrock.run_tools(
            client, bedrock.converse_request(MODEL, QUESTION), [bedrock.tool_from(get_weather)], max_turns=1
        )
    assert len(caught.value.messages) == 2


def test_approve_can_change_and_reject_a_call(client: bedrock.Client) -> None:
    tool = bedrock.tool_from(get_weather)
    request = bedrock.converse_request(MODEL, QUESTION)
    changed = bedrock.run_tools(
        client, request, [tool], approve=lambda use: bedrock.ToolUse(use.id, use.name, '{"city":"Oslo"}')
    )
    assert "Oslo" in changed.messages[2].content[0].tool_result.content[0].json_text
    rejected = bedrock.run_tools(client, request, [tool], approve=lambda use: None)
    assert rejected.messages[2].content[0].tool_result.status == "error"


def test_a_stream_cut_within_tool_input_is_an_error(client: bedrock.Client) -> None:
    request = bedrock.converse_request("fault.cut.after.4", QUESTION)
    with pytest.raises(bedrock.BedrockError) as caught:
        bedrock.run_tools(client, request, [bedrock.tool_from(get_weather)], on_text=lambda _: None)
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE and caught.value.reason == "STREAM_TRUNCATED"


async def test_the_async_loop_awaits_coroutine_tools(async_client: aio.AsyncClient) -> None:
    async def get_weather(city: str) -> dict[str, object]:
        """Current weather for a city"""
        await asyncio.sleep(0)
        return {"city": city, "celsius": 21}

    pieces: list[str] = []
    done = await bedrock.run_tools_async(
        async_client,
        bedrock.converse_request(MODEL, QUESTION),
        [bedrock.tool_from(get_weather)],
        on_text=pieces.append,
    )
    assert "21" in done.text and pieces


async def test_cancelling_the_task_cancels_the_tools(async_client: aio.AsyncClient) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def get_weather(city: str) -> str:
        """Current weather for a city"""
        started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return ""

    loop = asyncio.create_task(
        bedrock.run_tools_async(
            async_client, bedrock.converse_request(MODEL, QUESTION), [bedrock.tool_from(get_weather)]
        )
    )
    await started.wait()
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
    assert cancelled.is_set()


async def test_an_async_stream_collects_and_reports_errors(async_client: aio.AsyncClient) -> None:
    request = bedrock.converse_request(MODEL, "Hello")
    collected = await async_client.converse_stream(request).collect()
    assert collected.text == (await async_client.converse(request)).text and collected.request_id
    with pytest.raises(bedrock.BedrockError) as caught:
        await async_client.converse_stream("fault.throttling-daily", "Hello").collect()
    assert caught.value.reason == "THROTTLING" and not caught.value.retryable and caught.value.retry_delay is None
    with pytest.raises(bedrock.BedrockError) as caught:
        await async_client.converse("fault.stall", "Hello", timeout=0.3)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_cancelling_a_stream_ends_it(async_client: aio.AsyncClient) -> None:
    stream = async_client.converse_stream("fault.stall.after.2", "Hello", timeout=60)
    await stream.__anext__()
    reading = asyncio.create_task(stream.collect())
    await asyncio.sleep(0.1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
