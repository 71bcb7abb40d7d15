"""A lead's tools in PostgreSQL. Every change writes its line of history or audit in the same transaction."""

import json
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg

from router.domain.actor import Actor, Teams, Viewer
from router.domain.customer import AgentId, Customer, CustomerId
from router.domain.eligibility import Standing
from router.domain.history import HistoryKind
from router.domain.ticket import TicketId, TicketNow, TicketState
from router.flow.run.transitions import Turned
from router.flow.see.why import Stuck
from router.flow.work.lead import Closable, Ended, Misroute
from router.policy.model import AssignmentRules
from router.postgres import audit, hints, rows
from router.postgres.assign.presence import withdraw_offers
from router.postgres.assign.standings import standings
from router.postgres.database import Database
from router.postgres.eyes import eyes, listed
from router.postgres.statements import load
from router.postgres.ticket_rows import wait
from router.postgres.work.moves import PostgresMoves

SQL = load("work/lead")


class PostgresLead:
    """Implements `router.flow.work.lead.LeadStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def work(self) -> AsyncIterator["PostgresLeadWork"]:
        async with self._database.transaction("lead") as connection:
            yield PostgresLeadWork(connection)

    async def stuck(self, viewer: Viewer, ticket_id: TicketId) -> Stuck | None:
        async with eyes(self._database, viewer) as connection:
            row = await connection.fetchrow(SQL["stuck"], ticket_id, listed(viewer.teams))
        return None if row is None else _stuck(row)

    async def standings(self, viewer: Viewer, stuck: Stuck, rules: AssignmentRules) -> Sequence[Standing]:
        async with eyes(self._database, viewer) as connection:
            return await standings(
                connection,
                stuck.id,
                team=stuck.wait.requirement.team,
                enqueued_at=stuck.wait.enqueued_at,
                usual=rules.capacity,
                also=stuck.wait.reserved_for,
                teams=viewer.teams,
            )


class PostgresLeadWork(PostgresMoves):
    """One transaction of a lead's tool."""

    async def now(self) -> datetime:
        now: datetime = await self._connection.fetchval(SQL["now"])
        return now

    async def lock_agent_named(self, name: str, teams: Teams) -> AgentId | None:
        agent_id: AgentId | None = await self._connection.fetchval(SQL["lock_agent_named"], name, listed(teams))
        return agent_id

    async def set_draining(self, agent_id: AgentId, by: Actor, *, is_draining: bool) -> Sequence[Turned]:
        name = await self._connection.fetchval(SQL["set_draining"], agent_id, is_draining)
        if name is None:
            return []
        action = "agent.drain" if is_draining else "agent.undrain"
        await audit.note(self._connection, by=by, action=action, subject=f"agent:{name}")
        return await withdraw_offers(self._connection, agent_id, by=by) if is_draining else []

    async def requeue(self, agent_id: AgentId, by: Actor) -> list[Turned]:
        rows = await self._connection.fetch(SQL["requeue"], agent_id, listed(by.teams), str(by))
        released = [Turned(row["id"], TicketState(row["was"]), agent_id, row["queue"], row["channel"]) for row in rows]
        await hints.after(self._connection, HistoryKind.RELEASE, *released)
        return released

    async def misroute(self, ticket: TicketNow) -> Misroute | None:
        row = await self._connection.fetchrow(SQL["misroute"], ticket.id)
        return None if row is None else Misroute(event_id=row["id"], was=ticket.wait.before(json.loads(row["was"])))

    async def customers_waiting(self, closable: Closable, teams: Teams, *, limit: int) -> list[CustomerId]:
        waiting = await self._connection.fetch(
            SQL["customers_waiting"], closable.queue, listed(teams), closable.before, limit
        )
        return [row["customer_id"] for row in waiting]

    async def lock_customers(self, customers: Collection[CustomerId]) -> list[Customer]:
        return [rows.customer(row) for row in await self._connection.fetch(SQL["lock_customers"], list(customers))]

    async def close(
        self, closable: Closable, customers: Collection[CustomerId], by: Actor, *, limit: int
    ) -> list[Ended]:
        ended = await self._connection.fetch(
            SQL["close"], list(customers), closable.queue, listed(by.teams), closable.before, limit, str(by),
            closable.why,
        )  # fmt: skip
        return [Ended(**row) for row in ended]


def _stuck(row: asyncpg.Record) -> Stuck:
    return Stuck(
        id=row["id"],
        state=TicketState(row["state"]),
        wait=wait(row),
        route=row["route"],
        holder=row["holder"],
        state_until=row["state_until"],
        now=row["now"],
    )
