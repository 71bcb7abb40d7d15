"""How often a request asks PostgreSQL: agents wait for each answer, and others for the connection meanwhile."""

from collections.abc import AsyncIterator
from functools import partial

import asyncpg
import pytest

from tests.api_client import Api, running_api
from tests.builders import a_conversation, a_message, a_ticket, an_agent

TOKEN = 1  # remembered for two seconds, so a slow test may ask again
CLAIM = 4
SEEN = 1
PAGE = 1


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
