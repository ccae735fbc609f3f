"""Runs a tool until the model has its result."""

import os

import bedrock_grpc as bedrock


def get_weather(city: str) -> dict[str, object]:
    """Current weather for a city"""
    return {"city": city, "celsius": 18, "sky": "clear"}


with bedrock.connect(os.environ.get("BEDROCK_GRPC_TARGET", "127.0.0.1:50051")) as client:
    request = bedrock.converse_request("demo.model", "What is the weather in Paris?")
    done = bedrock.run_tools(client, request, [bedrock.tool_from(get_weather)])
    print(done.text)
