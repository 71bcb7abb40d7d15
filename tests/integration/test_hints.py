"""Who can give tickets, and whose tickets they were, is told at once of what waits anew."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from router.domain.actor import Actor
from router.domain.agent import Lease, Role
from router.flow.assign.hold import Hold
from router.flow.assign.offers import Offers
from router.flow.work.transfer import Destination
from router.metrics import Metrics
from router.postgres import hints
from router.postgres.assign.offers import PostgresOffers
from tests.clients.api import Api, running_api
from tests.making.agents import an_agent
from tests.making.holds import a_hold
from tests.making.running import running

POLICY = """
teams: {frontline: {takes: simple, overflow_to: [specialists]}, specialists: {takes: complex}}
queues: {general: {team: frontline}, expert: {team: specialists}}
routes:
  - {name: complex, when: {complexity: complex}, queue: expert, target: 8h}
  - {name: rest, queue: general, target: 4h}
triage: {bias: -1}
"""
DEADLINE_S = 10
LISTENED = "router_loop_last_success_timestamp_seconds", {"loop": "hints"}
OFFER = "update ticket set state = 'offered', state_until = now() + interval '1 minute'"


@asynccontextmanager
async def hearing(database_url: str) -> AsyncIterator[asyncio.Queue[str]]:
    """The channels of all hints from here on."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    connection = await asyncpg.connect(database_url)
    for channel in ("frontdesk_queued", "frontdesk_agents"):
        await connection.add_listener(channel, lambda _connection, _pid, channel, _payload: heard.put_nowait(channel))
    try:
        yield heard
    finally:
        await connection.close()


async def decline(api: Api, hold: Hold) -> None:
    await Offers(store=PostgresOffers(api.database), metrics=api.metrics).decline(hold)


async def transfer(api: Api, hold: Hold) -> None:
    await api.desk.transfer(hold, Destination(queue="expert", note="Please look."))


async def undo(api: Api, hold: Hold) -> None:
    await api.lead.undo(Actor(role=Role.ADMIN), hold.lease.ticket_id)


async def nothing(_api: Api, _hold: Hold) -> None: ...


async def offer(api: Api, _hold: Hold) -> None:
    await api.database.execute("test", OFFER)


Step = Callable[[Api, Hold], Awaitable[None]]


BOTH = {"frontdesk_queued", "frontdesk_agents"}


@pytest.mark.parametrize(
    ("before", "move", "topics"),
    [(offer, decline, BOTH), (nothing, transfer, BOTH), (transfer, undo, {"frontdesk_queued"})],
)
async def test_what_waits_anew_is_heard_of_at_once(database_url: str, before: Step, move: Step, topics: set[str]):
    async with running_api(database_url, policy_text=POLICY) as api:
        hold = await a_hold(api, await an_agent(api.database))
        await before(api, hold)
        async with hearing(database_url) as heard, asyncio.timeout(DEADLINE_S):
            await move(api, hold)
            assert {await heard.get() for _ in topics} == topics


async def test_a_decline_that_comes_too_late_wakes_nobody(database_url: str):
    async with running_api(database_url, policy_text=POLICY) as api:
        hold = await a_hold(api, await an_agent(api.database))
        late = Hold(agent=hold.agent, lease=Lease(hold.lease.ticket_id, hold.lease.epoch - 1))
        async with hearing(database_url) as heard, asyncio.timeout(DEADLINE_S):
            async with PostgresOffers(api.database).answering(late) as answering:
                assert await answering.decline() is None
            await offer(api, hold)
            await decline(api, hold)
            assert {await heard.get(), await heard.get()} == BOTH
            assert heard.empty()


@asynccontextmanager
async def listening(database_url: str, metrics: Metrics, wake: Callable[[], None]) -> AsyncIterator[None]:
    heard = hints.Hints(database_url, metrics)
    heard.tell(wake, hints.QUEUED)
    async with running(heard.run()):
        yield


async def test_a_hint_wakes_whoever_is_to_be_told(database_url: str):
    woken = asyncio.Event()
    async with running_api(database_url) as api, listening(database_url, api.metrics, woken.set):
        async with asyncio.timeout(DEADLINE_S):
            while not woken.is_set():  # until it listens, nobody hears
                async with api.database.transaction("test") as connection:
                    await hints.hint(connection, hints.QUEUED)
                with suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), 0.1)


async def test_each_proof_that_the_database_is_listened_to_is_reported(
    database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hints, "CHECK_EVERY_S", 0.001)
    metrics, reported = Metrics(CollectorRegistry()), set[float | None]()
    async with listening(database_url, metrics, lambda: None), asyncio.timeout(DEADLINE_S):
        while len(reported - {None}) < 3:
            reported.add(metrics.registry.get_sample_value(*LISTENED))
            await asyncio.sleep(0)
