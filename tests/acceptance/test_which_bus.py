"""One bus for a deployment: beside RabbitMQ, no process puts messages into the table, where nobody looks."""

import json

import pytest

from router.settings import Settings
from tests.acceptance.deployed import Frontdesk, deployed
from tests.clients.command_line import frontdesk as command

REFUSED = (
    "frontdesk: FRONTDESK_AMQP_URL: is not set, but this database is used with RabbitMQ: set it as for the other "
    "processes, or, to do without RabbitMQ from now on, run `frontdesk bus table`\n"
)
MESSAGE = json.dumps(
    {
        "id": "1",
        "channel": "chat",
        "provider": "webchat",
        "account": "shop.example",
        "from": {"kind": "user", "value": "v-1"},
        "sent_at": "2026-03-01T09:30:00Z",
        "text": "Is anybody there?",
    }
).encode()


@pytest.fixture
def without_broker(settings: Settings) -> Settings:
    return Settings(database_url=settings.database_url, http_port=0)


@pytest.mark.parametrize("arguments", [("up",), ("api",), ("intake",), ("deliver",), ("send", "-")], ids=" ".join)
async def test_beside_rabbitmq_nothing_starts_that_would_use_the_table(
    frontdesk: Frontdesk, without_broker: Settings, arguments: tuple[str, ...]
):
    ended = command(*arguments, settings=without_broker, stdin=MESSAGE)
    assert (ended.status, ended.out, ended.err) == (1, "", REFUSED)
    assert await frontdesk.warnings() == []


async def test_on_purpose_the_table_is_the_bus_again_until_the_next_start_with_rabbitmq(
    settings: Settings, without_broker: Settings
):
    async with deployed(settings):
        pass
    told = command("bus", "table", settings=without_broker)
    assert told.out == "the bus is now the table in PostgreSQL; messages still in RabbitMQ stay there\n"
    assert command("send", "-", settings=without_broker, stdin=MESSAGE).out.startswith("confirmed\n")

    async with deployed(settings) as frontdesk:
        [warning] = await frontdesk.warnings()
        assert warning == "bus: the table in PostgreSQL holds messages that nobody fetches: see docs/operations.md"
    assert command("send", "-", settings=without_broker, stdin=MESSAGE).err == REFUSED
