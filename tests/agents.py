"""Agents as the tests make and find them, each in a transaction of its own."""

from collections.abc import Collection

from router.domain.agent import Agent
from router.postgres import agents
from router.postgres.database import Database


class Agents:
    """The agents of a deployment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, name: str, *, teams: Collection[str], skills: Collection[str]) -> Agent:
        async with self._database.transaction("test") as connection:
            return await agents.save(connection, name, teams=teams, skills=skills)

    async def named(self, name: str) -> Agent | None:
        async with self._database.transaction("test", read_only=True) as connection:
            return await agents.named(connection, name)
