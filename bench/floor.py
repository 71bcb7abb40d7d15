"""A contact center in the benchmark's own database: agents, teams, groups and waiting tickets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from router.domain.customer import AgentId
from router.postgres.migrate import migrate

AGENTS = 200
CUSTOMERS = 50_000


@dataclass(frozen=True, slots=True)
class Shape:
    """How tickets are spread: every team has `groups_per_team` groups, and an agent belongs to one team."""

    teams: int
    groups_per_team: int
    skills_per_agent: int


ONE_GROUP = Shape(teams=1, groups_per_team=1, skills_per_agent=1)
# 30 skills in a team, one per group; an agent has 13 of them
MANY_GROUPS = Shape(teams=8, groups_per_team=30, skills_per_agent=13)

FILL = {
    "agents": """
        insert into agent (name, skills)
        select 'agent' || n, array(
          select 'skill' || ((n * 7 + k) % $2) from generate_series(1, $3) as k)
        from generate_series(1, $1) as n""",
    "presence": """
        insert into presence (agent_id, status, since, seen_at, idle_since)
        select id, 'available', now(), now(), now() from agent""",
    "teams": """
        insert into agent_team (agent_id, team)
        select id, 'team' || (id % $1) from agent""",
    # every third group is for chats
    "groups": """
        insert into skill_group (queue, team, skills, channel)
        select 'queue' || t, 'team' || t, array['skill' || k], case k % 3 when 2 then 'chat' else 'email' end
        from generate_series(0, $1 - 1) as t, generate_series(0, $2 - 1) as k""",
    "agent groups": """
        insert into agent_group (agent_id, group_id)
        select agent.id, skill_group.id
        from agent
        join agent_team on agent_team.agent_id = agent.id
        join skill_group on skill_group.team = agent_team.team and agent.skills @> skill_group.skills""",
    "customers": """
        insert into customer (id, created_at)
        select n, now() from generate_series(1, $1) as n""",
}
QUEUE = """
    insert into ticket (
      id, customer_id, channel, subject, state, queue, team, group_id, route, policy_version, complexity, probability,
      reasons, skills, target_s, enqueued_at, due_at, last_customer_at, created_at)
    select
      nextval('ticket_ids'), 1 + n % $2, skill_group.channel, 'Subject of ticket ' || n, 'queued', skill_group.queue,
      skill_group.team, skill_group.id, 'everything', 'v1', 'simple', 0.4,
      '[{"signal": "length", "weight": 0.3, "words": "a long message"}]', skill_group.skills, 3600,
      now(), now() + interval '1 hour' + interval '1 millisecond' * n, now(), now()
    from generate_series(1, $1) as n
    join (select *, row_number() over (order by id) - 1 as position, count(*) over () as groups from skill_group)
      as skill_group on skill_group.position = n % groups"""

# Between two claims an agent's client shows the ticket, which marks it as seen. We do not measure that cost: on both
# sides every ticket counts as seen at once.
SEEN_AT_ONCE = """
    create function seen_at_once() returns trigger language plpgsql as $$
    begin
      new.is_seen := true;
      return new;
    end $$"""
WATCH = "create trigger seen_at_once before update on ticket for each row execute function seen_at_once()"

RESOLVE_ALL = """
    with resolved as (
      update ticket set state = 'resolved', assigned_to = null
      where assigned_to is not null
      returning id, lease_epoch
    )
    insert into ticket_event (ticket_id, at, kind, state, actor, data)
    select id, now(), 'resolve', 'resolved', 'admin', jsonb_build_object('lease_epoch', lease_epoch) from resolved"""
REQUEUE_ALL = "update ticket set state = 'queued', assigned_to = null where assigned_to is not null"


@asynccontextmanager
async def floor(server_url: str, shape: Shape, *, waiting: int) -> AsyncIterator[str]:
    """Yield the URL of a database with `waiting` tickets and `AGENTS` available agents; drop it at the end."""
    name = f"frontdesk_bench_{uuid4().hex[:12]}"
    await run(server_url, f"create database {name}")
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    try:
        await migrate(url)
        await _staff(url, shape)
        await refill(url, waiting)
        yield url
    finally:
        await run(server_url, f"drop database {name} with (force)")


async def refill(url: str, waiting: int) -> None:
    """Put `waiting` tickets into the queues, and delete everything that happened before."""
    await run(url, "truncate ticket, ticket_event, conversation, mail_reference, refusal")
    await run(url, QUEUE, waiting, CUSTOMERS)
    await tidy(url)


async def tidy(url: str) -> None:
    """Run vacuum and a checkpoint now, so that they do not run while we measure."""
    await run(url, "vacuum analyze")
    await run(url, "checkpoint")


async def agents(url: str) -> list[AgentId]:
    return [AgentId(row["id"]) for row in await run(url, "select id from agent order by id")]


async def run(url: str, sql: str, *arguments: object) -> list[asyncpg.Record]:
    """Run one statement on its own connection."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(sql, *arguments)
    finally:
        await connection.close()


async def _staff(url: str, shape: Shape) -> None:
    await run(url, FILL["agents"], AGENTS, shape.groups_per_team, shape.skills_per_agent)
    await run(url, FILL["presence"])
    await run(url, FILL["teams"], shape.teams)
    await run(url, FILL["groups"], shape.teams, shape.groups_per_team)
    await run(url, FILL["agent groups"])
    await run(url, FILL["customers"], CUSTOMERS)
    await run(url, SEEN_AT_ONCE)
    await run(url, WATCH)
