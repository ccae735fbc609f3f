#!/usr/bin/env python3
"""Two gateways, 200 running streams, and one gateway goes away: by SIGTERM no call is lost, by SIGKILL only its own streams.

    python tests/deploy/envoy/kill.py

Each once with client-side round robin and once through a real Envoy.
"""

import asyncio
import collections
import contextlib
import json
import pathlib
import signal
import sys
import time

import grpc

from config import HEALTH_CHECK, NEVER_REACHED, SERVICE, envoy
from support import MODEL, Process, free_port, gateway, generate, run

v1 = generate()
STREAMS = 200
# Six seconds: long enough that all streams run when a gateway is stopped, also on a busy machine.
EVENTS = 60
# What a client that balances itself needs, and no more: UNAVAILABLE with a pushback is retried.
CLIENT = json.dumps({
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [{"name": [{"service": SERVICE}], "retryPolicy": {
        "maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"]}}]})
# A list of addresses is no valid :authority, and servers on h2 reject it. A name in DNS needs no such option.
OPTIONS = [("grpc.service_config", CLIENT), ("grpc.enable_retries", 1), ("grpc.default_authority", "gateways")]


def request():
    return v1.ConverseStreamRequest(model_id=MODEL, messages=[v1.Message(role="user", content=[v1.ContentBlock(text="Hello")])])


def upstream():
    port = free_port()
    script = str(pathlib.Path(__file__).with_name("paced_upstream.py"))
    process = Process([sys.executable, script, str(port), str(EVENTS)], ("127.0.0.1", port), None)
    process.url = f"http://127.0.0.1:{port}"
    return process


@contextlib.contextmanager
def servers(with_envoy):
    """Two gateways and the target that leads to both."""
    with contextlib.ExitStack() as stack:
        paced = stack.enter_context(upstream())
        pair = [stack.enter_context(gateway(paced.url)) for _ in range(2)]
        if with_envoy:
            proxy = stack.enter_context(envoy(pair, retry_policy=NEVER_REACHED, health_checks=HEALTH_CHECK,
                                              close_connections_on_host_health_failure=False))
            yield pair, proxy.target
        else:
            yield pair, "ipv4:" + ",".join(g.target for g in pair)


async def one_stream(stub, begun):
    """The status of a stream and how many events came. `begun` counts streams with an event."""
    events = 0
    try:
        async for _ in stub.ConverseStream(request(), timeout=120):
            events += 1
            if events == 1:
                begun.release()
    except grpc.aio.AioRpcError as error:
        return error.code(), events
    return grpc.StatusCode.OK, events


async def connect_to_both(stub, pair):
    """Makes calls until each gateway has received one, because round robin starts with the connection that is ready first."""
    async with asyncio.timeout(60):
        while not all(g.calls(MODEL) for g in pair):
            call = stub.ConverseStream(request(), timeout=60)
            await call.read()
            call.cancel()
            await asyncio.sleep(0.05)


async def streams_while(target, pair, stop, later=0):
    """Statuses of 200 streams in whose middle `stop` is called, and of `later` more that begin just after it."""
    async with grpc.aio.insecure_channel(target, options=OPTIONS) as channel:
        stub, begun = v1.Stub(channel), asyncio.Semaphore(0)
        await connect_to_both(stub, pair)
        running = [asyncio.create_task(one_stream(stub, begun)) for _ in range(STREAMS)]
        async with asyncio.timeout(60):
            for _ in running:
                await begun.acquire()
        stop()
        more = []
        for _ in range(later):
            more.append(asyncio.create_task(one_stream(stub, begun)))
            # The first calls reach the gateway before its GOAWAY reaches the client.
            await asyncio.sleep(0 if len(more) < later // 2 else 0.02)
        return await asyncio.gather(*running), await asyncio.gather(*more)


def completed_calls(process, at_least):
    """How many calls a gateway has ended with OK, by its log, which is written just after the caller has its status."""
    def count():
        return sum(call["status"] == "OK" for call in process.calls(MODEL))

    end = time.monotonic() + 5
    while count() < at_least and time.monotonic() < end:
        time.sleep(0.05)
    return count()


def check_sigterm_loses_no_call(with_envoy):
    with servers(with_envoy) as (pair, target):
        first, second = pair
        running, later = asyncio.run(streams_while(target, pair, lambda: first.process.send_signal(signal.SIGTERM), later=50))
        failed = collections.Counter(code.name for code, _ in [*running, *later] if code != grpc.StatusCode.OK)
        assert not failed, failed
        # A whole stream: the model's events, and start, stop and metadata.
        assert all(events == EVENTS + 3 for _, events in [*running, *later])
        assert first.process.wait(30) == 0, "the stopped gateway did not end by itself"
        # Both gateways must have had streams. Otherwise the test proves nothing.
        shares = [completed_calls(g, STREAMS // 4) for g in pair]
        assert min(shares) >= STREAMS // 4, shares


def check_sigkill_loses_only_its_own_streams(with_envoy):
    # A client's library reports a broken connection as UNAVAILABLE, and a stream that Envoy resets in its middle as INTERNAL.
    broken = grpc.StatusCode.INTERNAL if with_envoy else grpc.StatusCode.UNAVAILABLE
    with servers(with_envoy) as (pair, target):
        first, second = pair
        running, later = asyncio.run(streams_while(target, pair, first.process.kill, later=20))
        codes = collections.Counter(code for code, _ in running)
        assert set(codes) == {grpc.StatusCode.OK, broken}, codes
        # Every stream has a status, and those of the other gateway have all their events.
        assert sum(codes.values()) == STREAMS
        assert all(events == EVENTS + 3 for code, events in running if code == grpc.StatusCode.OK)
        expected = codes[grpc.StatusCode.OK] + len(later)
        assert completed_calls(second, expected) == expected, (second.calls(MODEL), codes)
        assert codes[broken] >= STREAMS / 4, codes
        assert all(code == grpc.StatusCode.OK for code, _ in later), later


def sigterm_with_client_side_round_robin_loses_no_call():
    check_sigterm_loses_no_call(with_envoy=False)


def sigterm_behind_envoy_loses_no_call():
    check_sigterm_loses_no_call(with_envoy=True)


def sigkill_with_client_side_round_robin_loses_only_its_own_streams():
    check_sigkill_loses_only_its_own_streams(with_envoy=False)


def sigkill_behind_envoy_loses_only_its_own_streams():
    check_sigkill_loses_only_its_own_streams(with_envoy=True)


if __name__ == "__main__":
    sys.exit(run([sigterm_with_client_side_round_robin_loses_no_call, sigterm_behind_envoy_loses_no_call,
                  sigkill_with_client_side_round_robin_loses_only_its_own_streams,
                  sigkill_behind_envoy_loses_only_its_own_streams]))
