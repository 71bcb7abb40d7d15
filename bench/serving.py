"""The sides that answer an agent's request for the next ticket: the product's lane, and references that serve singly.

The reference is a request that keeps all of the lane's promises: the same ticket again after a lost answer, one ticket
at a time for an agent with two clients, and never more than fits. It locks the agent. Then it counts what they hold and
looks for a ticket they have not seen (in a second statement, which sees what the last holder of the lock did). Then it
claims a ticket of a channel with room. The bare statement is that last step alone: the fastest claim possible for a
single request, with none of these promises. Both have 20 connections, the number at which they are fastest.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Protocol

import asyncpg
from prometheus_client import CollectorRegistry

from channels.message import Channel
from router.domain.agent import Lease, TokenId
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.flow.assign.claims import Assignment, Claims
from router.metrics import Metrics
from router.postgres.assign.claims import PostgresClaims
from router.postgres.database import connected, translated
from tests.making.assignment import a_policy

CONNECTIONS = 20
APPLICATION = "frontdesk bench"
"""The name of all sides' connections, so that the benchmark can break one of them."""


class Next(Protocol):
    """What answers requests, such as `router.flow.assign.claims.Claims`."""

    async def next(self, agent_id: AgentId, wait: timedelta, token_id: TokenId | None = None) -> Assignment | None: ...

    def end(self) -> None: ...


Side = Callable[[str, Capacity], AbstractAsyncContextManager[Next]]


@asynccontextmanager
async def lane(url: str, capacity: Capacity) -> AsyncIterator[Claims]:
    """Serve everybody who waits together."""
    metrics = Metrics(CollectorRegistry())
    async with connected(url, metrics, size=2, name=APPLICATION.removeprefix("frontdesk ")) as database:
        claims = Claims(PostgresClaims(database), metrics, policy=a_policy(capacity))
        serving = asyncio.create_task(claims.run())
        yield claims
        serving.cancel()
        await asyncio.wait([serving])


@asynccontextmanager
async def per_request(url: str, capacity: Capacity) -> AsyncIterator[Next]:
    """Serve each request in its own transaction."""
    async with _pool(url) as pool:
        yield PerRequest(pool, capacity)


@asynccontextmanager
async def bare_statement(url: str, _: Capacity) -> AsyncIterator[Next]:
    """Serve each request with one statement."""
    async with _pool(url) as pool:
        yield BareStatement(pool)


# Locks the head of each of the agent's groups and takes the one due first. Locking only that one, among several
# unlocked candidates per group, is slower: 1,900 to 3,200 claims/s in 240 groups.
CLAIM_ONE = """
    with taken as (
      update ticket
      set
        state = 'assigned', assigned_to = $1, assigned_at = statement_timestamp(), lease_epoch = lease_epoch + 1,
        is_seen = false
      where id = (
        select head.id
        from agent_group
        join skill_group on skill_group.id = agent_group.group_id and skill_group.channel = any ($2::text[])
        cross join lateral (
          select id, due_at from ticket
          where group_id = agent_group.group_id and state = 'queued' and reserved_for is null
          order by due_at, id
          limit 1
          for no key update skip locked
        ) as head
        where agent_group.agent_id = $1
        order by head.due_at, head.id
        limit 1)
      returning
        id, lease_epoch, assigned_to, queue, channel, group_id, due_at, assigned_at, policy_version,
        extract(epoch from assigned_at - enqueued_at)::float8 as waited_s, assigned_at <= due_at as met_target
    ), noted as (
      insert into ticket_event (ticket_id, at, kind, state, actor, data)
      select
        id, assigned_at, 'accept', 'assigned', 'agent:' || assigned_to,
        jsonb_build_object(
          'queue', queue, 'group', group_id, 'due_at', due_at, 'lease_epoch', lease_epoch, 'waited_s', waited_s,
          'policy_version', policy_version)
      from taken
    )
    select id, lease_epoch, assigned_to, queue, channel, waited_s, met_target from taken"""
LOCK_AGENT = "select capacity, weights, most from agent where id = $1 for no key update"
HELD = """
    select
      id, lease_epoch, assigned_to, queue, channel, extract(epoch from assigned_at - enqueued_at)::float8 as waited_s,
      assigned_at <= due_at as met_target, state = 'assigned' and not is_seen as is_unseen
    from ticket
    where assigned_to = $1
    order by assigned_at, id"""


class PerRequest:
    """Keeps every promise of `next`, one request at a time."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", capacity: Capacity) -> None:
        self._pool = pool
        self._default = capacity

    async def next(self, agent_id: AgentId, *_as_claims_do: object) -> Assignment | None:
        with translated():
            async with self._pool.acquire() as connection, connection.transaction():
                [agent] = await connection.fetch(LOCK_AGENT, agent_id)
                held = await connection.fetch(HELD, agent_id)
                if unseen := next((row for row in held if row["is_unseen"]), None):
                    return _assignment(unseen)
                taken = await connection.fetchrow(CLAIM_ONE, agent_id, self._room(agent, held))
        return _assignment(taken) if taken else None

    def end(self) -> None:
        """Nobody waits here."""

    def _room(self, agent: asyncpg.Record, held: list[asyncpg.Record]) -> list[str]:
        """Return the channels with room for one more ticket."""
        weights, most = json.loads(agent["weights"]), json.loads(agent["most"])
        capacity = self._default.adjusted(limit=agent["capacity"], weights=weights, most=most)
        counted = Counter(row["channel"] for row in held)
        return [channel for channel in Channel if capacity.has_room(counted, channel)]


class BareStatement:
    """Claims, and keeps no promises."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def next(self, agent_id: AgentId, *_as_claims_do: object) -> Assignment | None:
        taken = await self._pool.fetchrow(CLAIM_ONE, agent_id, list(Channel))
        return _assignment(taken) if taken else None

    def end(self) -> None:
        """Nobody waits here."""


def _assignment(row: asyncpg.Record) -> Assignment:
    return Assignment(
        agent_id=row["assigned_to"],
        lease=Lease(row["id"], row["lease_epoch"]),
        queue=row["queue"],
        channel=row["channel"],
        waited_s=row["waited_s"],
        met_target=row["met_target"],
    )


def _pool(url: str) -> "asyncpg.Pool[asyncpg.Record]":
    settings = {"jit": "off", "application_name": APPLICATION}
    return asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS, server_settings=settings)
