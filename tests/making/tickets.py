"""Waiting tickets straight in the database, for tests of what happens to them afterwards."""

from datetime import timedelta

from router.domain.ticket import TicketId
from router.domain.wait import Requirement
from router.postgres import groups
from router.postgres.database import Database
from tests.making.moments import NOON

QUEUE_TICKETS = """
with wrote as (
  insert into customer (id, created_at) values (nextval('customer_ids'), $1) returning id
)
insert into ticket (
  id, customer_id, channel, state, queue, team, group_id, route, policy_version, complexity, probability, reasons,
  skills, target_s, enqueued_at, due_at, last_customer_at, created_at)
select
  nextval('ticket_ids'), wrote.id, $2, 'queued', $3, $4, $5, 'all', 'v1', 'simple', 0.5, '[]',
  $6, 3600, $1, $1 + interval '1 second' * position, $1, $1
from wrote, generate_series($7::integer, $7::integer + $8::integer - 1) as position
returning id
"""


def a_requirement(
    *,
    queue: str = "first-line",
    team: str = "simple",
    skills: tuple[str, ...] = (),
    channel: str = "email",
) -> Requirement:
    return Requirement(queue=queue, team=team, skills=skills, channel=channel)


async def queue_ticket(
    database: Database, requirement: Requirement | None = None, *, due_in: timedelta = timedelta(hours=1)
) -> TicketId:
    """One ticket that has waited since noon and is due `due_in` later."""
    [ticket_id] = await queue_tickets(database, requirement, count=1, first_due_in=due_in)
    return ticket_id


async def queue_tickets(
    database: Database,
    requirement: Requirement | None = None,
    *,
    count: int,
    first_due_in: timedelta = timedelta(hours=1),
) -> list[TicketId]:
    """Tickets that have waited since noon; each is due a second after the one before it."""
    requirement = requirement or a_requirement()
    async with database.transaction("test") as connection:
        group_ids = await groups.ensure(connection, [requirement])
        rows = await connection.fetch(
            QUEUE_TICKETS,
            NOON,
            requirement.channel,
            requirement.queue,
            requirement.team,
            group_ids[requirement],
            list(requirement.skills),
            int(first_due_in.total_seconds()),
            count,
        )
    return [row["id"] for row in rows]
