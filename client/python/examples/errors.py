"""Reads what an error says: reason, delay, field."""

import os

import bedrock_grpc as bedrock

with bedrock.connect(os.environ.get("BEDROCK_GRPC_TARGET", "127.0.0.1:50051")) as client:
    try:
        client.converse("fault.throttling-daily", "Hello")
    except bedrock.BedrockError as error:
        print(error.code.name, error.reason, "retryable" if error.retryable else "final", error.request_id)
