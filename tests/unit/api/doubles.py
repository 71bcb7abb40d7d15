"""The API without a database: enough of its collaborators to ask what needs none."""

from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from router.api.monitoring import Checks
from router.app import build_api
from router.deployment import Deployment
from router.domain.agent import Agent, Person, Principal, Role, TokenId
from router.domain.customer import AgentId
from router.domain.errors import StoreUnavailable
from router.flow.run.bus import Publisher
from router.metrics import Metrics
from router.postgres.hints import Hints
from router.postgres.intake.unprocessable import PostgresUnprocessable
from router.postgres.run.operations import PostgresOperations
from router.postgres.work.customers import PostgresCustomers
from router.settings import Settings
from tests.fakes.publisher import FakePublisher
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


class NoDatabase:
    """Takes every write, and has nothing to read."""

    async def execute(self, flow: str, sql: str, *arguments: object) -> None:
        pass


class NoLoops:
    """Runs none of the loops that are started."""

    def start(self, _name: str, loop: Coroutine[Any, Any, None]) -> None:
        loop.close()


def bare_app(
    publisher: Publisher | None = None,
    *,
    metrics: Metrics | None = None,
    checks: Checks | None = None,
    max_in_flight: int = 10,
) -> web.Application:
    """The whole API as a process has it, not served yet, and with no database behind it."""
    metrics, nothing = metrics or Metrics(CollectorRegistry()), NoDatabase()
    shared = Deployment(
        settings=Settings().model_copy(update={"max_in_flight": max_in_flight}),
        dsn="",
        metrics=metrics,
        database=nothing,
        operations=PostgresOperations(nothing),
        tokens=KnownTokens(),
        customers=PostgresCustomers(nothing),
        unprocessable=PostgresUnprocessable(nothing),
        hints=Hints("", metrics),
        embedded=None,
    )
    return build_api(
        shared, a_policy(), NoLoops(), secret=b"", publisher=publisher or FakePublisher(), checks=checks or Checks()
    )
