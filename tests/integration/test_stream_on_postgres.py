"""A thousand connected agents cost one statement a look, and one connection that listens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, nullcontext

import asyncpg
from prometheus_client import CollectorRegistry

from router.domain.agent import Agent, Person, Role, TokenId
from router.domain.customer import AgentId
from router.flow.see.stream import Connection, Streams
from router.metrics import Metrics
from router.postgres.database import Database
from router.postgres.hints import AGENTS, Hints, hint
from router.postgres.see.stream import SQL, PostgresStream
from tests.making.builders import a_ticket
from tests.making.intake import POLICY

CONNECTED = 1000
DEADLINE_S = 30
NEVER_S = 3600.0
FILL = f"""
insert into agent (name) select 'agent ' || n from generate_series(1, {CONNECTED}) as n;
insert into agent_team (agent_id, team) select id, 'frontline' from agent;
insert into token (name, role, agent_id, hash) select name, 'agent', id, sha256(name::bytea) from agent;
"""
LISTENING = "select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen %'"


@asynccontextmanager
async def a_database(url: str, statements: list[str]) -> AsyncIterator[Database]:
    """The database, and every statement that is sent to it."""

    async def log(connection: asyncpg.Connection) -> None:
        connection.add_query_logger(lambda logged: statements.append(logged.query))

    async with asyncpg.create_pool(url, min_size=1, max_size=2, init=log) as pool:
        yield Database(pool, Metrics(CollectorRegistry()))


async def test_a_thousand_agents_cost_one_statement_a_look_and_one_listen(database_url: str):
    statements: list[str] = []
    async with a_database(database_url, statements) as database, AsyncExitStack() as running:
        await database.execute("test", FILL)
        metrics = Metrics(CollectorRegistry())
        hints = Hints(database_url, metrics)
        streams = Streams(
            store=PostgresStream(database),
            staying=nullcontext,
            policy=lambda: POLICY,
            metrics=metrics,
            hint=hints.subscribe(AGENTS),
            poll_s=NEVER_S,
        )
        for loop in (streams.run(), hints.run()):
            task = asyncio.create_task(loop)
            running.callback(task.cancel)
        await asyncio.wait_for(listens(database), DEADLINE_S)
        with ExitStack() as clients:
            connections = [clients.enter_context(streams.connected(who(number))) for number in range(1, CONNECTED + 1)]
            assert {await told(connection) for connection in connections} == {("snapshot",)}
            assert statements.count(SQL["situations"]) == 1

            await a_ticket(database, held_by=who(CONNECTED).agent)
            statements.clear()
            async with database.transaction("test") as connection:
                await hint(connection, AGENTS)
            assert await told(connections[-1]) == ("assigned", "capacity")
            assert statements.count(SQL["situations"]) == 1
            [row] = await database.fetch("test", LISTENING)
            assert row["count"] == 1


def who(number: int) -> Person:
    agent = Agent(id=AgentId(number), name=f"agent {number}", teams=frozenset({"frontline"}))
    return Person(token_id=TokenId(number), role=Role.AGENT, agent=agent)


async def told(connection: Connection) -> tuple[str, ...]:
    async with asyncio.timeout(DEADLINE_S):
        return tuple(event.kind.value for _, event in await connection.news())


async def listens(database: Database) -> None:
    """Return once somebody listens."""
    while not (await database.fetch("test", LISTENING))[0]["count"]:
        await asyncio.sleep(0.01)
