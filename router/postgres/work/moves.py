"""Moves tickets through their lives in PostgreSQL: guarded updates, each with its line of history."""

import json

from router.domain.actor import Actor
from router.domain.agent import Agent
from router.domain.customer import Customer, CustomerId
from router.domain.history import HistoryKind
from router.domain.ticket import TicketNow, TicketState
from router.domain.wait import Requirement, Wait
from router.postgres import groups, hints, rows
from router.postgres.agent_rows import agent_of
from router.postgres.statements import load
from router.postgres.ticket_rows import TicketRows, guard, wait_columns

SQL = load("work/moves")


class PostgresMoves(TicketRows):
    """One transaction that moves tickets."""

    async def lock_customer(self, customer_id: CustomerId) -> Customer:
        row = await self._connection.fetchrow(SQL["lock_customer"], customer_id)
        assert row is not None, "a foreign key keeps a ticket's customer"
        return rows.customer(row)

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
        await self.event(ticket, HistoryKind.NOTE, ticket.state, by, message=message_id)
        return message_id

    async def enqueue(
        self, ticket: TicketNow, wait: Wait, by: Actor, *, kind: HistoryKind = HistoryKind.QUEUE, **why: object
    ) -> None:
        """Queue the ticket again; locks the groups after the ticket, as everywhere."""
        to = wait.requirement
        group_id = (await groups.ensure(self._connection, [to]))[to]
        await self._guarded(SQL["enqueue"], *guard(ticket), *wait_columns(wait, group_id))
        moved = {"from": ticket.queue, "queue": to.queue, "team": to.team, "lease_epoch": ticket.epoch}
        reserved = {"agent": wait.reserved_for} if wait.reserved_for else {}
        await self.event(ticket, kind, TicketState.QUEUED, by, **moved, **reserved, **why)
        await hints.after(self._connection, kind, ticket)

    async def end(
        self,
        ticket: TicketNow,
        state: TicketState,
        by: Actor,
        *,
        kind: HistoryKind = HistoryKind.RESOLVE,
        **why: object,
    ) -> None:
        await self._guarded(SQL["end_ticket"], *guard(ticket), state)
        await self.event(ticket, kind, state, by, queue=ticket.queue, **why)

    async def remember(self, *customers: Customer) -> None:
        digests = [
            (customer.id, [contact.encode() for contact in customer.contacts], customer.last_agent_id)
            for customer in customers
        ]
        await self._connection.executemany(SQL["update_customer"], digests)

    async def event(self, ticket: TicketNow, kind: HistoryKind, state: TicketState, by: Actor, **data: object) -> None:
        """Append a line to the ticket's history."""
        await self._connection.execute(SQL["insert_event"], ticket.id, kind, state, str(by), json.dumps(data))
