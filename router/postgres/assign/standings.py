"""Reads from PostgreSQL how agents stand to a ticket. `domain.eligibility` decides what that means."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import asyncpg

from router.domain.actor import Teams
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.domain.eligibility import Refusal, Standing
from router.domain.ticket import TicketId
from router.postgres.agent_rows import agent_of, capacity_of, presence_of
from router.postgres.database import Connection
from router.postgres.eyes import listed
from router.postgres.statements import load

SQL = load("assign/standings")


async def standings(
    connection: Connection,
    ticket_id: TicketId,
    *,
    team: str,
    enqueued_at: datetime,
    usual: Capacity,
    also: AgentId | None = None,
    only: AgentId | None = None,
    teams: Teams = None,
) -> Sequence[Standing]:
    """Return everybody in the team by name, and `also` this agent if they are in one of `teams`; or `only` that one.

    `usual` is the policy's capacity.
    """
    rows = await connection.fetch(SQL["standings"], ticket_id, enqueued_at, team, also, only, listed(teams))
    return [_standing(row, usual) for row in rows]


def _standing(row: asyncpg.Record, usual: Capacity) -> Standing:
    return Standing(
        agent=agent_of(row),
        is_retired=row["is_retired"],
        is_draining=row["is_draining"],
        presence=presence_of(row) if row["status"] else None,
        capacity=capacity_of(row, usual),
        held=Counter(row["held"]),
        offered=row["offered"],
        refusal=Refusal(row["refusal"]) if row["refusal"] else None,
    )
