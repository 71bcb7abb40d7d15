"""Fixtures for tests on a database of their own: the pool of a process, and the API on it."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from router.domain.agent import Agent
from router.domain.customer import CustomerId
from router.metrics import Metrics
from router.postgres.database import Database, connected
from tests.clients.api import POLICY, Api, running_api
from tests.making.agents import an_agent
from tests.making.builders import ADA, a_customer


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated, empty database."""
    async with connected(database_url, Metrics(CollectorRegistry()), size=6, name="test") as database:
        yield database


@pytest.fixture
async def api(database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    """The API on a database of its own; its policy is the text `POLICY` of the test's module, if it has one."""
    async with running_api(database_url, policy_text=getattr(request.module, "POLICY", POLICY)) as api:
        yield api


@pytest.fixture
async def grace(api: Api) -> Agent:
    """An agent of the frontline."""
    return await an_agent(api.database)


@pytest.fixture
async def ada(database: Database) -> CustomerId:
    """A customer."""
    return CustomerId(await a_customer(database, ADA))
