"""Several dispatchers side by side, and agents who change or claim meanwhile: nothing is given twice."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from router.domain.agent import Agent, Lease
from router.domain.customer import AgentId
from router.flow.assign.claims import Claims
from router.flow.assign.hold import Hold
from router.flow.assign.offers import Offers
from router.flow.run.loops import looping
from router.metrics import Metrics
from router.policy.model import AssignmentRules
from router.postgres.assign.claims import PostgresClaims
from router.postgres.assign.offers import PostgresDispatch, PostgresDispatchRound, PostgresOffers
from router.postgres.database import Database, connected
from tests.making.agents import agents_at_work
from tests.making.dispatching import LIVE, POLICY, RESERVE, a_dispatcher, dispatch, offered
from tests.making.tickets import queue_ticket, queue_tickets

DEADLINE_S = 120
METRICS = Metrics(CollectorRegistry())


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with connected(database_url, METRICS, size=4, name="test") as database:
        yield database


class Interrupted(PostgresDispatch):
    """A dispatcher to which something happens between its decision and the agents' locks."""

    def __init__(self, database: Database, meanwhile: Callable[[], Awaitable[object]]) -> None:
        super().__init__(database)
        self._meanwhile = meanwhile

    @asynccontextmanager
    async def round(self, rules: AssignmentRules) -> AsyncIterator[PostgresDispatchRound]:
        async with super().round(rules) as dispatch_round:
            lock = dispatch_round.lock

            async def interrupted(agents: Collection[AgentId]) -> None:
                await self._meanwhile()
                await lock(agents)

            dispatch_round.lock = interrupted
            yield dispatch_round


async def test_what_another_dispatcher_gave_an_agent_meanwhile_counts(database: Database):
    later = await queue_ticket(database, LIVE)
    [agent] = await agents_at_work(database, 1, limit=1)

    async def meanwhile() -> None:
        await queue_ticket(database, LIVE, due_in=timedelta(seconds=1))
        await dispatch(database)

    await a_dispatcher(Interrupted(database, meanwhile)).offer_all()
    assert list((await offered(database)).values()) == [agent.id]
    assert later not in await offered(database)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("update presence set status = 'away'", id="gone away"),
        pytest.param("update presence set seen_at = now() - interval '1 day'", id="lost"),
        pytest.param("update agent set is_draining = true", id="draining"),
        pytest.param("update agent set retired_at = now()", id="retired"),
        pytest.param("delete from agent_group", id="no longer eligible"),
    ],
)
async def test_an_agent_who_changed_meanwhile_is_offered_nothing(database: Database, change: str):
    await queue_ticket(database, LIVE)
    await agents_at_work(database, 1)

    async def meanwhile() -> None:
        await database.execute("test", change)

    await a_dispatcher(Interrupted(database, meanwhile)).offer_all()
    assert await offered(database) == {}


async def test_a_reserved_ticket_is_not_offered_to_an_agent_who_left_its_team_meanwhile(database: Database):
    await queue_ticket(database, LIVE)
    [agent] = await agents_at_work(database, 1)
    await database.execute("test", RESERVE, agent.id)

    async def meanwhile() -> None:
        await database.execute("test", "delete from agent_team")

    await a_dispatcher(Interrupted(database, meanwhile)).offer_all()
    assert await offered(database) == {}


async def test_dispatchers_and_claims_at_once_give_nothing_twice_and_fill_nobody_beyond_capacity(
    database_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("router.postgres.database.ACQUIRE_S", DEADLINE_S)  # all agents ask at once, on few connections
    offers = Offers(store=PostgresOffers(database), metrics=METRICS)
    for queue in ("live", "even", "asked"):
        await queue_tickets(database, replace(LIVE, queue=queue), count=400)
    agents = await agents_at_work(database, 60, limit=5)
    async with processes(database_url, 4) as side_by_side, asyncio.timeout(DEADLINE_S):
        lanes = [Claims(PostgresClaims(process), METRICS, policy=lambda: POLICY) for process in side_by_side[:2]]
        async with looping() as loops:
            for number, lane in enumerate(lanes):
                loops.start(f"claims {number}", lane.run())
            for _ in range(2):
                await asyncio.gather(
                    *map(dispatch, side_by_side),
                    *(ask(database, lanes[agent.id % 2], agent) for agent in agents),
                    *(answer(database, offers, agent) for agent in agents),
                )
        await asyncio.gather(*map(dispatch, side_by_side))
    given = await database.fetch("test", "select assigned_to from ticket where assigned_to is not null")
    assert Counter(row["assigned_to"] for row in given) == {agent.id: 5 for agent in agents}
    assert await most_held_at_once(database) == 5
    kinds = await database.fetch("test", "select distinct kind from ticket_event")
    assert {row["kind"] for row in kinds} == {"offer", "accept", "decline"}


@asynccontextmanager
async def processes(url: str, count: int) -> AsyncIterator[list[Database]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(connected(url, METRICS, size=2, name="test")) for _ in range(count)]


async def ask(database: Database, lane: Claims, agent: Agent) -> None:
    """Ask twice for the next ticket, having read the one before."""
    for _ in range(2):
        if assignment := await lane.next(agent.id, timedelta(0)):
            await database.execute("test", SEE, assignment.lease.ticket_id)


SEE = "update ticket set is_seen = true where id = $1"


async def answer(database: Database, offers: Offers, agent: Agent) -> None:
    """Accept what is offered now, but for every third."""
    mine = "select id, lease_epoch from ticket where assigned_to = $1 and state = 'offered' order by id"
    for number, row in enumerate(await database.fetch("test", mine, agent.id)):
        hold = Hold(agent=agent, lease=Lease(row["id"], row["lease_epoch"]))
        await (offers.decline(hold) if number % 3 == 0 else offers.accept(hold))


async def most_held_at_once(database: Database) -> int:
    """How many tickets some agent held at once, replayed from the history; fails where two hold one."""
    holder: dict[int, int] = {}
    held: Counter[int] = Counter()
    most = 0
    for row in await database.fetch("test", "select ticket_id, kind, actor, data from ticket_event order by id"):
        before = holder.pop(row["ticket_id"], None)
        held.subtract([before] if before else [])
        if row["kind"] == "decline":
            continue
        agent = json.loads(row["data"])["agent"] if row["kind"] == "offer" else int(row["actor"].split(":")[1])
        assert before in (None, agent)
        holder[row["ticket_id"]] = agent
        held[agent] += 1
        most = max(most, held[agent])
    return most
