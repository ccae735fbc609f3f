"""One question, one response."""

import os

import bedrock_grpc as bedrock

with bedrock.connect(os.environ.get("BEDROCK_GRPC_TARGET", "127.0.0.1:50051")) as client:
    print(client.converse("demo.model", "Hello").text)
