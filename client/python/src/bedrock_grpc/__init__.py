"""Amazon Bedrock over gRPC, without an AWS SDK.

    import bedrock_grpc as bedrock

    with bedrock.connect("127.0.0.1:50051") as client:
        print(client.converse("demo.model", "Hello").text)

`bedrock_grpc.aio` has the asyncio client, `bedrock_grpc.types` all messages, `bedrock_grpc.tools` the tool loop.
"""

from .build import (
    assistant,
    cache_point,
    converse_request,
    document,
    image,
    system,
    text,
    tool,
    tool_result,
    user,
)
from .client import Client, ConverseStream, connect
from .collect import Collector
from .channel import Tls
from .errors import BedrockError, FieldViolation, QuotaViolation, ToolLoopError
from .read import ConverseResult, ToolUse, text_of, tool_uses, usage
from .tools import Tool, ToolLoopResult, run_tools, run_tools_async, tool_from

__all__ = [
    "BedrockError",
    "Client",
    "Collector",
    "ConverseResult",
    "ConverseStream",
    "FieldViolation",
    "QuotaViolation",
    "Tls",
    "Tool",
    "ToolLoopError",
    "ToolLoopResult",
    "ToolUse",
    "assistant",
    "cache_point",
    "connect",
    "converse_request",
    "document",
    "image",
    "run_tools",
    "run_tools_async",
    "system",
    "text",
    "text_of",
    "tool",
    "tool_from",
    "tool_result",
    "tool_uses",
    "usage",
    "user",
]
