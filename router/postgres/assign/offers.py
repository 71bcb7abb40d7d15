"""Offers on PostgreSQL: what waits, who could take it, and guarded updates. `decide.dispatch` decides."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg

from router.decide.dispatch import Candidate, Offer, Waiting
from router.domain.agent import Lease
from router.domain.customer import AgentId
from router.domain.history import HistoryKind
from router.domain.ticket import TicketState
from router.flow.assign.claims import Assignment
from router.flow.assign.hold import Hold
from router.flow.assign.offers import Accepted, OfferedTicket
from router.flow.run.transitions import Turned
from router.policy.model import AssignmentRules
from router.postgres import hints
from router.postgres.agent_rows import capacity_of, lock_agents, presence_of
from router.postgres.database import Connection, Database
from router.postgres.rows import columns
from router.postgres.statements import load

SQL = load("assign/offers")

LINE = 1000
"""About how many tickets a round looks at, however many wait; the next round follows at once."""


class PostgresDispatch:
    """Implements `router.flow.assign.offers.DispatchStore`: a round is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def round(self, rules: AssignmentRules) -> AsyncIterator["PostgresDispatchRound"]:
        async with self._database.transaction("offers") as connection:
            yield PostgresDispatchRound(connection, rules)


class PostgresDispatchRound:
    """The statements of a round; each sees what was committed before it began."""

    def __init__(self, connection: Connection, rules: AssignmentRules) -> None:
        self._connection = connection
        self._rules = rules
        self._locked: list[AgentId] | None = None

    async def line(self, queues: Collection[str]) -> list[Waiting]:
        rows = await self._connection.fetch(SQL["line"], list(queues), self._rules.grace, LINE)
        return [_waiting(row) for row in rows]

    async def candidates(self, line: Sequence[Waiting]) -> list[Candidate]:
        agents = await self._live_agents() if self._locked is None else self._locked
        groups = {waiting.group for waiting in line}
        reserved_for = {waiting.reserved_for for waiting in line if waiting.reserved_for is not None}
        rows = await self._connection.fetch(SQL["candidates"], agents, list(groups), list(reserved_for))
        return [_candidate(row, self._rules) for row in rows]

    async def lock(self, agents: Collection[AgentId]) -> None:
        self._locked = list(agents)
        await lock_agents(self._connection, self._locked)

    async def now(self) -> datetime:
        now: datetime = await self._connection.fetchval(SQL["now"])
        return now

    async def offer(self, offers: Sequence[Offer], policy_version: str) -> list[Turned]:
        rows = await self._connection.fetch(SQL["offer"], *columns(map(_planned, offers), 5), policy_version)
        offered = [Turned(row["id"], TicketState.QUEUED, row["agent_id"], row["queue"], row["channel"]) for row in rows]
        await hints.after(self._connection, HistoryKind.OFFER, *offered)
        return offered

    async def _live_agents(self) -> list[AgentId]:
        return [row["agent_id"] for row in await self._connection.fetch(SQL["live_agents"], self._rules.grace)]


class PostgresOffers:
    """Implements `router.flow.assign.offers.OfferStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def answering(self, hold: Hold) -> AsyncIterator["PostgresAnswering"]:
        async with self._database.transaction("offers") as connection:
            await lock_agents(connection, [hold.agent.id])
            yield PostgresAnswering(connection, hold)


class PostgresAnswering:
    """The statements between the agent's lock and the commit."""

    def __init__(self, connection: Connection, hold: Hold) -> None:
        self._connection = connection
        self._hold = hold
        self._teams = list(hold.agent.teams)

    async def ticket(self) -> OfferedTicket | None:
        row = await self._connection.fetchrow(SQL["offered_ticket"], self._hold.lease.ticket_id, self._teams)
        return row and OfferedTicket(
            state=TicketState(row["state"]),
            assigned_to=row["assigned_to"],
            epoch=row["lease_epoch"],
            has_expired=row["has_expired"],
        )

    async def accept(self) -> Accepted | None:
        row = await self._connection.fetchrow(SQL["accept"], *self._guard())
        if row is None:
            return None
        lease = Lease(self._hold.lease.ticket_id, row["lease_epoch"])
        return Accepted(
            assignment=Assignment(
                agent_id=self._hold.agent.id,
                lease=lease,
                queue=row["queue"],
                channel=row["channel"],
                waited_s=row["waited_s"],
                met_target=row["met_target"],
            ),
            after_s=row["after_s"],
        )

    async def decline(self) -> Turned | None:
        row = await self._connection.fetchrow(SQL["decline"], *self._guard())
        if row is None:
            return None
        declined = Turned(row["id"], TicketState.OFFERED, self._hold.agent.id, row["queue"], row["channel"])
        await hints.after(self._connection, HistoryKind.DECLINE, declined)
        return declined

    def _guard(self) -> tuple[int, int, int, list[str]]:
        return self._hold.lease.ticket_id, self._hold.lease.epoch, self._hold.agent.id, self._teams


def _waiting(row: asyncpg.Record) -> Waiting:
    return Waiting(
        ticket_id=row["id"],
        group=row["group_id"],
        queue=row["queue"],
        channel=row["channel"],
        reserved_for=row["reserved_for"],
        refused_by=frozenset(row["refused_by"]),
    )


def _candidate(row: asyncpg.Record, rules: AssignmentRules) -> Candidate:
    return Candidate(
        agent_id=row["id"],
        groups=frozenset(row["groups"] or ()),
        presence=presence_of(row),
        idle_since=row["idle_since"],
        capacity=capacity_of(row, rules.capacity),
        held=Counter(row["held"]),
        is_draining=row["is_draining"],
        may_be_offered=rules.offers_at_once - row["offered"],
    )


def _planned(offer: Offer) -> Sequence[object]:
    why = {"by": offer.rule.to, "why_not": offer.why_not}
    return offer.waiting.ticket_id, offer.agent_id, offer.waiting.group, offer.rule.lasts, json.dumps(why)
