"""Reads agents from rows, and takes the lock on them that comes first in every transaction."""

import json
from collections.abc import Collection

import asyncpg

from router.domain.agent import Agent, Cause, Presence, Status
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.postgres.database import Connection
from router.postgres.statements import load

SQL = load("agent_rows")


async def lock_agents(connection: Connection, agents: Collection[AgentId]) -> None:
    """Keep others from giving these agents work, or taking it, until the transaction ends; ignores unknown ids."""
    await connection.execute(SQL["lock_agents"], list(agents))


def agent_of(row: asyncpg.Record) -> Agent:
    """Return the agent in a row with the columns id, name, teams and skills."""
    return Agent(id=row["id"], name=row["name"], teams=frozenset(row["teams"]), skills=frozenset(row["skills"]))


def presence_of(row: asyncpg.Record) -> Presence:
    """Return the presence in a row with the columns status, reason, cause, since and seen_at."""
    return Presence(
        status=Status(row["status"]),
        reason=row["reason"],
        since=row["since"],
        seen_at=row["seen_at"],
        cause=cause_of(row),
    )


def cause_of(row: asyncpg.Record) -> Cause | None:
    """Return why an agent has a status that they did not declare, from a row with the column cause."""
    return Cause(row["cause"]) if row["cause"] else None


def capacity_of(row: asyncpg.Record, usual: Capacity) -> Capacity:
    """Return the agent's capacity from a row with the columns capacity, weights and most; `usual` is the policy's."""
    return usual.adjusted(limit=row["capacity"], weights=json.loads(row["weights"]), most=json.loads(row["most"]))
