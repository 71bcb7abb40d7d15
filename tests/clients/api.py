"""The API on a real database and a free loopback port, asked with tokens of several people."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from router.api import server
from router.api.monitoring import Checks
from router.domain.agent import Agent, Lease, Role
from router.flow.assign.claims import Claims
from router.flow.assign.offers import Offers
from router.flow.assign.picking import Picking
from router.flow.assign.presence import Presences
from router.flow.run.bus import Publisher
from router.flow.see.me import Myself
from router.flow.see.stream import Streams
from router.flow.work.agents import Agents
from router.flow.work.compose import MailIdentity
from router.flow.work.desk import Desk
from router.flow.work.lead import Lead
from router.metrics import Metrics
from router.policy.parse import parse_policy
from router.postgres.assign.claims import PostgresClaims
from router.postgres.assign.offers import PostgresOffers
from router.postgres.assign.picking import PostgresPicking
from router.postgres.assign.presence import PostgresPresence
from router.postgres.audit import PostgresAudit
from router.postgres.database import Database, connected
from router.postgres.run.bus import PostgresPublisher
from router.postgres.see.reading import PostgresReading
from router.postgres.see.stream import PostgresStream
from router.postgres.work.agents import PostgresAgents
from router.postgres.work.desk import PostgresDesk
from router.postgres.work.lead import PostgresLead
from router.postgres.work.tokens import Tokens
from tests.making.builders import a_token
from tests.making.running import running

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
    claims: Claims | None = None,
    connections: int = 6,
) -> AsyncIterator[Api]:
    metrics = Metrics(CollectorRegistry())
    policy = parse_policy(policy_text)
    async with connected(database_url, metrics, size=connections, name="test") as database:
        reading = PostgresReading(database)
        mail = MailIdentity(secret=SECRET, domain="mail.acme.example")
        desk = Desk(store=PostgresDesk(database), policy=lambda: policy, mail=mail, metrics=metrics)
        lead = Lead(store=PostgresLead(database), policy=lambda: policy, metrics=metrics)
        own_claims = Claims(PostgresClaims(database), metrics, policy=lambda: policy)
        presences = Presences(PostgresPresence(database), lambda: policy, metrics)
        streams = Streams(
            store=PostgresStream(database),
            staying=presences.staying,
            policy=lambda: policy,
            metrics=metrics,
            hint=asyncio.Event(),
            poll_s=0.2,
        )
        app = server.build(
            principals=Tokens(database),
            agents=Agents(PostgresAgents(database), lambda: policy, metrics),
            audit=PostgresAudit(database),
            myself=Myself(PostgresAgents(database), lambda: policy),
            presences=presences,
            reading=reading,
            desk=desk,
            lead=lead,
            offers=Offers(store=PostgresOffers(database), metrics=metrics),
            picking=Picking(store=PostgresPicking(database), policy=lambda: policy, metrics=metrics),
            claims=claims or own_claims,
            streams=streams,
            publisher=publisher or PostgresPublisher(database, metrics),
            policy=lambda: policy,
            metrics=metrics,
            checks=Checks(problems={"database": database.problems}),
            max_in_flight=100,
        )
        async with running(own_claims.run()), running(streams.run()), TestClient(TestServer(app)) as client:
            yield Api(database, metrics, client, desk, lead, reading)
