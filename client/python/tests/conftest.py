"""The gateway under test: `client/with-gateway` starts it and names it in BEDROCK_GRPC_TARGET."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

import bedrock_grpc as bedrock
from bedrock_grpc import aio


@pytest.fixture(scope="session")
def target() -> str:
    address = os.environ.get("BEDROCK_GRPC_TARGET")
    if not address:
        pytest.exit("run the tests with client/with-gateway, which starts a gateway", returncode=2)
    return address


@pytest.fixture
def client(target: str) -> Iterator[bedrock.Client]:
    with bedrock.connect(target) as connected:
        yield connected


@pytest_asyncio.fixture
async def async_client(target: str) -> AsyncIterator[aio.AsyncClient]:
    async with aio.connect(target) as connected:
        yield connected
