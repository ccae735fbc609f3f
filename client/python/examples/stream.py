"""Prints text as it arrives, then the usage."""

import os

import bedrock_grpc as bedrock

with bedrock.connect(os.environ.get("BEDROCK_GRPC_TARGET", "127.0.0.1:50051")) as client:
    with client.converse_stream("demo.model", "Tell me a story.") as stream:
        for piece in stream.text():
            print(piece, end="", flush=True)
        result = stream.collect()
    print(f"\n{result.stop_reason}, {result.usage.total_tokens} tokens, request {result.request_id}")
