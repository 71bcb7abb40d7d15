"""Who can give tickets, and whose tickets they were, is told at once of what waits anew."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from router.domain.actor import Actor
from router.domain.agent import Role
from router.flow.hold import Hold
from router.flow.offers import Offers
from router.flow.transfer import Destination
from router.postgres.offers import PostgresOffers
from tests.api_client import Api, running_api
from tests.builders import an_agent
from tests.holds import a_hold

POLICY = """
teams: {frontline: {takes: simple, overflow_to: [specialists]}, specialists: {takes: complex}}
queues: {general: {team: frontline}, expert: {team: specialists}}
routes:
  - {name: complex, when: {complexity: complex}, queue: expert, target: 8h}
  - {name: rest, queue: general, target: 4h}
triage: {bias: -1}
"""
DEADLINE_S = 10
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


@pytest.mark.parametrize(("before", "move"), [(offer, decline), (nothing, transfer), (transfer, undo)])
async def test_what_waits_anew_is_heard_of_at_once(database_url: str, before: Step, move: Step):
    async with running_api(database_url, policy_text=POLICY) as api:
        hold = await a_hold(api, await an_agent(api.database))
        await before(api, hold)
        async with hearing(database_url) as heard, asyncio.timeout(DEADLINE_S):
            await move(api, hold)
            assert {await heard.get(), await heard.get()} == {"frontdesk_queued", "frontdesk_agents"}
