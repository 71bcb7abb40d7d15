"""What moves tickets through their lives, in PostgreSQL: guarded updates, each with its line of history."""

import json
from collections.abc import Collection, Mapping

import asyncpg

from router.domain.actor import Actor, Teams
from router.domain.agent import Agent
from router.domain.customer import AgentId, Customer, CustomerId
from router.domain.errors import Conflict
from router.domain.ticket import Requirement, TicketId, TicketState
from router.domain.triage import Complexity
from router.flow.moves import NewWait, Place, TicketNow
from router.postgres import groups, hints, rows
from router.postgres.agents import agent_of, lock_agents
from router.postgres.database import Connection
from router.postgres.eyes import listed
from router.postgres.statements import load

SQL = load("moves")


class PostgresMoves:
    """One transaction on tickets; its writes raise `Conflict` if a ticket has moved on when they come to it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock_agents(self, agents: Collection[AgentId]) -> None:
        await lock_agents(self._connection, agents)

    async def lock_customer(self, customer_id: CustomerId) -> Customer:
        row = await self._connection.fetchrow(SQL["lock_customer"], customer_id)
        assert row is not None, "a foreign key keeps a ticket's customer"
        return rows.customer(row)

    async def ticket(self, ticket_id: TicketId, teams: Teams) -> TicketNow | None:
        row = await self._connection.fetchrow(SQL["ticket"], ticket_id, listed(teams))
        return None if row is None else _ticket(row)

    async def lock_tickets(self, tickets: Collection[TicketId], teams: Teams) -> Mapping[TicketId, TicketNow]:
        found = await self._connection.fetch(SQL["lock_tickets"], list(tickets), listed(teams))
        return {row["id"]: _ticket(row) for row in found}

    async def agent_named(self, name: str) -> Agent | None:
        row = await self._connection.fetchrow(SQL["agent_named"], name)
        return None if row is None else agent_of(row)

    async def skills_in_team(self, requirement: Requirement) -> bool:
        found: bool = await self._connection.fetchval(
            SQL["team_has_skills"], requirement.team, list(requirement.skills)
        )
        return found

    async def note(self, ticket: TicketNow, by: Actor, text: str) -> int:
        """Record a note and return its message id."""
        agent_id = by.agent.id if by.agent else None
        await self._guarded(SQL["note_on_ticket"], *guard(ticket), agent_id)
        message_id: int = await self._connection.fetchval(
            SQL["insert_note"], ticket.id, ticket.customer_id, ticket.channel, by.signature, agent_id, text
        )
        await self.event(ticket, "note", ticket.state, by, message_id=message_id)
        return message_id

    async def begin_wait(
        self, ticket: TicketNow, wait: NewWait, by: Actor, *, kind: str = "queue", **why: object
    ) -> None:
        """Queue the ticket anew; the lock on the groups comes after that on the ticket, as everywhere."""
        await self.lock_tickets([ticket.id], None)
        to = wait.requirement
        group_id = (await groups.ensure(self._connection, [to]))[to]
        await self._guarded(
            SQL["begin_wait"], *guard(ticket), to.queue, to.team, list(to.skills), group_id, wait.relaxed_after,
            wait.wish, wait.wish_lasts,
        )  # fmt: skip
        moved = {"from": ticket.queue, "queue": to.queue, "team": to.team, "lease_epoch": ticket.epoch}
        decided = {"policy_version": wait.policy_version, **({"agent": wait.wish} if wait.wish else {})}
        await self.event(ticket, kind, TicketState.QUEUED, by, **moved, **decided, **why)
        await hints.hint(self._connection, hints.QUEUED, hints.AGENTS)

    async def end(
        self, ticket: TicketNow, state: TicketState, by: Actor, *, kind: str = "resolve", **why: object
    ) -> None:
        await self._guarded(SQL["end_ticket"], *guard(ticket), state)
        await self.event(ticket, kind, state, by, queue=ticket.queue, **why)

    async def remember(self, *customers: Customer) -> None:
        digests = [
            (customer.id, [contact.encode() for contact in customer.contacts], customer.last_agent_id)
            for customer in customers
        ]
        await self._connection.executemany(SQL["update_customer"], digests)

    async def event(self, ticket: TicketNow, kind: str, state: TicketState, by: Actor, **data: object) -> None:
        """Append a line to the ticket's history."""
        await self._connection.execute(SQL["insert_event"], ticket.id, kind, state, str(by), json.dumps(data))

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
