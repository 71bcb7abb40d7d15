"""Tickets in rows: read and locked for a write, which is guarded by what was read."""

from collections.abc import Collection, Mapping

import asyncpg

from router.domain.actor import Teams
from router.domain.customer import AgentId
from router.domain.errors import Conflict
from router.domain.ticket import TicketId, TicketNow, TicketState
from router.domain.triage import Complexity
from router.domain.wait import Place
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
        return None if row is None else _ticket(row)

    async def lock_tickets(self, tickets: Collection[TicketId], teams: Teams) -> Mapping[TicketId, TicketNow]:
        found = await self._connection.fetch(SQL["lock_tickets"], list(tickets), listed(teams))
        return {row["id"]: _ticket(row) for row in found}

    async def _guarded(self, sql: str, *arguments: object) -> asyncpg.Record:
        row: asyncpg.Record | None = await self._connection.fetchrow(sql, *arguments)
        if row is None:
            raise Conflict("The ticket has moved on since you read it: read it again.")
        return row


def guard(ticket: TicketNow) -> tuple[TicketId, int, TicketState, str]:
    """What a write's first four arguments say: the ticket is still as it was read."""
    return ticket.id, ticket.epoch, ticket.state, ticket.place.requirement.team


def _ticket(row: asyncpg.Record) -> TicketNow:
    return TicketNow(
        id=row["id"],
        customer_id=row["customer_id"],
        state=TicketState(row["state"]),
        assigned_to=row["assigned_to"],
        epoch=row["lease_epoch"],
        place=place(row),
        complexity=Complexity(row["complexity"]),
        route=row["route"],
        reserved_for=row["preferred_agent_id"],
        read_up_to=row["read_up_to"],
        now=row["now"],
    )


def place(row: asyncpg.Record) -> Place:
    """Where the ticket in a row waits, and since when."""
    return Place(
        requirement=groups.requirement(row),
        enqueued_at=row["enqueued_at"],
        due_at=row["due_at"],
        relaxed=row["relaxed"],
        relax_at=row["relax_at"],
    )
