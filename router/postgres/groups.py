"""Skill groups: where tickets with equal requirements wait, and which agents are eligible for which.

Leaves transactions to the caller. The lock taken here is the last of a transaction, after rows of agents and tickets,
so that no two flows can wait for each other.
"""

import json
from collections.abc import Collection
from dataclasses import asdict

import asyncpg

from router.domain.customer import AgentId
from router.domain.wait import Requirement
from router.postgres.database import Connection
from router.postgres.statements import load

SQL = load("groups")


async def ensure(connection: Connection, requirements: Collection[Requirement]) -> dict[Requirement, int]:
    """Return the group id of each requirement, making those that do not exist yet, with their eligible agents."""
    groups = await _find(connection, requirements)
    if missing := set(requirements) - groups.keys():
        await _make(connection, missing)
        groups |= await _find(connection, missing)
    return groups


async def regroup(connection: Connection, agent_id: AgentId) -> None:
    """Bring the agent's eligible groups in line with teams and skills, which this transaction has written."""
    await connection.execute(SQL["serialise_groups"])
    await connection.execute(SQL["leave_groups"], agent_id)
    await connection.execute(SQL["join_groups"], agent_id)


async def _find(connection: Connection, requirements: Collection[Requirement]) -> dict[Requirement, int]:
    rows = await connection.fetch(SQL["find_groups"], _recordset(requirements))
    return {requirement(row): row["id"] for row in rows}


async def _make(connection: Connection, requirements: Collection[Requirement]) -> None:
    await connection.execute(SQL["serialise_groups"])
    made = await connection.fetch(SQL["insert_groups"], _recordset(requirements))
    await connection.execute(SQL["fill_groups"], [row["id"] for row in made])


def requirement(row: asyncpg.Record) -> Requirement:
    """What the ticket or group in a row asks of an agent."""
    return Requirement(queue=row["queue"], team=row["team"], skills=tuple(row["skills"]), channel=row["channel"])


def _recordset(requirements: Collection[Requirement]) -> str:
    return json.dumps([asdict(requirement) for requirement in requirements])
