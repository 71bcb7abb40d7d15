"""Agents as the tests make, change and find them, each time in a transaction of its own."""

from collections.abc import Collection
from dataclasses import replace

from router.domain.actor import OPERATOR
from router.domain.agent import Agent
from router.domain.skills import Skills
from router.postgres.agent_rows import agent_of
from router.postgres.database import Database
from router.postgres.work.agents import PostgresAgents

BY_NAME = """
select id, name, skills, array(select team from agent_team where agent_id = id) as teams from agent where name = $1"""


class Agents:
    """The agents of a deployment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, name: str, *, teams: Collection[str], skills: Collection[str]) -> Agent:
        """Make the agent, or give the one of that name these teams and skills instead."""
        async with PostgresAgents(self._database).work() as work:
            before = await work.profile(name) or await work.make(name)
            after = replace(before, teams=frozenset(teams), skills=Skills.parse(skills))
            await work.record(before, after, by=OPERATOR)
        return Agent(id=work.agent_id, name=name, teams=after.teams, skills=after.skills.words())

    async def named(self, name: str) -> Agent | None:
        rows = await self._database.fetch("test", BY_NAME, name)
        return agent_of(rows[0]) if rows else None
