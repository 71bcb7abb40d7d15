"""What time does to tickets, in PostgreSQL: each call is one transaction on a chunk.

A timer locks a chunk's tickets together with their agents and never waits for a lock, so that it cannot cause a
deadlock; the next round takes what somebody else has locked.
"""

import json
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg

from router.domain.customer import AgentId
from router.domain.history import HistoryKind, HistoryReason
from router.domain.ticket import TicketNow, TicketState
from router.domain.wait import Wait
from router.flow.assign.timers import Expired
from router.flow.run.transitions import Turned
from router.policy.model import Policy
from router.postgres import groups, hints
from router.postgres.database import Connection, Database
from router.postgres.rows import columns
from router.postgres.statements import load
from router.postgres.ticket_rows import ticket, wait_columns

SQL = load("assign/timers")


class PostgresTimers:
    """Implements `router.flow.assign.timers.TimerStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def expire_offers(self, limit: int, policy: Policy) -> Expired:
        async with self._database.transaction("timers") as connection:
            expired = _turned(await connection.fetch(SQL["expire_offers"], limit))
            agents = {ticket.assigned_to for ticket in expired if ticket.assigned_to is not None}
            withdrawn = _turned(await _set_away(connection, agents, policy) if agents else [])
            await hints.after(connection, HistoryKind.EXPIRE, *expired)
            await hints.after(connection, HistoryKind.RELEASE, *withdrawn)
        return Expired(expired=expired, withdrawn=withdrawn)

    async def release_lost(self, limit: int, policy: Policy) -> Sequence[Turned]:
        async with self._database.transaction("timers") as connection:
            rows = await connection.fetch(SQL["release_lost"], limit, policy.assignment.grace, policy.version)
            released = _turned(rows)
            await connection.execute(SQL["set_lost"], limit, policy.assignment.grace)
            await hints.after(connection, HistoryKind.RELEASE, *released)
        return released

    async def end_reservations(self, limit: int, policy: Policy) -> Sequence[Turned]:
        async with self._database.transaction("timers") as connection:
            rows = await connection.fetch(SQL["end_reservations"], limit, policy.assignment.grace, policy.version)
            ended = _turned(rows)
            await hints.after(connection, HistoryKind.RELAX, *ended)
        return ended

    async def end_wrap_ups(self, limit: int) -> Sequence[Turned]:
        async with self._database.transaction("timers") as connection:
            resolved = _turned(await connection.fetch(SQL["end_wrap_ups"], limit))
            await hints.after(connection, HistoryKind.RESOLVE, *resolved)
        return resolved

    @asynccontextmanager
    async def waking(self, limit: int) -> AsyncIterator["PostgresWaitChunk"]:
        async with self._database.transaction("timers") as connection:
            yield PostgresWaitChunk(
                connection, await connection.fetch(SQL["to_wake"], limit), HistoryKind.QUEUE, _waking
            )

    @asynccontextmanager
    async def relaxing(self, limit: int) -> AsyncIterator["PostgresWaitChunk"]:
        async with self._database.transaction("timers") as connection:
            yield PostgresWaitChunk(
                connection, await connection.fetch(SQL["to_relax"], limit), HistoryKind.RELAX, _relaxing
            )


Data: TypeAlias = Mapping[str, object]


class PostgresWaitChunk:
    """Locked tickets and their next waits."""

    def __init__(
        self,
        connection: Connection,
        rows: Sequence[asyncpg.Record],
        kind: HistoryKind,
        data: Callable[[TicketNow, Wait], Data | None],
    ) -> None:
        """`data` returns what the history says about a ticket and its wait under `kind`; None for no line."""
        self._connection = connection
        self._kind = kind
        self._data = data
        self.tickets = [ticket(row) for row in rows]

    async def record(self, waits: Sequence[Wait], policy_version: str) -> None:
        """Write the waits; locks the groups after the tickets, as everywhere."""
        if not waits:
            return
        group_ids = await groups.ensure(self._connection, {wait.requirement for wait in waits})
        table = [
            self._row(ticket, wait, group_ids[wait.requirement], policy_version)
            for ticket, wait in zip(self.tickets, waits, strict=True)
        ]
        await self._connection.execute(SQL["record_waits"], *columns(table, 12), self._kind)
        await hints.after(self._connection, self._kind, *self.tickets)

    def _row(self, ticket: TicketNow, wait: Wait, group_id: int, policy_version: str) -> Sequence[object]:
        data = self._data(ticket, wait)
        said = None if data is None else json.dumps({**data, "policy_version": policy_version})
        return ticket.id, *wait_columns(wait, group_id), said


def _waking(ticket: TicketNow, wait: Wait) -> Data:
    return {
        "reason": HistoryReason.WOKEN,
        "agent": wait.reserved_for,
        "queue": ticket.queue,
        "due_at": wait.due_at.isoformat(),
    }


def _relaxing(ticket: TicketNow, wait: Wait) -> Data | None:
    if not wait.has_stepped_since(ticket.wait):
        return None
    now, was = wait.as_data(), ticket.wait.as_data()
    return {
        "reason": HistoryReason.STEP,
        "steps": wait.relaxed,
        **{field: now[field] for field in _RELAXED},
        "was": {field: was[field] for field in _RELAXED},
    }


_RELAXED = ("queue", "team", "skills", "due_at")
"""What a step may change. It does not list other times, because the wait goes on."""


async def _set_away(connection: Connection, agents: Collection[AgentId], policy: Policy) -> list[asyncpg.Record]:
    """Set agents away who have missed too many offers in a row; return their other offers."""
    missed = policy.assignment.away_after_missed
    if missed == 0:  # never
        return []
    absent = [row["agent_id"] for row in await connection.fetch(SQL["set_away"], list(agents), missed)]
    return list(await connection.fetch(SQL["withdraw_offers"], absent, policy.version)) if absent else []


def _turned(rows: Iterable[asyncpg.Record]) -> list[Turned]:
    return [Turned(row["id"], TicketState(row["was"]), row["agent_id"], row["queue"], row["channel"]) for row in rows]
