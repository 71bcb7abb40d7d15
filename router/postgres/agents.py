"""Agents as PostgreSQL keeps them: teams, skills, and the groups that follow from both."""

from collections.abc import Collection

import asyncpg

from router.domain.agent import Agent
from router.domain.customer import AgentId
from router.domain.errors import Conflict
from router.postgres import groups
from router.postgres.database import Connection
from router.postgres.statements import load

SQL = load("agents")


async def save(connection: Connection, name: str, *, teams: Collection[str], skills: Collection[str]) -> Agent:
    """Make the agent, or give the one of that name these teams and skills instead.

    Raises `Conflict` if a ticket of a team that is to be left is still assigned to the agent.
    """
    agent_id: AgentId = await connection.fetchval(SQL["save_agent"], name, sorted(set(skills)))
    await connection.execute(SQL["join_teams"], agent_id, sorted(set(teams)))
    await _leave_other_teams(connection, agent_id, name, teams)
    await groups.regroup(connection, agent_id)
    return Agent(id=agent_id, name=name, teams=frozenset(teams), skills=frozenset(skills))


async def named(connection: Connection, name: str) -> Agent | None:
    row = await connection.fetchrow(SQL["agent_by_name"], name)
    return agent_of(row) if row else None


def agent_of(row: asyncpg.Record) -> Agent:
    """The agent in a row with the columns id, name, teams and skills."""
    return Agent(id=row["id"], name=row["name"], teams=frozenset(row["teams"]), skills=frozenset(row["skills"]))


async def _leave_other_teams(connection: Connection, agent_id: AgentId, name: str, teams: Collection[str]) -> None:
    try:
        await connection.execute(SQL["leave_other_teams"], agent_id, list(teams))
    except asyncpg.ForeignKeyViolationError as exc:
        raise Conflict(
            f"Agent {name} still holds tickets of a team that is to be left: resolve or transfer them first."
        ) from exc
