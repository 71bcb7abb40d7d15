"""The API without a database: enough of its collaborators to ask what needs none."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from router.api import server
from router.api.monitoring import Checks
from router.domain.agent import Agent, Person, Principal, Role, TokenId
from router.domain.customer import AgentId
from router.domain.errors import StoreUnavailable
from router.flow.assign.claims import Claims
from router.flow.run.bus import Publisher
from router.metrics import Metrics
from tests.fakes.claims import FakeClaims
from tests.fakes.presence import people
from tests.fakes.publisher import FakePublisher
from tests.fakes.situations import FakeSituations, fake_streams
from tests.making.assignment import a_policy

INTEGRATION = "sample-integration"
ADMIN = "sample-admin"
LEAD = "sample-lead"
NOBODY = "sample-agent-without-a-person"


class KnownTokens:
    """A few tokens, and an outage for the secret that asks for it."""

    _roles: Mapping[str, Role] = {INTEGRATION: Role.INTEGRATION, ADMIN: Role.ADMIN, NOBODY: Role.AGENT}

    async def principal_of(self, secret: str) -> Principal | None:
        if secret == "sample-outage":
            raise StoreUnavailable("the database does not answer")
        if secret == LEAD:
            ada = Agent(id=AgentId(1), name="ada", teams=frozenset({"frontline"}))
            return Person(token_id=TokenId(2), role=Role.LEAD, agent=ada)
        role = self._roles.get(secret)
        return Principal(token_id=TokenId(1), role=role) if role else None


@asynccontextmanager
async def an_app(
    publisher: Publisher | None = None,
    *,
    metrics: Metrics | None = None,
    checks: Checks | None = None,
    max_in_flight: int = 10,
) -> AsyncIterator["TestClient[Any, Any]"]:
    app = bare_app(publisher, metrics=metrics, checks=checks, max_in_flight=max_in_flight)
    async with TestClient(TestServer(app)) as client:
        yield client


def bare_app(
    publisher: Publisher | None = None,
    *,
    metrics: Metrics | None = None,
    checks: Checks | None = None,
    max_in_flight: int = 10,
) -> web.Application:
    """The whole API, not served yet."""
    metrics = metrics or Metrics(CollectorRegistry())
    return server.build(
        principals=KnownTokens(),
        **people(),
        reading=None,
        desk=None,
        lead=None,
        picking=None,
        offers=None,
        claims=Claims(FakeClaims(), metrics, policy=a_policy()),
        streams=fake_streams(FakeSituations({}), metrics),
        publisher=publisher or FakePublisher(),
        policy=None,
        metrics=metrics,
        checks=checks or Checks(),
        max_in_flight=max_in_flight,
    )
