"""The same with asyncio."""

import asyncio
import os

from bedrock_grpc import aio


async def main() -> None:
    async with aio.connect(os.environ.get("BEDROCK_GRPC_TARGET", "127.0.0.1:50051")) as client:
        async for piece in client.converse_stream("demo.model", "Hello").text():
            print(piece, end="", flush=True)
        print()


asyncio.run(main())
