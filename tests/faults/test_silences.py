"""Servers fall silent for longer than `grace`: agents who stay connected lose nothing that they hold."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout
from prometheus_client import CollectorRegistry

from router.domain.agent import Agent, Role
from router.metrics import Metrics
from router.postgres.database import Database, connected
from router.postgres.migrate import migrate
from tests.conftest import MIGRATIONS
from tests.faults.processes import FRONTDESK, Process
from tests.making.agents import agents_at_work
from tests.making.builders import a_token
from tests.making.running import running
from tests.making.tickets import a_requirement, queue_ticket
from tests.servers.postgres import PostgresServer

GRACE_S = 6
SILENCE_S = 12
POLICY = f"""
assignment: {{grace: {GRACE_S}s, away_after_missed: 1}}
teams: {{frontline: {{takes: any}}}}
queues: {{live: {{team: frontline, mode: push}}}}
routes: [{{name: all, queue: live, target: 1h}}]
triage: {{bias: -1}}
"""
LIVE = a_requirement(queue="live", team="frontline", channel="chat")
HOLD = """
    update ticket
    set
      state = $2, assigned_to = $3, assigned_at = now(), lease_epoch = 1,
      state_until = now() + make_interval(secs => $4::integer)
    where id = $1"""
HELD = "select state from ticket where assigned_to is not null order by id"
LASTS_S = {"assigned": None, "offered": 9, "wrap_up": 9}
HEARD_WITHIN_S = 60


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A database that may be frozen."""
    with PostgresServer() as server:
        yield server


@asynccontextmanager
async def connected_agent(database: Database, address: str, agent: Agent) -> AsyncIterator[None]:
    """Ask for what is in hand again and again, as a client does that reconnects."""
    token = await a_token(database, Role.AGENT, agent=agent)

    async def stay(session: ClientSession) -> None:
        while True:
            with suppress(ClientError, TimeoutError):
                async with session.get("/v1/me", headers={"Authorization": f"Bearer {token}"}) as answer:
                    await answer.read()
            await asyncio.sleep(0.3)

    async with ClientSession(address, timeout=ClientTimeout(total=2)) as session, running(stay(session)):
        yield


@pytest.mark.slow
@pytest.mark.parametrize("silent", ["database", "timers", "api"])
async def test_connected_agents_lose_nothing_by_a_silence_longer_than_grace(
    tmp_path: Path, server: PostgresServer, silent: str
):
    await migrate(server.url, MIGRATIONS)
    (tmp_path / "policy.yaml").write_text(POLICY)
    settings = {"FRONTDESK_DATABASE_URL": server.url, "FRONTDESK_POLICY_PATH": str(tmp_path / "policy.yaml")}
    processes = {role: Process(tmp_path / f"{role}.log", settings, (*FRONTDESK, role)) for role in ("api", "timers")}
    for process in processes.values():
        await asyncio.to_thread(process.supervise)
    stopped = {"database": server, **processes}[silent]

    async with (
        connected(server.url, Metrics(CollectorRegistry()), size=2, name="test") as database,
        connected_agent(database, processes["api"].address, agent := (await agents_at_work(database, 1))[0]),
    ):
        for state, lasts_s in LASTS_S.items():
            ticket_id = await queue_ticket(database, LIVE)
            await database.execute("test", HOLD, ticket_id, state, agent.id, lasts_s)
        await asyncio.to_thread(stopped.pause)
        await asyncio.sleep(SILENCE_S)
        await asyncio.to_thread(stopped.resume)
        await until(lambda: any("servers were silent" in process.log for process in processes.values()))
        assert [row["state"] for row in await database.fetch("test", HELD)] == list(LASTS_S)
        await asyncio.sleep(GRACE_S)  # while the timers look
        assert [row["state"] for row in await database.fetch("test", HELD)] == list(LASTS_S)
        await until_ended(database)
    for process in processes.values():
        await asyncio.to_thread(process.stop)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(HEARD_WITHIN_S):
        while not condition():
            await asyncio.sleep(0.1)


async def until_ended(database: Database) -> None:
    """Return once the offer and the wrap-up have ended, because time goes on."""
    async with asyncio.timeout(HEARD_WITHIN_S):
        while [row["state"] for row in await database.fetch("test", HELD)] != ["assigned"]:
            await asyncio.sleep(0.1)
