"""Claims on PostgreSQL: the locks, reads and guarded update of a round. `decide.offer` decides who gets what."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import asyncpg

from router.decide.claim import Asking, Head, Match, Readiness
from router.domain.agent import Cause, Lease, Status, TokenId
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.domain.ticket import TicketId
from router.flow.assign.claims import Assignment, Roll
from router.postgres.agent_rows import lock_agents
from router.postgres.database import Connection, Database
from router.postgres.statements import load

SQL = load("assign/claims")


class PostgresClaims:
    """Each round is one transaction; `claims.sql` says what each statement must be careful about."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def have(self, agent_id: AgentId, tickets: Collection[TicketId]) -> None:
        await self._database.execute("claim", SQL["have"], agent_id, list(tickets))

    @asynccontextmanager
    async def round(self, agents: Collection[AgentId]) -> AsyncIterator["PostgresRound"]:
        async with self._database.transaction("claim") as connection:
            # Lock first and read in the next statement: only that one sees what the last holder did.
            await lock_agents(connection, agents)
            yield PostgresRound(connection, agents)


class PostgresRound:
    """The statements between the agents' locks and the commit."""

    def __init__(self, connection: Connection, agents: Collection[AgentId]) -> None:
        self._connection = connection
        self._agents = agents

    async def roll(self, default: Capacity, shown: Collection[TokenId]) -> Roll:
        read = await self._connection.fetch(SQL["roll"], _array(self._agents), _array(shown))
        rows = {row["agent_id"]: row for row in read}
        found = [rows[agent_id] for agent_id in self._agents if agent_id in rows]
        others = [row for row in found if row["unseen"] is None]
        capacity_of = _capacities(default)
        return Roll(
            ended=frozenset(token_id for row in read[:1] for token_id in row["ended"]),
            unseen=[_assignment(json.loads(row["unseen"])) for row in found if row["unseen"] is not None],
            asking=[
                Asking(
                    row["agent_id"],
                    row["groups"],
                    capacity_of(row),
                    Counter(row["held"]),
                    _readiness(row["is_retired"], row["is_in_a_team"], row["is_draining"], row["status"], row["cause"]),
                )
                for row in others
            ],
        )

    async def heads(
        self,
        depths: Mapping[int, int],
        *,
        reserved_for: Collection[AgentId],
        passing_over: Collection[TicketId],
        outside: Collection[str],
    ) -> list[Head]:
        lines = (_array(depths), _array(depths.values()), _array(reserved_for))
        rows = await self._connection.fetch(SQL["heads"], *lines, _array(passing_over), outside)
        return list(map(tuple, rows))

    async def take(self, matches: Sequence[Match], *, asked: int, policy_version: str) -> list[Assignment]:
        columns = (
            _array(match.ticket_id for match in matches),
            _array(match.agent_id for match in matches),
            _array(match.group for match in matches),
            _array(match.load for match in matches),
        )
        rows = await self._connection.fetch(SQL["take"], *columns, asked, policy_version)
        return [_assignment(row) for row in rows]


def _capacities(default: Capacity) -> Callable[[asyncpg.Record], Capacity]:
    """Return a function that reads a row's capacity; most agents have equal limits, which are parsed once."""
    adjusted = cache(
        lambda limit, weights, most: default.adjusted(limit=limit, weights=json.loads(weights), most=json.loads(most))
    )
    return lambda row: adjusted(row["capacity"], row["weights"], row["most"])


@cache
def _readiness(
    is_retired: bool, is_in_a_team: bool, is_draining: bool, status: str | None, cause: str | None
) -> Readiness:
    """Asking for work makes an agent available who has declared nothing, or was lost."""
    has_said = status is not None and cause != Cause.LOST
    return Readiness(
        is_retired,
        is_in_a_team,
        is_draining,
        Status(status) if status and has_said else Status.AVAILABLE,
        Cause(cause) if cause else None,
    )


def _assignment(row: Mapping[str, Any]) -> Assignment:
    return Assignment(
        agent_id=row["agent_id"],
        lease=Lease(row["id"], row["lease_epoch"]),
        queue=row["queue"],
        channel=row["channel"],
        waited_s=row["waited_s"],
        met_target=row["met_target"],
    )


def _array(numbers: Iterable[int]) -> str:
    """Write an array as PostgreSQL does: asyncpg's own takes ten times as long, and a round has thousands of ids."""
    return "{" + ",".join(map(str, numbers)) + "}"
