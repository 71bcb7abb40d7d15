"""Claims on PostgreSQL: locks, reads and the guarded update of a round. Leaves who is given what to `decide.offer`."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg

from router.decide.offer import Asking, Head, Match
from router.domain.agent import Lease
from router.domain.customer import AgentId
from router.domain.ticket import TicketId
from router.flow.claims import Assignment
from router.postgres.database import Connection, Database
from router.postgres.statements import load

SQL = load("claims")


class PostgresClaims:
    """A round is one transaction; `claims.sql` says what each statement of it must be careful about."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def round(self, agents: Collection[AgentId]) -> AsyncIterator["PostgresRound"]:
        async with self._database.transaction("claim") as connection:
            # Lock first, read in the next statement: only that one sees what the last holder did.
            await connection.execute(SQL["lock_agents"], _ids(agents))
            yield PostgresRound(connection, agents)


class PostgresRound:
    """The statements between the agents' locks and the commit."""

    def __init__(self, connection: Connection, agents: Collection[AgentId]) -> None:
        self._connection = connection
        self._agents = agents

    async def asking(self) -> tuple[list[Assignment], list[Asking]]:
        agents = _ids(self._agents)
        unseen = [_assignment(row) for row in await self._connection.fetch(SQL["unseen"], agents)]
        groups = dict(await self._connection.fetch(SQL["eligible_groups"], agents))
        others = groups.keys() - {assignment.agent_id for assignment in unseen}
        return unseen, [Asking(agent_id, groups[agent_id]) for agent_id in self._agents if agent_id in others]

    async def heads(self, depths: Mapping[int, int], *, passing_over: Collection[TicketId]) -> list[Head]:
        arguments = (_ids(depths), _ids(depths.values()), _ids(passing_over))
        return list(map(tuple, await self._connection.fetch(SQL["heads"], *arguments)))

    async def take(self, matches: Sequence[Match]) -> list[Assignment]:
        tickets = _ids(match.ticket_id for match in matches)
        rows = await self._connection.fetch(SQL["take"], tickets, _ids(match.agent_id for match in matches))
        return [_assignment(row) for row in rows]


def _assignment(row: asyncpg.Record) -> Assignment:
    return Assignment(
        agent_id=row["agent_id"],
        lease=Lease(row["id"], row["lease_epoch"]),
        queue=row["queue"],
        channel=row["channel"],
        waited_s=row["waited_s"],
        met_target=row["met_target"],
    )


def _ids(numbers: Iterable[int]) -> str:
    """An array as PostgreSQL writes it: asyncpg's own takes ten times as long, and a round has thousands of ids."""
    return "{" + ",".join(map(str, numbers)) + "}"
