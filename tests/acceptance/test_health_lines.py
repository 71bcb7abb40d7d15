"""What an operator reads when something is wrong: a line for each thing; messages wait until it is right again."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from router.postgres.migrate import migrate
from router.settings import Settings
from tests.acceptance.deployed import Frontdesk, deployed, until
from tests.conftest import MIGRATIONS
from tests.servers.postgres import PostgresServer
from tests.servers.rabbit import RabbitNode

MESSAGE = {
    "channel": "chat",
    "provider": "webchat",
    "account": "shop.example",
    "from": {"kind": "user", "value": "v-1"},
    "sent_at": "2026-03-01T09:30:00Z",
    "text": "Is anybody there?",
}


@pytest.fixture(scope="module")
def broker() -> Iterator[RabbitNode]:
    """A broker that may be stopped and frightened."""
    with RabbitNode() as node:
        yield node


@pytest.fixture(scope="module")
def database_server() -> Iterator[PostgresServer]:
    """A database that may be frozen."""
    with PostgresServer() as server:
        yield server


async def test_intake_that_is_switched_off_leaves_messages_in_the_broker_and_says_so(frontdesk: Frontdesk):
    operations = frontdesk.process.deployment.operations
    await operations.turn("intake", on=False)
    assert await until(frontdesk.warnings) == ["intake is switched off"]
    assert await frontdesk.health() == []
    grace = await frontdesk.agent()
    await frontdesk.publish_json({**MESSAGE, "id": "1"})
    assert (await grace.post("/v1/me/next?wait=1")).status == 204
    await operations.turn("intake", on=True)
    assert (await grace.post("/v1/me/next?wait=20")).status == 200
    await frontdesk.is_ready()


@pytest.fixture
async def on_that_broker(database_url: str, broker: RabbitNode) -> AsyncIterator[Frontdesk]:
    settings = Settings(database_url=database_url, amqp_url=broker.url, http_port=0)
    async with deployed(settings) as frontdesk:
        await frontdesk.is_ready()
        yield frontdesk


async def test_under_a_broker_alarm_messages_are_turned_away_in_time_and_taken_afterwards(
    on_that_broker: Frontdesk, broker: RabbitNode
):
    frontdesk = on_that_broker
    shop = await frontdesk.integration()
    await asyncio.to_thread(broker.control, "set_vm_memory_high_watermark", "absolute", "1")
    for _ in range(3):  # the broker blocks whoever publishes: the first one waits for a confirm
        begun = time.monotonic()
        answer = await shop.post("/v1/messages", json={**MESSAGE, "id": "1"})
        assert time.monotonic() - begun < 2.3
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert await frontdesk.health() == ["broker: it accepts no messages now (a memory or disk alarm)"]

    await asyncio.to_thread(broker.control, "set_vm_memory_high_watermark", "0.8")
    await frontdesk.is_ready()
    assert (await shop.post("/v1/messages", json={**MESSAGE, "id": "1"})).status == 202
    grace = await frontdesk.agent()
    assert (await grace.post("/v1/me/next?wait=20")).status == 200


async def test_a_broker_that_is_gone_has_a_line_for_each_of_its_users(on_that_broker: Frontdesk, broker: RabbitNode):
    frontdesk = on_that_broker
    shop = await frontdesk.integration()
    await asyncio.to_thread(broker.kill)
    lines = await until(lambda: at_least(2, frontdesk))
    assert sorted(line.partition(" not connected")[0] for line in lines) == ["broker: consumer", "broker: publisher"]
    assert all(f"127.0.0.1:{broker.port}" in line for line in lines)
    answer = await shop.post("/v1/messages", json={**MESSAGE, "id": "1"})
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    await asyncio.to_thread(broker.start)
    await frontdesk.is_ready()
    assert (await shop.post("/v1/messages", json={**MESSAGE, "id": "1"})).status == 202


async def test_a_database_that_is_gone_has_a_line_and_nothing_needs_a_restart(
    database_server: PostgresServer, amqp_url: str
):
    await migrate(database_server.url, MIGRATIONS)
    settings = Settings(database_url=database_server.url, amqp_url=amqp_url, http_port=0)
    async with deployed(settings) as frontdesk:
        await frontdesk.is_ready()
        grace = await frontdesk.agent()
        await asyncio.to_thread(database_server.stop)
        (line,) = await until(frontdesk.health)
        assert line.startswith("database: ")
        assert (await grace.post("/v1/me/next")).status == 503
        await frontdesk.publish_json({**MESSAGE, "id": "1"})
        await asyncio.to_thread(database_server.start)
        await frontdesk.is_ready()
        assert (await grace.post("/v1/me/next?wait=20")).status == 200


async def test_a_database_that_is_frozen_has_a_line_before_a_probe_gives_up(
    database_server: PostgresServer, amqp_url: str
):
    await migrate(database_server.url, MIGRATIONS)
    settings = Settings(database_url=database_server.url, amqp_url=amqp_url, http_port=0)
    async with deployed(settings) as frontdesk:
        await frontdesk.is_ready()
        database_server.pause()
        try:
            for _ in range(3):
                async with asyncio.timeout(4):
                    lines = await frontdesk.health()
                assert any(line.startswith("database: ") and "does not answer" in line for line in lines)
        finally:
            database_server.resume()
        await frontdesk.is_ready()


async def at_least(count: int, frontdesk: Frontdesk) -> list[str] | None:
    lines = list(await frontdesk.health())
    return lines if len(lines) >= count else None
