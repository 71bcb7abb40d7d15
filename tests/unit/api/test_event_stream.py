"""The stream on the wire: what clients read, and what becomes of those that leave, do not read, or are too many."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import pytest
from aiohttp import ClientSession, ClientTimeout
from prometheus_client import CollectorRegistry

from router.api import connections, server, stream
from router.api.access import Renewing
from router.api.stream import StreamEndpoints
from router.domain.agent import Agent, Person, Role, TokenId
from router.domain.customer import AgentId
from router.flow.see.stream import Streams
from router.metrics import Metrics
from tests.clients.stream import ENDED, STREAM, Told, listening
from tests.fakes.presence import fake_presences
from tests.fakes.situations import IDLE, FakeSituations, a_held_ticket, fake_streams, holding
from tests.making.moments import NOON
from tests.making.running import running

DEADLINE_S = 30
ADA = AgentId(1)


class Tokens:
    """Secrets are `agent 1`, `agent 2` and so on."""

    async def principal_of(self, secret: str) -> Person:
        number = int(secret.removeprefix("agent "))
        agent = Agent(id=AgentId(number), name=secret)
        return Person(token_id=TokenId(number), role=Role.AGENT, agent=agent)


@dataclass(frozen=True)
class Process:
    """A running API: its streams, its metrics, and a client."""

    streams: Streams
    registry: CollectorRegistry
    client: ClientSession
    port: int

    @property
    def connected(self) -> float | None:
        return self.registry.get_sample_value("router_streams_connected")


@asynccontextmanager
async def serving(store: FakeSituations) -> AsyncIterator[Process]:
    """Serve as a process does."""
    metrics = Metrics(CollectorRegistry())
    streams = fake_streams(store, metrics)
    app = server.build(
        [StreamEndpoints(streams)],
        principals=Renewing(Tokens(), fake_presences()),
        metrics=metrics,
        on_shutdown=[streams.end],
    )
    async with (
        running(streams.run()),
        asyncio.timeout(DEADLINE_S),
        connections.serving(app, host="127.0.0.1", port=0) as port,
        ClientSession(f"http://127.0.0.1:{port}", timeout=ClientTimeout(DEADLINE_S)) as client,
    ):
        yield Process(streams, metrics.registry, client, port)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.01)


async def test_events_come_with_version_kind_and_data():
    store = FakeSituations({1: IDLE})
    async with serving(store) as process, listening(process.client, "agent 1") as ada:
        assert ada.answer.status == 200
        assert ada.answer.content_type == "text/event-stream"
        assert ada.answer.headers["Cache-Control"] == "no-cache"
        snapshot = await ada.told()
        assert (snapshot.version, snapshot.kind) == (1, "snapshot")
        assert snapshot.data == {
            "presence": {"status": "available", "reason": None, "since": "2026-03-02T12:00:00Z", "cause": None},
            "capacity": {"used": 0, "limit": 10},
            "tickets": [],
            "offers": [],
        }
        store.situations_of[1] = holding(a_held_ticket())
        assert await ada.told() == Told(
            2,
            "assigned",
            {
                "id": 7,
                "lease": "7.1",
                "state": "assigned",
                "queue": "general",
                "channel": "email",
                "until": None,
                "last_customer_at": "2026-03-02T12:00:00Z",
                "bounced_at": None,
            },
        )


async def test_a_new_stream_begins_with_everything_whatever_the_one_before_had_said():
    store = FakeSituations({1: holding(a_held_ticket())})
    async with serving(store) as process:
        for _ in range(2):
            async with listening(process.client, "agent 1") as ada:
                snapshot = await ada.told()
                assert (snapshot.version, [ticket["lease"] for ticket in snapshot.data["tickets"]]) == (1, ["7.1"])


async def test_comments_say_that_the_stream_is_alive(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.01)
    async with serving(FakeSituations({1: IDLE})) as process, listening(process.client, "agent 1") as ada:
        assert await ada.comment() == "ping"


async def test_who_closes_the_connection_is_no_longer_connected_or_present():
    store = FakeSituations({1: IDLE})
    async with serving(store) as process:
        async with listening(process.client, "agent 1") as ada:
            await ada.told()
            assert (process.connected, store.present[ADA]) == (1, 1)
        await until(lambda: process.connected == 0)
        assert store.present[ADA] == 0


async def test_streams_end_at_once_when_the_server_stops():
    async with AsyncExitStack() as clients:
        async with serving(FakeSituations({1: IDLE})) as process:
            session = await clients.enter_async_context(ClientSession(f"http://127.0.0.1:{process.port}"))
            ada = await clients.enter_async_context(listening(session, "agent 1"))
            await ada.told()
            stopping_at = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - stopping_at < 1
        assert await ada.told() == ENDED


async def test_the_stream_of_a_token_that_has_ended_ends():
    store = FakeSituations({1: IDLE})
    async with serving(store) as process, listening(process.client, "agent 1") as ada:
        await ada.told()
        del store.situations_of[1]
        assert await ada.told() == ENDED


async def test_who_does_not_read_is_disconnected(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stream, "UNREAD_S", 0.1)
    store = FakeSituations({1: IDLE})
    async with serving(store) as process:
        with deaf(process.port, "agent 1"):
            await until(lambda: process.connected)
            for minute in count():
                heard_at = NOON + timedelta(minutes=minute)
                tickets = [a_held_ticket(number, last_customer_at=heard_at) for number in range(500)]
                store.situations_of[1] = holding(*tickets)
                await asyncio.sleep(0)
                if not process.connected:
                    break


async def test_an_agent_has_ten_streams_open_at_most_and_others_are_not_concerned():
    async with serving(FakeSituations({1: IDLE, 2: IDLE})) as process, AsyncExitStack() as clients:
        for _ in range(10):
            ada = await clients.enter_async_context(listening(process.client, "agent 1"))
            assert (await ada.told()).kind == "snapshot"
        refused = await clients.enter_async_context(listening(process.client, "agent 1"))
        assert refused.answer.status == 429
        assert (await refused.answer.json(content_type=None))[
            "detail"
        ] == "You have 10 streams open: close one of them."
        grace = await clients.enter_async_context(listening(process.client, "agent 2"))
        assert grace.answer.status == 200


async def test_how_long_somebody_listened_is_not_counted_as_time_to_answer():
    store = FakeSituations({1: IDLE})
    async with serving(store) as process:
        async with listening(process.client, "agent 1") as ada:
            await ada.told()
            store.situations_of.clear()
            assert await ada.told() == ENDED
        labels = {"endpoint": STREAM, "method": "GET", "status": "2xx"}
        assert process.registry.get_sample_value("router_http_request_seconds_count", labels) is None


def deaf(port: int, secret: str) -> socket.socket:
    """A client that asks and never reads the answer."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {STREAM} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\n\r\n".encode())
    return client
