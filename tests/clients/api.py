"""The API on a real database and a free loopback port, asked with tokens of several people."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from router.api.monitoring import Checks
from router.app import build_api
from router.deployment import Deployment
from router.domain.agent import Agent, Lease, Role
from router.flow.run.bus import Publisher
from router.flow.run.loops import looping
from router.flow.work.compose import MailIdentity
from router.flow.work.desk import Desk
from router.flow.work.lead import Lead
from router.metrics import Metrics
from router.policy.parse import parse_policy
from router.postgres.database import Database, connected
from router.postgres.hints import Hints
from router.postgres.intake.unprocessable import PostgresUnprocessable
from router.postgres.run.bus import PostgresPublisher
from router.postgres.run.operations import PostgresOperations
from router.postgres.see.reading import PostgresReading
from router.postgres.work.customers import PostgresCustomers
from router.postgres.work.desk import PostgresDesk
from router.postgres.work.lead import PostgresLead
from router.postgres.work.tokens import Tokens
from router.settings import Settings
from tests.making.builders import a_token

SECRET = b"a sample secret"
POLICY = """
teams:
  frontline: {takes: simple, overflow_to: [specialists]}
  specialists: {takes: complex}
queues:
  general: {team: frontline}
  expert: {team: specialists}
routes:
  - {name: complex, when: {complexity: complex}, queue: expert, target: 8h}
  - {name: rest, queue: general, target: 4h}
triage: {bias: -1}
"""


@dataclass(frozen=True)
class Answered:
    """What the API answered."""

    status: int
    headers: Any
    json: Any
    body: bytes = b""


class Caller:
    """Somebody with a token, or nobody without one."""

    def __init__(self, client: "TestClient[Any, Any]", secret: str | None) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {secret}"} if secret else {}

    async def get(self, path: str, **given: Any) -> Answered:
        return await self._ask("GET", path, **given)

    async def post(
        self, path: str, *, lease: Lease | str | None = None, headers: dict[str, str] | None = None, **given: Any
    ) -> Answered:
        held = {"If-Match": f'"{lease}"'} if lease else {}
        return await self._ask("POST", path, headers={**held, **(headers or {})}, **given)

    async def put(self, path: str, **given: Any) -> Answered:
        return await self._ask("PUT", path, **given)

    async def patch(self, path: str, **given: Any) -> Answered:
        return await self._ask("PATCH", path, **given)

    async def delete(self, path: str, **given: Any) -> Answered:
        return await self._ask("DELETE", path, **given)

    async def _ask(self, method: str, path: str, *, headers: dict[str, str] | None = None, **given: Any) -> Answered:
        async with self._client.request(method, path, headers={**self._headers, **(headers or {})}, **given) as answer:
            is_json = answer.content_type.endswith("json")
            json = await answer.json(content_type=None) if is_json else None
            return Answered(answer.status, answer.headers, json, await answer.read())


@dataclass(frozen=True)
class Api:
    """A running API; `database` is for arranging."""

    database: Database
    metrics: Metrics
    client: "TestClient[Any, Any]"
    desk: Desk
    lead: Lead
    reading: PostgresReading

    async def caller(self, role: Role, agent: Agent | None = None) -> Caller:
        return Caller(self.client, await a_token(self.database, role, agent=agent))

    async def agent(self, agent: Agent) -> Caller:
        return await self.caller(Role.AGENT, agent)

    def nobody(self) -> Caller:
        return Caller(self.client, None)

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0


@asynccontextmanager
async def running_api(
    database_url: str,
    publisher: Publisher | None = None,
    *,
    policy_text: str = POLICY,
    connections: int = 6,
) -> AsyncIterator[Api]:
    metrics = Metrics(CollectorRegistry())
    policy = parse_policy(policy_text)
    async with connected(database_url, metrics, size=connections, name="test") as database, looping() as loops:
        shared = Deployment(
            settings=Settings(mail_domain="mail.acme.example", max_in_flight=100),
            dsn=database_url,
            metrics=metrics,
            database=database,
            operations=PostgresOperations(database),
            tokens=Tokens(database),
            customers=PostgresCustomers(database),
            unprocessable=PostgresUnprocessable(database),
            hints=Hints(database_url, metrics),
            embedded=None,
        )
        app = build_api(
            shared,
            lambda: policy,
            loops,
            secret=SECRET,
            publisher=publisher or PostgresPublisher(database, metrics),
            checks=Checks(problems={"database": database.problems}),
        )
        loops.start("hints", shared.hints.run())
        mail = MailIdentity(secret=SECRET, domain=shared.settings.mail_domain)
        desk = Desk(store=PostgresDesk(database), policy=lambda: policy, mail=mail, metrics=metrics)
        lead = Lead(store=PostgresLead(database), policy=lambda: policy, metrics=metrics)
        async with TestClient(TestServer(app)) as client:
            yield Api(database, metrics, client, desk, lead, PostgresReading(database))
