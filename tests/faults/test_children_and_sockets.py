"""Every child of intake is killed, every socket closed: idle, busy and starting. Intake goes on; its log is short."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from tests.faults.ledger import DEAD, INTAKE, Ledger, ask, waiting
from tests.faults.processes import Process
from tests.faults.test_crashes import a_body, contradictions, until_received
from tests.servers.process import wait_until
from tests.servers.proxy import Link, linked

STARTS_WITHIN_S = 60
LONGEST_LINE = 500


@pytest.fixture
async def database_link(database_url: str) -> AsyncIterator[Link]:
    async with linked(database_url) as link:
        yield link


@pytest.fixture
async def broker_link(amqp_url: str) -> AsyncIterator[Link]:
    async with linked(amqp_url) as link:
        yield link


def kill_children(process: Process) -> int:
    """Return how many there were."""
    children = psutil.Process(process.pid).children(recursive=True)
    for child in children:
        child.kill()
    return len(children)


@pytest.mark.slow
async def test_intake_survives_its_children_and_its_sockets(
    tmp_path: Path, database_url: str, amqp_url: str, database_link: Link, broker_link: Link
):
    settings = {
        "FRONTDESK_DATABASE_URL": database_link.url(database_url),
        "FRONTDESK_AMQP_URL": broker_link.url(amqp_url),
        "FRONTDESK_LOG_FORMAT": "json",
    }
    ledger = Ledger(tmp_path / "ledger", amqp_url)
    bodies = [a_body(number, random.Random(number)) for number in range(400)]
    intake = Process(tmp_path / "intake.log", settings)
    assert await asyncio.to_thread(wait_until, lambda: kill_children(intake), within_s=STARTS_WITHIN_S)  # starting
    await asyncio.to_thread(intake.is_ready)

    for share in (bodies[start:200:6] for start in range(6)):
        assert kill_children(intake)  # idle
        database_link.cut()
        broker_link.cut()
        await ledger.send(share)
        await until_received(database_url, len(ledger.sent))
    async with asyncio.TaskGroup() as sending:
        sending.create_task(ledger.send(bodies[200:]))
        for _ in range(10):  # busy
            await asyncio.sleep(0.05)
            kill_children(intake)
            database_link.cut()
            broker_link.cut()
    await until_received(database_url, len(bodies))
    await asyncio.to_thread(intake.stop)

    assert set(await ask(database_url, "select channel, account, external_id from message")) == ledger.sent
    assert await ask(database_url, "select stage, reason, detail from unprocessable") == []
    assert await contradictions(database_url) == {}
    assert await waiting(amqp_url) == {INTAKE: 0, DEAD: 0}
    for line in intake.log.splitlines():
        assert json.loads(line), line
        assert "Traceback" not in line
        assert len(line) < LONGEST_LINE, line
