"""Skill groups: where tickets with equal requirements wait, and which agents are eligible for them.

The caller brings the transaction. The lock taken here comes last in it, after the rows of agents and tickets, so that
two flows can never wait for each other.
"""

import json
from collections.abc import Collection
from dataclasses import asdict

import asyncpg

from router.domain import wait
from router.domain.customer import AgentId
from router.domain.wait import Requirement
from router.postgres.database import Connection
from router.postgres.statements import load

SQL = load("groups")


async def ensure(connection: Connection, requirements: Collection[Requirement]) -> dict[Requirement, int]:
    """Return the group id of each requirement; create missing groups with their eligible agents."""
    groups = await _find(connection, requirements)
    if missing := set(requirements) - groups.keys():
        await _make(connection, missing)
        groups |= await _find(connection, missing)
    return groups


async def regroup(connection: Connection, agent_id: AgentId) -> None:
    """Update the agent's eligible groups to the teams and skills that this transaction has written."""
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
    """Return what the ticket or group in a row asks of an agent."""
    return wait.requirement(row["queue"], row["team"], tuple(row["skills"]), row["channel"])


def _recordset(requirements: Collection[Requirement]) -> str:
    return json.dumps([asdict(requirement) for requirement in requirements])
