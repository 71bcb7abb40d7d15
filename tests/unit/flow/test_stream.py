"""The connected agents of a process, on a store in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from router.domain.agent import Agent, Person, Role, TokenId
from router.domain.customer import AgentId
from router.flow.see import stream
from router.flow.see.situation import Situation
from router.flow.see.stream import Connection, Streams
from router.metrics import Metrics
from tests.fakes.situations import IDLE, FakeSituations, a_held_ticket, fake_streams, holding
from tests.making.moments import NOON
from tests.making.running import running

NEVER_S = 3600.0
DEADLINE_S = 5
FIRST, SECOND = a_held_ticket(1), a_held_ticket(2)


@asynccontextmanager
async def looking(
    store: FakeSituations, *, poll_s: float = 0.0, hint: asyncio.Event | None = None, metrics: Metrics | None = None
) -> AsyncIterator[Streams]:
    streams = fake_streams(store, metrics or Metrics(CollectorRegistry()), poll_s=poll_s, hint=hint)
    async with asyncio.timeout(DEADLINE_S), running(streams.run()):
        yield streams


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.flow.run.loops.PAUSE_S", 0.001)
    monkeypatch.setattr(stream, "OUTAGE_S", 0.001)


def who(agent_id: int = 1, token_id: int | None = None) -> Person:
    agent = Agent(id=AgentId(agent_id), name=f"agent {agent_id}")
    return Person(token_id=TokenId(token_id or agent_id), role=Role.AGENT, agent=agent)


async def told(connection: Connection) -> list[tuple[int, str]]:
    return [(version, event.kind.value) for version, event in await connection.news()]


async def test_who_connects_is_told_everything_and_then_the_changes_under_rising_versions():
    store = FakeSituations({1: holding(FIRST)})
    async with looking(store) as streams:
        with streams.connected(who()) as connection:
            assert await told(connection) == [(1, "snapshot")]
            store.situations_of[1] = holding(SECOND)
            assert await told(connection) == [(2, "released"), (3, "assigned")]


async def test_an_agent_with_two_clients_is_told_on_both():
    store = FakeSituations({1: IDLE, 2: IDLE})
    async with looking(store) as streams:
        with streams.connected(who(1, token_id=1)) as one, streams.connected(who(1, token_id=2)) as two:
            assert [await told(one), await told(two)] == [[(1, "snapshot")]] * 2
            store.situations_of = dict.fromkeys([1, 2], holding(FIRST))
            assert [await told(one), await told(two)] == [[(2, "assigned")]] * 2


async def test_who_reads_late_is_told_the_sum_of_what_was_missed():
    store = FakeSituations({1: IDLE})
    async with looking(store) as streams:
        with streams.connected(who()) as connection:
            await told(connection)
            for minute in range(1, 50):
                await shown(store, holding(replace(FIRST, last_customer_at=NOON + timedelta(minutes=minute))))
            await shown(store, holding(SECOND))
            assert await told(connection) == [(2, "assigned")]


async def test_all_who_are_connected_are_looked_at_together():
    store = FakeSituations(dict.fromkeys(range(1, 101), IDLE))
    async with looking(store) as streams:
        with ExitStack() as clients:
            for agent_id in range(1, 101):
                clients.enter_context(streams.connected(who(agent_id)))
            await a_look(store)
            assert store.looks[-1] == set(range(1, 101))


async def test_who_connects_is_looked_at_at_once_and_alone():
    store = FakeSituations({1: IDLE, 2: IDLE})
    async with looking(store, poll_s=NEVER_S) as streams:
        with streams.connected(who(1)) as one, streams.connected(who(2)) as two:
            await told(one)
            await told(two)
            with streams.connected(who(2)) as again:
                await told(again)
            assert store.looks[-1] == {2}


async def test_a_hint_is_a_look_at_everybody():
    store = FakeSituations({1: IDLE})
    hint = asyncio.Event()
    async with looking(store, poll_s=NEVER_S, hint=hint) as streams:
        with streams.connected(who()) as connection:
            await told(connection)
            store.situations_of[1] = holding(FIRST)
            hint.set()
            assert await told(connection) == [(2, "assigned")]


async def test_the_streams_of_a_token_that_has_ended_end():
    store = FakeSituations({1: IDLE, 2: IDLE})
    async with looking(store) as streams:
        with streams.connected(who(1, token_id=1)) as ended, streams.connected(who(1, token_id=2)) as other:
            await told(ended)
            await told(other)
            del store.situations_of[1]
            assert await told(ended) == []
            assert (ended.has_ended, other.has_ended) == (True, False)


async def test_an_outage_only_delays_what_is_told():
    store = FakeSituations({1: holding(FIRST)})
    store.is_down = True
    async with looking(store) as streams:
        with streams.connected(who()) as connection:
            await a_look(store)
            store.is_down = False
            assert await told(connection) == [(1, "snapshot")]


async def test_an_agent_is_present_for_as_long_as_the_stream_is_open():
    store = FakeSituations({1: IDLE})
    async with looking(store) as streams:
        with streams.connected(who()):
            assert store.present[1] == 1
        assert store.present[1] == 0


async def test_streams_are_counted_while_they_are_open():
    registry = CollectorRegistry()
    async with looking(FakeSituations({1: IDLE}), metrics=Metrics(registry)) as streams:
        with streams.connected(who()), streams.connected(who()), streams.connected(who(2)):
            assert registry.get_sample_value("router_streams_connected") == 3
            assert (streams.open_of(AgentId(1)), streams.open_of(AgentId(2))) == (2, 1)
        assert registry.get_sample_value("router_streams_connected") == 0


async def test_streams_end_with_their_process_and_none_begins_after_it():
    async with looking(FakeSituations({1: IDLE})) as streams:
        with streams.connected(who()) as connection:
            await told(connection)
            streams.end()
            assert await told(connection) == []
        with streams.connected(who()) as late:
            assert await told(late) == []


async def test_nobody_is_not_looked_at():
    store = FakeSituations({1: IDLE})
    hint = asyncio.Event()
    async with looking(store, poll_s=NEVER_S, hint=hint) as streams:
        hint.set()
        while hint.is_set():
            await asyncio.sleep(0)
        with streams.connected(who()) as connection:
            await told(connection)
    assert store.looks == [{1}]


async def shown(store: FakeSituations, situation: Situation) -> None:
    """This is the case from now on, and everybody who is connected has been looked at since."""
    store.situations_of[1] = situation
    await a_look(store)
    await a_look(store)


async def a_look(store: FakeSituations) -> None:
    looks = len(store.looks)
    while len(store.looks) == looks:
        store.was_asked.clear()
        await store.was_asked.wait()
