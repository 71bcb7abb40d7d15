"""Claims on a real PostgreSQL: several lanes side by side, and what the statements cost."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from itertools import product

from prometheus_client import CollectorRegistry

from router.domain.agent import Agent, Lease
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.domain.wait import Requirement
from router.flow.assign.claims import Assignment, Claims
from router.metrics import Metrics
from router.policy.model import Policy
from router.postgres.assign.claims import PostgresClaims
from router.postgres.database import Database, connected
from router.postgres.statements import load
from tests.making.agents import an_agent
from tests.making.assignment import UNLIMITED, a_policy
from tests.making.moments import NOON
from tests.making.running import running
from tests.making.storm import Chances, Storm
from tests.making.tickets import a_requirement, queue_ticket, queue_tickets
from tests.watching import claim_log

DEADLINE_S = 30
LONG = timedelta(minutes=1)
NO_WAIT = timedelta(0)
VICTIMS = "storm-beaten"
SEE = "update ticket set is_seen = true where id = $1 and assigned_to = $2 and lease_epoch = $3"


@asynccontextmanager
async def lanes(
    url: str, count: int, *, poll_s: float = 1.0, policy: Callable[[], Policy] = UNLIMITED, name: str = "test"
) -> AsyncIterator[list[Claims]]:
    """As many lanes as there would be processes, each with connections of its own."""
    metrics = Metrics(CollectorRegistry())
    async with AsyncExitStack() as stack, asyncio.timeout(DEADLINE_S):
        databases = [await stack.enter_async_context(connected(url, metrics, size=2, name=name)) for _ in range(count)]
        lanes = [Claims(PostgresClaims(database), metrics, policy=policy, poll_s=poll_s) for database in databases]
        for lane in lanes:
            await stack.enter_async_context(running(lane.run()))
        yield lanes


async def take_all(lane: Claims, agent_id: AgentId, database: Database) -> list[Assignment]:
    """Ask again and again, seeing each ticket, until nothing is left."""
    taken = []
    while assignment := await lane.next(agent_id, NO_WAIT):
        taken.append(assignment)
        await database.execute("test", SEE, assignment.lease.ticket_id, agent_id, assignment.lease.epoch)
    return taken


TEAMS = ("simple", "complex")
SKILLS = ((), ("de",), ("vip",), ("de", "vip"))


async def staff(database: Database) -> list[Agent]:
    return [
        await an_agent(database, f"{team} {skills} {n}", teams=[team], skills=skills)
        for team in TEAMS
        for skills in SKILLS
        for n in range(2)
    ]


async def backlog(database: Database, *, each: int) -> dict[int, Requirement]:
    requirements = [a_requirement(team=team, skills=skills) for team in TEAMS for skills in SKILLS]
    return {
        ticket_id: requirement
        for requirement in requirements
        for ticket_id in await queue_tickets(database, requirement, count=each)
    }


async def test_two_processes_give_every_ticket_once_and_to_whom_it_may_go(database_url: str, database: Database):
    agents, tickets = await staff(database), await backlog(database, each=15)
    async with lanes(database_url, 2) as pair:
        taken = await asyncio.gather(
            *(take_all(pair[n % 2], agent.id, database) for n, agent in enumerate(agents)),
        )
    given = Counter(assignment.lease.ticket_id for mine in taken for assignment in mine)
    assert given == Counter(tickets.keys())
    for agent, mine in zip(agents, taken, strict=True):
        assert all(agent.may_take(tickets[assignment.lease.ticket_id]) for assignment in mine)


async def test_two_processes_asked_by_one_agent_give_one_ticket(database_url: str, database: Database):
    ada = await an_agent(database, "ada", teams=["simple"], skills=[])
    await queue_tickets(database, count=40)
    async with lanes(database_url, 2) as pair:
        for _ in range(20):
            one, other = await asyncio.gather(*(lane.next(ada.id, LONG) for lane in pair))
            assert one is not None
            assert one == other
            await database.execute("test", SEE, one.lease.ticket_id, ada.id, one.lease.epoch)


async def test_each_agent_gets_tickets_in_the_order_they_are_due(database_url: str, database: Database):
    agents, _ = await staff(database), await backlog(database, each=5)
    due = dict(await database.fetch("test", "select id, (due_at, id) from ticket"))
    async with lanes(database_url, 1) as [lane]:
        for agent in agents:
            taken = [assignment.lease.ticket_id for assignment in await take_all(lane, agent.id, database)]
            assert taken == sorted(taken, key=due.__getitem__)


CARRIED = Capacity(limit=6, weights={"chat": 2, "sms": 2}, most={"chat": 1}, interruptible=frozenset({"email"}))
CHANNELS = ("email", "chat", "sms")
RESOLVE = """
    with resolved as (
      update ticket set state = 'resolved', assigned_to = null
      where id = $1 and assigned_to = $2 and lease_epoch = $3 and state = 'assigned'
      returning id, lease_epoch
    )
    insert into ticket_event (ticket_id, at, kind, state, actor, data)
    select id, now(), 'resolve', 'resolved', 'agent:' || $2, jsonb_build_object('lease_epoch', lease_epoch)
    from resolved"""


async def test_nobody_ever_carries_too_much_or_holds_what_another_holds(database_url: str, database: Database):
    agents = [agent.id for agent in await staff(database)]
    for team, channel, skills in product(TEAMS, CHANNELS, SKILLS):
        await queue_tickets(database, a_requirement(team=team, channel=channel, skills=skills), count=30)
    chances = Chances(hangs_up=0.1, breaks=0.02, loses=0.05)
    storm = Storm(database, agents, chances=chances, victims=f"frontdesk {VICTIMS}", seed=1)

    async def client(agent_id: AgentId, lane: Claims) -> None:
        held: list[Lease] = []
        for _ in range(20):
            if assignment := await storm.next(lambda agent_id: lane.next(agent_id, NO_WAIT), agent_id):
                await database.execute("test", SEE, assignment.lease.ticket_id, agent_id, assignment.lease.epoch)
                held.append(assignment.lease)
            elif held:
                done = held.pop(0)
                await database.execute("test", RESOLVE, done.ticket_id, agent_id, done.epoch)
            await storm.strike()

    async with lanes(database_url, 3, policy=a_policy(CARRIED), name=VICTIMS) as three:
        await asyncio.gather(*(client(agent_id, lane) for agent_id in agents for lane in three))
    happened = await claim_log.events(database)
    assert len(happened) > 300
    assert claim_log.violations(happened, await claim_log.eligible_groups(database), CARRIED) == []


async def test_every_assignment_has_its_line_of_history_that_says_why(database_url: str, database: Database):
    ada, grace = [await an_agent(database, name, teams=["simple"], skills=[]) for name in ("ada", "grace")]
    ticket_id = await queue_ticket(database, a_requirement(queue="billing"))
    async with lanes(database_url, 1) as [lane]:
        assignment = await lane.next(ada.id, NO_WAIT)
        await lane.next(ada.id, NO_WAIT)
        assert await lane.next(grace.id, NO_WAIT) is None
    assert assignment
    [event] = await database.fetch("test", "select * from ticket_event")
    [group_id] = await database.fetch("test", "select id from skill_group")
    assert (event["ticket_id"], event["kind"], event["state"]) == (ticket_id, "accept", "assigned")
    assert event["actor"] == f"agent:{ada.id}"
    data = json.loads(event["data"])
    assert datetime.fromisoformat(data.pop("due_at")) == NOON + timedelta(hours=1)
    assert data == {
        "queue": "billing",
        "group": group_id["id"],
        "is_reserved": False,
        "waited_s": assignment.waited_s,
        "lease_epoch": 1,
        "asked": 1,
        "load": 0,
        "policy_version": UNLIMITED().version,
    }


async def test_nobody_waits_for_ever_while_tickets_come(database_url: str, database: Database):
    agents = await staff(database)
    async with lanes(database_url, 2, poll_s=0.05) as pair:
        asking = [asyncio.create_task(pair[n % 2].next(agent.id, LONG)) for n, agent in enumerate(agents)]
        for _ in agents:
            for team in TEAMS:
                await queue_ticket(database, a_requirement(team=team))
        assert None not in await asyncio.gather(*asking)


async def test_a_ticket_that_somebody_works_on_does_not_hold_up_the_others(database_url: str, database: Database):
    ada = await an_agent(database, "ada", teams=["simple"], skills=[])
    busy = await queue_ticket(database, due_in=timedelta(hours=1))
    async with lanes(database_url, 1) as [lane]:
        async with database.transaction("test") as connection:
            await connection.execute("select from ticket where id = $1 for update", busy)
            asking = asyncio.create_task(lane.next(ada.id, LONG))
            free = await queue_ticket(database, due_in=timedelta(hours=2))
            assignment = await asking
        assert assignment
        assert assignment.lease.ticket_id == free


async def test_an_agent_whose_skills_change_is_given_by_the_new_ones(database_url: str, database: Database):
    ada = await an_agent(database, "ada", teams=["simple"], skills=["de"])
    await queue_ticket(database, a_requirement(skills=("fr",)))
    async with lanes(database_url, 1, poll_s=0.05) as [lane]:
        assert await lane.next(ada.id, NO_WAIT) is None
        asking = asyncio.create_task(lane.next(ada.id, LONG))
        await an_agent(database, "ada", teams=["simple"], skills=["fr"])
        assert await asking


async def test_a_round_reads_as_many_tickets_as_agents_ask_for_however_many_wait(database: Database):
    ada = await an_agent(database, "ada", teams=["simple"], skills=[])
    await queue_tickets(database, count=50_000)
    await database.execute("test", "analyze ticket")
    [(group_id,)] = await database.fetch("test", "select id from skill_group")
    explain = f"explain (analyze, format json) {load('assign/claims')['heads']}"
    [(text,)] = await database.fetch("test", explain, f"{{{group_id}}}", "{20}", f"{{{ada.id}}}", "{}", [])
    scans = [node for node in nodes(json.loads(text)[0]["Plan"]) if node.get("Relation Name") == "ticket"]
    assert {scan.get("Index Name") for scan in scans} == {"ticket_waiting", "ticket_reserved"}
    assert sum(scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0) for scan in scans) <= 20


def nodes(plan: dict) -> list[dict]:
    """A plan and all plans below it."""
    return [plan, *(node for part in plan.get("Plans", []) for node in nodes(part))]
