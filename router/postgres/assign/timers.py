"""What time does to tickets, in PostgreSQL: each call is one transaction on a chunk. Leaves its rhythm to the flow.

A chunk's tickets are locked together with their agents and without waiting, so that a timer is part of no circle of
flows that wait for each other; what somebody else has locked is left to the next round.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg

from router.decide.relax import Relaxed, Waiting
from router.domain.customer import AgentId
from router.domain.ticket import TicketState
from router.flow.assign.timers import Expired, Turned
from router.policy.model import Policy
from router.postgres import groups, hints
from router.postgres.database import Connection, Database
from router.postgres.rows import columns
from router.postgres.statements import load

SQL = load("assign/timers")


class PostgresTimers:
    """Implements `router.flow.assign.timers.TimerStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def expire_offers(self, limit: int, policy: Policy) -> Expired:
        async with self._database.transaction("timers") as connection:
            expired = await connection.fetch(SQL["expire_offers"], limit)
            agents = {row["agent_id"] for row in expired}
            withdrawn = await _set_away(connection, agents, policy) if agents else []
            await _hint(connection, expired, hints.AGENTS)
        return Expired(expired=_turned(expired), withdrawn=_turned(withdrawn))

    async def release_lost(self, limit: int, policy: Policy) -> Sequence[Turned]:
        async with self._database.transaction("timers") as connection:
            released = await connection.fetch(SQL["release_lost"], limit, policy.assignment.grace, policy.version)
            await _hint(connection, released, hints.AGENTS)
        return _turned(released)

    async def end_wishes(self, limit: int, policy: Policy) -> Sequence[Turned]:
        return await self._queued("end_wishes", limit, policy.assignment.grace, policy.version)

    async def end_wrap_ups(self, limit: int) -> Sequence[Turned]:
        async with self._database.transaction("timers") as connection:
            resolved = await connection.fetch(SQL["end_wrap_ups"], limit)
            if resolved:
                await hints.hint(connection, hints.AGENTS)
        return _turned(resolved)

    async def wake(self, limit: int, policy: Policy) -> Sequence[Turned]:
        wishes = [(queue.name, queue.sticky_for) for queue in policy.queues.values() if queue.sticky_for]
        steps = [(route.name, route.queue, route.relax[0].after) for route in policy.routes if route.relax]
        return await self._queued("wake", limit, *columns(wishes, 2), *columns(steps, 3), policy.version)

    @asynccontextmanager
    async def relaxing(self, limit: int) -> AsyncIterator["PostgresRelaxChunk"]:
        async with self._database.transaction("timers") as connection:
            yield PostgresRelaxChunk(connection, await connection.fetch(SQL["to_relax"], limit))

    async def _queued(self, statement: str, *arguments: object) -> Sequence[Turned]:
        async with self._database.transaction("timers") as connection:
            queued = await connection.fetch(SQL[statement], *arguments)
            await _hint(connection, queued)
        return _turned(queued)


class PostgresRelaxChunk:
    """Locked tickets and what is to become of them."""

    def __init__(self, connection: Connection, rows: Sequence[asyncpg.Record]) -> None:
        self._connection = connection
        self.waiting = [_waiting(row) for row in rows]
        self.now = rows[0]["now"] if rows else datetime.min.replace(tzinfo=UTC)

    async def record(self, relaxed: Sequence[Relaxed], policy_version: str) -> Sequence[Turned]:
        """Write the tickets; the lock on the groups comes after those on tickets, as everywhere."""
        if not relaxed:
            return []
        group_ids = await groups.ensure(self._connection, {each.ticket.requirement for each in relaxed})
        table = columns(((*_relaxed_row(each), group_ids[each.ticket.requirement]) for each in relaxed), 8)
        rows = await self._connection.fetch(SQL["relax"], *table, policy_version)
        await _hint(self._connection, rows)
        return _turned(rows)


async def _set_away(connection: Connection, agents: Collection[AgentId], policy: Policy) -> list[asyncpg.Record]:
    """Set those away who have missed too many offers in a row; returns what else they were offered."""
    missed = policy.assignment.away_after_missed
    if missed == 0:  # never
        return []
    absent = [row["agent_id"] for row in await connection.fetch(SQL["set_away"], list(agents), missed)]
    return list(await connection.fetch(SQL["withdraw_offers"], absent, policy.version)) if absent else []


async def _hint(connection: Connection, queued: Sequence[object], *also: str) -> None:
    if queued:
        await hints.hint(connection, hints.QUEUED, *also)


def _turned(rows: Iterable[asyncpg.Record]) -> list[Turned]:
    return [Turned(queue=row["queue"], channel=row["channel"], was=TicketState(row["was"])) for row in rows]


def _waiting(row: asyncpg.Record) -> Waiting:
    return Waiting(
        id=row["id"],
        route=row["route"],
        requirement=groups.requirement(row),
        enqueued_at=row["enqueued_at"],
        due_at=row["due_at"],
        relaxed=row["relaxed"],
    )


def _relaxed_row(relaxed: Relaxed) -> Sequence[object]:
    ticket, asked = relaxed.ticket, relaxed.ticket.requirement
    return ticket.id, asked.queue, asked.team, ",".join(asked.skills), ticket.due_at, ticket.relaxed, relaxed.relax_at
