"""Clients that close the connection, and a server that stops while some wait."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import ClientSession, ClientTimeout
from prometheus_client import CollectorRegistry

from channels.schema import EXAMPLE
from router.api import connections, server
from router.api.access import Principals, Renewing
from router.api.me import MeEndpoints
from router.api.messages import MessageEndpoints
from router.api.monitoring import Checks, MonitoringEndpoints
from router.api.room import Room
from router.domain.agent import Agent, Person, Principal, Role, TokenId
from router.domain.customer import AgentId
from router.flow.assign.claims import Claims
from router.metrics import Metrics
from tests.fakes.claims import FakeClaims
from tests.fakes.presence import Welcoming, fake_presences
from tests.fakes.publisher import SlowPublisher
from tests.making.assignment import a_policy
from tests.making.running import running
from tests.making.tickets import a_requirement

DEADLINE_S = 10
NEXT = "/v1/me/next?wait=60"


class Tokens:
    """Secrets are `agent 1`, `agent 2` and so on, whose tokens have those numbers, and `shop`, an integration."""

    async def principal_of(self, secret: str) -> Principal:
        if secret == "shop":
            return Principal(token_id=TokenId(1), role=Role.INTEGRATION)
        number = int(secret.removeprefix("agent "))
        agent = Agent(id=AgentId(number), name=secret)
        return Person(token_id=TokenId(number), role=Role.AGENT, agent=agent)


class SlowTokens(Tokens):
    """Knows nobody until told to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()

    async def principal_of(self, secret: str) -> Principal:
        self.asked.set()
        await self.answer.wait()
        return await super().principal_of(secret)


class Unreadable:
    """Whoever is given a ticket is answered as if it had left them again."""

    async def ticket(self, _viewer: object, _ticket_id: int) -> None:
        return None


@pytest.fixture
def store() -> FakeClaims:
    return FakeClaims()


@pytest.fixture
def bus() -> SlowPublisher:
    return SlowPublisher()


@asynccontextmanager
async def serving(
    store: FakeClaims, bus: SlowPublisher, tokens: Principals | None = None, metrics: Metrics | None = None
) -> AsyncIterator[str]:
    """Serve as a process does and yield the address."""
    metrics = metrics or Metrics(CollectorRegistry())
    claims = Claims(store, metrics, policy=a_policy(), poll_s=0.01)
    presences = fake_presences()
    app = server.build(
        [
            MeEndpoints(claims=claims, reading=Unreadable(), myself=Welcoming(), presences=presences),
            MessageEndpoints(publisher=bus, reading=None, room=Room(10)),
            MonitoringEndpoints(registry=metrics.registry, checks=Checks()),
        ],
        principals=Renewing(tokens or Tokens(), presences),
        metrics=metrics,
        on_shutdown=[claims.end],
    )
    async with (
        running(claims.run()),
        asyncio.timeout(DEADLINE_S),
        connections.serving(app, host="127.0.0.1", port=0) as port,
    ):
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def asking(address: str, secret: str, path: str = NEXT, **given: object) -> AsyncIterator["asyncio.Task[int]"]:
    """Ask on a connection of its own, which is closed at the end; yields the status to come."""

    async def ask() -> int:
        async with session.post(path, **given) as answer:
            return answer.status

    headers = {"Authorization": f"Bearer {secret}"}
    async with ClientSession(address, headers=headers, timeout=ClientTimeout(DEADLINE_S)) as session:
        answering = asyncio.create_task(ask())
        yield answering
        answering.cancel()
        await asyncio.wait([answering])


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.01)


async def test_who_closes_the_connection_is_given_no_ticket(store: FakeClaims, bus: SlowPublisher):
    ada, grace = await store.agent(), await store.agent()
    async with serving(store, bus) as address, asking(address, f"agent {grace}"):
        async with asking(address, f"agent {ada}"):
            await until(lambda: store.rounds and set(store.rounds[-1]) == {ada, grace})
        await until(lambda: store.rounds[-1] == [grace])
        ticket = await store.queue(a_requirement())
        await until(lambda: store.tickets[ticket].held_by)
    assert store.tickets[ticket].held_by == grace


async def test_a_token_that_is_revoked_ends_the_wait(store: FakeClaims, bus: SlowPublisher):
    ada = await store.agent()
    async with serving(store, bus) as address, asking(address, f"agent {ada}") as waiting:
        await until(lambda: store.rounds)
        await store.revoke(TokenId(ada))
        assert await waiting == 401


async def test_who_waits_for_a_ticket_is_told_at_once_when_the_server_stops(store: FakeClaims, bus: SlowPublisher):
    ada = await store.agent()
    async with AsyncExitStack() as clients:
        async with serving(store, bus) as address:
            parked = await clients.enter_async_context(asking(address, f"agent {ada}"))
            await until(lambda: store.rounds)
            stopping_at = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - stopping_at < 1
        assert await parked == 204


async def test_what_has_begun_is_done_though_its_client_has_gone(store: FakeClaims, bus: SlowPublisher):
    async with serving(store, bus) as address:
        async with asking(address, "shop", "/v1/messages", json=EXAMPLE):
            await bus.asked.wait()
        async with ClientSession(address) as session, session.get("/health/live"):
            pass  # the server has seen the other connection close
        bus.confirm.set()
        await until(lambda: bus.published)


async def test_who_goes_before_the_request_was_read_is_no_fault_of_ours(store: FakeClaims, bus: SlowPublisher):
    tokens, metrics = SlowTokens(), Metrics(CollectorRegistry())

    def answered(status: str) -> float | None:
        labels = {"endpoint": "/v1/messages", "method": "POST", "status": status}
        return metrics.registry.get_sample_value("router_http_request_seconds_count", labels)

    async with serving(store, bus, tokens, metrics) as address:
        async with asking(address, "shop", "/v1/messages", json=EXAMPLE):
            await tokens.asked.wait()
        async with ClientSession(address) as session, session.get("/health/live"):
            pass  # the server has seen the other connection close
        tokens.answer.set()
        await until(lambda: answered("4xx") or answered("5xx"))
    assert (answered("4xx"), answered("5xx"), bus.published) == (1, None, [])
