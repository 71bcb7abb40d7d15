"""The stores that must pass the suites of claims."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from router.metrics import Metrics
from router.postgres.database import connected
from tests.fakes.claims import FakeClaims
from tests.making.claim_world import PostgresWorld, World


@pytest.fixture
def fake() -> FakeClaims:
    return FakeClaims()


@pytest.fixture
async def postgres(database_url: str) -> AsyncIterator[PostgresWorld]:
    async with connected(database_url, Metrics(CollectorRegistry()), size=4, name="test") as database:
        yield PostgresWorld(database)


@pytest.fixture(params=["fake", "postgres"])
def world(request: pytest.FixtureRequest) -> World:
    return request.getfixturevalue(request.param)
