"""A thousand agents are gone for longer than their lease lasts. Whatever they write when they come back is refused."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from router.domain.agent import Agent
from router.domain.errors import Conflict
from router.flow.assign.claims import Claims
from router.flow.assign.hold import Hold
from router.flow.assign.timers import TicketTimers
from router.flow.work.compose import MailIdentity
from router.flow.work.desk import Desk
from router.flow.work.transfer import Destination
from router.metrics import Metrics
from router.policy.parse import parse_policy
from router.postgres.assign.claims import PostgresClaims
from router.postgres.assign.timers import PostgresTimers
from router.postgres.database import Database, connected
from router.postgres.work.desk import PostgresDesk
from tests.making.agents import agents_at_work
from tests.making.running import running
from tests.making.tickets import a_requirement, queue_tickets

AGENTS = 1000
METRICS = Metrics(CollectorRegistry())
POLICY = parse_policy("""
teams: {frontline: {takes: any}}
queues: {general: {team: frontline, wrap_up: 60s, abandon: true}}
routes: [{name: all, queue: general, target: 1h}]
triage: {bias: -1}
""")
GENERAL = a_requirement(queue="general", team="frontline")
PLACE = "select id, enqueued_at, due_at from ticket order by due_at, id"

LATE: list[Callable[[Desk, Hold], Awaitable[object]]] = [
    lambda desk, hold: desk.note(hold, "I was away"),
    lambda desk, hold: desk.resolve(hold),
    lambda desk, hold: desk.snooze(hold),
    lambda desk, hold: desk.transfer(hold, Destination(queue="general")),
    lambda desk, hold: desk.abandon(hold),
    lambda desk, hold: desk.finish(hold),
    lambda desk, hold: desk.reply(hold, "Sorry for the wait"),
]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with connected(database_url, METRICS, size=8, name="test") as database:
        yield database


async def test_a_thousand_agents_who_come_back_too_late_change_nothing(database: Database):
    agents = await agents_at_work(database, AGENTS)
    await queue_tickets(database, GENERAL, count=AGENTS)
    place = await database.fetch("test", PLACE)
    holds = await pull_all(database, agents)

    await database.execute("test", "update presence set seen_at = now() - interval '1 hour'")
    timers = TicketTimers(store=PostgresTimers(database), policy=lambda: POLICY, metrics=METRICS)
    while await timers.release_lost():
        pass
    others = await pull_all(database, await agents_at_work(database, AGENTS // 2))
    before = await database.fetch("test", "select * from ticket order by id")

    assert await write_all(database, holds) == {Conflict: AGENTS}
    assert await database.fetch("test", "select * from ticket order by id") == before
    assert await database.fetch("test", PLACE) == place
    assert await database.fetch("test", "select from message") == []
    assert {hold.lease.epoch for hold in others} == {2}


async def pull_all(database: Database, agents: list[Agent]) -> list[Hold]:
    """What each agent is given."""
    claims = Claims(PostgresClaims(database), METRICS, policy=lambda: POLICY)
    async with running(claims.run()):
        given = await asyncio.gather(*(claims.next(agent.id, timedelta(seconds=30)) for agent in agents))
    return [Hold(agent=agent, lease=assignment.lease) for agent, assignment in zip(agents, given, strict=True)]


async def write_all(database: Database, holds: list[Hold]) -> dict[type, int]:
    """Let everybody write, each something else than the one before; returns what came of it."""
    mail = MailIdentity(secret=b"sample secret", domain="desk.example")
    desk = Desk(store=PostgresDesk(database), policy=lambda: POLICY, mail=mail, metrics=METRICS)
    at_once = asyncio.Semaphore(8)

    async def write(number: int, hold: Hold) -> type:
        async with at_once:
            try:
                return type(await LATE[number % len(LATE)](desk, hold))
            except Conflict as exc:
                return type(exc)

    results = await asyncio.gather(*(write(number, hold) for number, hold in enumerate(holds)))
    return {result: results.count(result) for result in set(results)}
