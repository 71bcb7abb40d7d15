"""The stores that must pass the suites."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from router.metrics import Metrics
from router.postgres.database import connected
from tests.fakes.center import FakeCenter
from tests.fakes.claims import FakeClaims
from tests.making.center import Center, PostgresCenter
from tests.making.claim_world import PostgresWorld, World


@pytest.fixture
def fake() -> FakeClaims:
    return FakeClaims()


@pytest.fixture
async def postgres(database_url: str) -> AsyncIterator[PostgresWorld]:
    async with connected(database_url, Metrics(CollectorRegistry()), size=4, name="test") as database:
        yield PostgresWorld(database)


@pytest.fixture
def fake_center() -> FakeCenter:
    return FakeCenter()


@pytest.fixture
async def postgres_center(database_url: str) -> AsyncIterator[PostgresCenter]:
    async with connected(database_url, Metrics(CollectorRegistry()), size=4, name="test") as database:
        yield PostgresCenter(database)


@pytest.fixture(params=["fake", "postgres"])
def center(request: pytest.FixtureRequest) -> Center:
    return request.getfixturevalue(f"{request.param}_center")


@pytest.fixture(params=["fake", "postgres"])
def world(request: pytest.FixtureRequest) -> World:
    return request.getfixturevalue(request.param)
