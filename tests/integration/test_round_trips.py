"""How often a request or a batch asks PostgreSQL: all wait for each answer, and others for the connection meanwhile."""

from collections.abc import AsyncIterator
from functools import partial

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from router.metrics import Metrics
from router.postgres.database import connected
from router.postgres.intake.receive import PostgresIntake
from tests.clients.api import Api, running_api
from tests.making import messages
from tests.making.agents import an_agent
from tests.making.builders import a_conversation, a_message, a_ticket
from tests.making.intake import MAILROOM, a_receiver

TOKEN = 1  # remembered for two seconds, so a slow test may ask again
CLAIM = 4
SEEN = 1
PAGE = 1
BATCH = 5  # begin and lock handles, lock customers, lock the rest and load, record, commit


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that have been sent."""
    sent: list[str] = []

    async def listen(connection: asyncpg.Connection) -> None:
        connection.add_query_logger(lambda logged: sent.append(logged.query))

    monkeypatch.setattr(asyncpg, "create_pool", partial(asyncpg.create_pool, init=listen))
    return sent


@pytest.fixture
async def api(database_url: str, sent: list[str]) -> AsyncIterator[Api]:
    async with running_api(database_url) as api:
        yield api


async def test_next_reads_the_whole_page_in_one_statement(api: Api, sent: list[str]):
    grace = await api.agent(await an_agent(api.database))
    await a_message(api.database, await a_conversation(api.database, await a_ticket(api.database)), "Where is it?")
    await grace.post("/v1/me/next")
    sent.clear()
    again = await grace.post("/v1/me/next")
    assert [entry["text"] for entry in again.json["transcript"]] == ["Where is it?"]
    assert CLAIM + PAGE <= len(sent) <= TOKEN + CLAIM + PAGE, sent


async def test_holder_who_reads_the_ticket_is_noted_in_one_round_trip(api: Api, sent: list[str]):
    agent = await an_agent(api.database)
    grace = await api.agent(agent)
    lease = await a_ticket(api.database, held_by=agent)
    await grace.get("/v1/me")
    sent.clear()
    assert (await grace.get(f"/v1/tickets/{lease.ticket_id}")).headers["ETag"] == f'"{lease}"'
    assert PAGE + SEEN <= len(sent) <= TOKEN + PAGE + SEEN, sent


async def test_batch_takes_as_many_round_trips_as_one_message(database_url: str, sent: list[str]):
    one = [messages.a_message()]
    many = [messages.a_message(messages.an_email(f"c{number % 20}@example.com")) for number in range(40)]
    async with connected(database_url, Metrics(CollectorRegistry()), size=1, name="test") as database:
        receiver = a_receiver(PostgresIntake(database))
        await receiver.take([MAILROOM.deliver(message) for message in many])  # which meets new groups of tickets, too
        for batch in (one, many):
            sent.clear()
            await receiver.take([MAILROOM.deliver(message) for message in batch])
            assert len(sent) == BATCH, sent
