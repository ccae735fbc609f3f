#!/usr/bin/env python3
"""Uses client/service-config.json with unmodified Python gRPC and a simulator that fails.

    python tests/clients/service_config.py

Starts the gateway and the simulator itself. Needs tests/clients/requirements.txt and a built binary.
"""

import sys
import time

import grpc

from support import MODEL, ROOT, gateway, generate, run, simulator

v1 = generate()
SERVICE_CONFIG = (ROOT / "client/service-config.json").read_text()
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


class Client:
    def __init__(self, server):
        self.gateway = server
        self.stub = v1.Stub(grpc.insecure_channel(server.target, [("grpc.service_config", SERVICE_CONFIG)]))

    def statuses(self, model, count):
        """The status of each call that the gateway logged for this model, after at least `count` calls."""
        self.gateway.wait_for_calls(model, count)
        time.sleep(0.3)  # time for a call that must not arrive
        return [line["status"] for line in self.gateway.calls(model)]


def request(model):
    return v1.ConverseRequest(model_id=model, messages=[v1.Message(role="user", content=[v1.ContentBlock(text="Hello")])])


def code_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code()
    raise AssertionError("the call succeeded")


@check
def the_service_config_is_valid(client):
    assert client.stub.Converse(request(MODEL)).stop_reason == "end_turn"


@check
def a_unary_call_is_retried(client):
    # The gateway sends three requests for the first attempt of the client, and one for each retry of the client.
    model = "fault.flaky.3.service-unavailable"
    assert client.stub.Converse(request(model)).stop_reason == "end_turn"
    assert client.statuses(model, 2) == ["UNAVAILABLE", "OK"]


@check
def a_negative_pushback_is_not_retried(client):
    model = "fault.throttling-daily"
    assert code_of(lambda: client.stub.Converse(request(model))) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert client.statuses(model, 1) == ["RESOURCE_EXHAUSTED"]


@check
def start_async_invoke_is_not_retried(client):
    model = "fault.service-unavailable"
    output = v1.AsyncInvokeS3OutputDataConfig(s3_uri="s3://bucket/folder")
    job = v1.StartAsyncInvokeRequest(
        model_id=model, output_data_config=v1.AsyncInvokeOutputDataConfig(s3_output_data_config=output))
    set_model_input(job)
    assert code_of(lambda: client.stub.StartAsyncInvoke(job)) is grpc.StatusCode.UNAVAILABLE
    assert client.statuses(model, 1) == ["UNAVAILABLE"]


def set_model_input(job):
    """An empty JSON object, in the field that holds JSON text."""
    if "model_input_json" in job.DESCRIPTOR.fields_by_name:
        job.model_input_json = "{}"
    else:
        job.model_input.json = "{}"


def main():
    with simulator() as bedrock, gateway(bedrock.url) as server:
        return run(CHECKS, Client(server))


if __name__ == "__main__":
    sys.exit(main())
