"""Agents at work, straight in the database: present, and the first of them idle longest."""

from collections.abc import Sequence

from router.domain.agent import Agent
from router.postgres.database import Database

HIRE = """
with hired as (
  insert into agent (name, skills, capacity)
  select 'agent ' || (select count(*) from agent) + number, $3::text[], $4::integer
  from generate_series(1, $1::integer) as number
  returning id, name
), joined as (
  insert into agent_team (agent_id, team) select id, $2 from hired
), eligible as (
  insert into agent_group (agent_id, group_id)
  select hired.id, skill_group.id
  from hired
  join skill_group on skill_group.team = $2 and $3::text[] @> skill_group.skills
)
insert into presence (agent_id, status, since, seen_at, idle_since)
select id, 'available', now(), now(), now() - interval '1 hour' + make_interval(secs => row_number() over (order by id))
from hired
returning agent_id, (select name from hired where hired.id = agent_id) as name
"""


async def hire(
    database: Database, count: int, *, team: str = "frontline", skills: Sequence[str] = (), limit: int | None = None
) -> list[Agent]:
    """So many agents of the team who are available, each with room for `limit`."""
    rows = await database.fetch("test", HIRE, count, team, list(skills), limit)
    return [
        Agent(id=row["agent_id"], name=row["name"], teams=frozenset([team]), skills=frozenset(skills))
        for row in sorted(rows, key=lambda row: row["agent_id"])
    ]
