"""Agents as the tests make, find and place them, each in a transaction of its own."""

from collections.abc import Collection
from dataclasses import replace

from router.domain.actor import OPERATOR
from router.domain.agent import Agent, Status
from router.domain.customer import AgentId
from router.domain.skills import Skills
from router.postgres.agent_rows import agent_of
from router.postgres.database import Database
from router.postgres.work.agents import PostgresAgents

BY_NAME = """
select id, name, skills, array(select team from agent_team where agent_id = id) as teams from agent where name = $1"""
DECLARE = """
insert into presence (agent_id, status, reason, since, seen_at, idle_since)
values ($1, $2, $3, now(), now(), now())
on conflict (agent_id) do update set status = excluded.status, reason = excluded.reason, since = excluded.since"""
BE_IDLE = """
update presence
set idle_since = now() - interval '1 hour' + make_interval(secs => array_position($1::bigint[], agent_id))
where agent_id = any ($1::bigint[])"""


async def an_agent(
    database: Database,
    name: str = "Grace",
    *,
    teams: Collection[str] = ("frontline",),
    skills: Collection[str] = (),
    limit: int | None = None,
) -> Agent:
    """Make the agent, or give the one of that name these teams, skills and limit instead."""
    async with PostgresAgents(database).work() as work:
        before = await work.profile(name) or await work.make(name)
        after = replace(before, teams=frozenset(teams), skills=Skills.parse(skills), limit=limit)
        await work.record(before, after, by=OPERATOR)
    return Agent(id=work.agent_id, name=name, teams=after.teams, skills=after.skills.words())


async def agents_at_work(
    database: Database,
    count: int,
    *,
    teams: Collection[str] = ("frontline",),
    skills: Collection[str] = (),
    limit: int | None = None,
) -> list[Agent]:
    """So many agents who are available; the first of them has been idle longest."""
    [row] = await database.fetch("test", "select count(*) from agent")
    names = [f"agent {row['count'] + number}" for number in range(1, count + 1)]
    agents = [await an_agent(database, name, teams=teams, skills=skills, limit=limit) for name in names]
    for agent in agents:
        await declare(database, agent.id, Status.AVAILABLE)
    await database.execute("test", BE_IDLE, [agent.id for agent in agents])
    return agents


async def declare(database: Database, agent_id: AgentId, status: Status, reason: str | None = None) -> None:
    """Let the agent be there, with this status."""
    await database.execute("test", DECLARE, agent_id, status, reason)


async def agent_named(database: Database, name: str) -> Agent | None:
    rows = await database.fetch("test", BY_NAME, name)
    return agent_of(rows[0]) if rows else None
