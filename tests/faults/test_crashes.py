"""Processes are killed, servers restarted, payloads kill who reads them: nothing is lost and nothing is twice."""

import asyncio
import json
import logging
import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from router.postgres.migrate import migrate
from tests.conftest import MIGRATIONS
from tests.faults import planted
from tests.faults.ledger import DEAD, INTAKE, Body, Ledger, ask, waiting
from tests.faults.processes import Process
from tests.servers.postgres import PostgresServer
from tests.servers.process import Server
from tests.servers.rabbit import RabbitNode

log = logging.getLogger(__name__)

MESSAGES = 2_000
KILLS = 20
FIRST_RESTART = 1  # RabbitMQ 3.10 forgets a quorum queue's log when killed within half a second of its declaration
CUSTOMERS = 40
SETTLED_WITHIN_S = 60
DEATHS_UNTIL_ISOLATED = 4

CHANNELS = {
    "email": ("acme-mail", "support@acme.example", "email"),
    "chat": ("webchat", "www.acme.example", "user"),
    "sms": ("twilio", "+4930555000", "phone"),
    "social": ("whatsapp", "acme-page", "phone"),
}


@pytest.fixture
def servers() -> Iterator[tuple[PostgresServer, RabbitNode]]:
    """A database and a broker to be restarted, while those of the other tests go on."""
    with ExitStack() as running:
        yield running.enter_context(PostgresServer()), running.enter_context(RabbitNode())


@pytest.fixture
async def settings(servers: tuple[PostgresServer, RabbitNode]) -> dict[str, str]:
    database, broker = servers
    await migrate(database.url, MIGRATIONS)
    return {
        "FRONTDESK_DATABASE_URL": database.url,
        "FRONTDESK_AMQP_URL": broker.url,
        "FRONTDESK_BATCH_CAP": "20",
        "FRONTDESK_LOG_LEVEL": "warning",
    }


@pytest.mark.slow
async def test_twenty_kills_and_four_restarts_lose_nothing_and_store_nothing_twice(
    tmp_path: Path, servers: tuple[PostgresServer, RabbitNode], settings: dict[str, str]
):
    seed = random.randrange(10**6)
    log.warning("seed %d", seed)
    chance = random.Random(seed)
    database, broker = servers
    ledger = Ledger(tmp_path / "ledger", broker.url)
    bodies = [a_body(number, chance) for number in range(MESSAGES)]
    shares = [bodies[start::KILLS] for start in range(KILLS)]
    restarted_at = chance.sample(range(KILLS)[FIRST_RESTART:], 4)
    restarts: dict[int, Server] = dict(zip(restarted_at, (database, broker) * 2, strict=True))

    working = Process(tmp_path / "intake-0.log", settings)
    await asyncio.to_thread(working.supervise)
    for kill, share in enumerate(shares):
        warming = Process(tmp_path / f"intake-{kill + 1}.log", settings)
        async with asyncio.TaskGroup() as faults:
            faults.create_task(ledger.send(share))
            faults.create_task(asyncio.to_thread(warming.supervise))  # a killed broker may need its topology again
            if server := restarts.get(kill):
                faults.create_task(restart(server, chance))
            await asyncio.sleep(chance.uniform(0, 0.4))
            working.kill()
        working = warming
    await until_received(database.url, MESSAGES)
    await asyncio.to_thread(working.stop)

    assert await ask(database.url, "select stage, reason, detail from unprocessable") == []
    stored = await ask(database.url, "select channel, account, external_id from message")
    assert len(stored) == MESSAGES
    received = await ask(database.url, "select channel, account, external_id from received")
    assert set(stored) == set(received) == ledger.sent
    assert await waiting(broker.url) == {INTAKE: 0, DEAD: 0}
    assert await contradictions(database.url) == {}


@pytest.mark.slow
async def test_a_payload_that_kills_its_process_is_kept_and_its_neighbours_become_tickets(
    tmp_path: Path, servers: tuple[PostgresServer, RabbitNode], settings: dict[str, str]
):
    database, broker = servers
    ledger = Ledger(tmp_path / "ledger", broker.url)
    process = Process(tmp_path / "intake.log", settings, (*planted.COMMAND, "intake")).supervise()
    neighbours = [a_body(number, random.Random(number)) for number in range(60)]
    poison = a_body(60, random.Random(60)) | {"text": planted.POISON.decode()}

    await ledger.send([*neighbours[:30], poison, *neighbours[30:]])
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while not (kept := await ask(database.url, "select reason, body from unprocessable")):
            await asyncio.to_thread(process.supervise)
            await asyncio.sleep(0.1)
    await until_received(database.url, len(neighbours))
    await asyncio.to_thread(process.stop)

    assert [(reason, json.loads(body)["id"]) for reason, body in kept] == [("kills_its_process", poison["id"])]
    assert process.deaths <= DEATHS_UNTIL_ISOLATED
    assert await ask(database.url, "select count(*) from message where ticket_id is not null") == [(len(neighbours),)]
    assert await waiting(broker.url) == {INTAKE: 0, DEAD: 0}
    assert await contradictions(database.url) == {}


async def restart(server: Server, chance: random.Random) -> None:
    """In order or by force, as chance has it."""
    await asyncio.to_thread(server.kill if chance.random() < 0.5 else server.stop)
    await asyncio.to_thread(server.start)


def a_body(number: int, chance: random.Random) -> Body:
    """A canonical message of one of few customers, who write on any channel; mails come in threads."""
    channel = chance.choice(list(CHANNELS))
    provider, account, kind = CHANNELS[channel]
    customer = chance.randrange(CUSTOMERS)
    value = {"email": f"c{customer}@example.com", "phone": f"+491515550{customer:03}", "user": f"visitor-{customer}"}
    return {
        "id": f"m{number}@mail.example",
        "channel": channel,
        "provider": provider,
        "account": account,
        "from": {"kind": kind, "value": value[kind]},
        "to": [],
        "sent_at": "2026-03-02T12:00:00Z",
        "subject": f"Parcel {number % 3}" if channel == "email" else None,
        "text": chance.choice(["Where is my parcel?", "My lawyer will write to you!", "Danke, alles gut."]),
        "thread": {"references": [f"c{customer}-{number % 3}@mail.example"]} if channel == "email" else None,
    }


async def until_received(database_url: str, count: int) -> None:
    deadline = asyncio.get_running_loop().time() + SETTLED_WITHIN_S
    while (received := await ask(database_url, "select count(*) from received")) != [(count,)]:
        assert asyncio.get_running_loop().time() < deadline, f"{received} of {count} received"
        await asyncio.sleep(0.1)


CONTRADICTIONS = {
    "messages without their ticket": "select id from message where ticket_id is null",
    "tickets without a message": "select id from ticket where id not in (select ticket_id from message)",
    "tickets that were not queued exactly once": """
        select ticket.id
        from ticket
        left join ticket_event on ticket_event.ticket_id = ticket.id and kind = 'queue'
        group by ticket.id
        having count(ticket_event.id) <> 1""",
    "messages without exactly one line of history": """
        select message.id
        from message
        left join ticket_event
          on ticket_event.ticket_id = message.ticket_id and (data ->> 'message')::bigint = message.id
        group by message.id
        having count(ticket_event.id) <> 1""",
    "customers without a handle": "select id from customer where id not in (select customer_id from handle)",
    "receipts of other messages": """
        select received.external_id
        from received
        left join message on message.id = message_id and message.external_id = received.external_id
        where message.id is null or message.ticket_id is distinct from received.ticket_id""",
}


async def contradictions(database_url: str) -> dict[str, list[tuple[object, ...]]]:
    found = {name: await ask(database_url, sql) for name, sql in CONTRADICTIONS.items()}
    return {name: rows for name, rows in found.items() if rows}
