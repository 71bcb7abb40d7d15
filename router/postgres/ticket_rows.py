"""Tickets in rows: read and locked for a write, which is guarded by what was read."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

import asyncpg

from router.domain.actor import Teams
from router.domain.customer import AgentId
from router.domain.errors import Conflict
from router.domain.ticket import TicketId, TicketNow, TicketState
from router.domain.triage import Complexity
from router.domain.wait import Wait
from router.postgres import groups
from router.postgres.agent_rows import lock_agents
from router.postgres.database import Connection
from router.postgres.eyes import listed
from router.postgres.statements import load

SQL = load("ticket_rows")


class TicketRows:
    """One transaction on tickets; its writes raise `Conflict` if a ticket has moved on when they come to it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock_agents(self, agents: Collection[AgentId]) -> None:
        await lock_agents(self._connection, agents)

    async def ticket(self, ticket_id: TicketId, teams: Teams) -> TicketNow | None:
        row = await self._connection.fetchrow(SQL["ticket"], ticket_id, listed(teams))
        return None if row is None else ticket(row)

    async def lock_tickets(self, tickets: Collection[TicketId], teams: Teams) -> Mapping[TicketId, TicketNow]:
        found = await self._connection.fetch(SQL["lock_tickets"], list(tickets), listed(teams))
        return {row["id"]: ticket(row) for row in found}

    async def _guarded(self, sql: str, *arguments: object) -> asyncpg.Record:
        row: asyncpg.Record | None = await self._connection.fetchrow(sql, *arguments)
        if row is None:
            raise Conflict("The ticket has moved on since you read it: read it again.")
        return row


def guard(ticket: TicketNow) -> tuple[TicketId, int, TicketState, str]:
    """What a write's first four arguments say: the ticket is still as it was read."""
    return ticket.id, ticket.epoch, ticket.state, ticket.team


def ticket(row: asyncpg.Record) -> TicketNow:
    """The ticket in a row of this module's statements."""
    return TicketNow(
        id=row["id"],
        customer_id=row["customer_id"],
        state=TicketState(row["state"]),
        assigned_to=row["assigned_to"],
        epoch=row["lease_epoch"],
        wait=wait(row),
        complexity=Complexity(row["complexity"]),
        route=row["route"],
        target=timedelta(seconds=row["target_s"]),
        read_up_to=row["read_up_to"],
        now=row["now"],
    )


def wait(row: asyncpg.Record) -> Wait:
    """The wait of the ticket in a row."""
    return Wait(
        requirement=groups.requirement(row),
        enqueued_at=row["enqueued_at"],
        due_at=row["due_at"],
        relaxed=row["relaxed"],
        relax_at=row["relax_at"],
        reserved_for=row["reserved_for"],
        reserved_until=row["reserved_until"],
    )


def wait_columns(wait: Wait, group_id: int) -> Sequence[object]:
    """A wait as a statement that writes it takes it, with the group of its requirement.

    Skills are one text, with commas: an array of arrays would have to be rectangular.
    """
    asked = wait.requirement
    return (
        asked.queue, asked.team, ",".join(asked.skills), group_id, wait.enqueued_at, wait.due_at, wait.relaxed,
        wait.relax_at, wait.reserved_for, wait.reserved_until,
    )  # fmt: skip
