"""Messages over HTTP: accepted once durable, turned away when too many are on their way."""

import asyncio
import json
import threading

import pytest

from channels import formats
from channels.message import Parsed
from channels.schema import EXAMPLE
from router.domain.errors import BusUnavailable
from router.flow.run.bus import Exchange, Publication
from tests.fakes.publisher import FakePublisher, SlowPublisher
from tests.unit.api.doubles import INTEGRATION, an_app

HEADERS = {"Authorization": f"Bearer {INTEGRATION}", "Content-Type": "application/json; charset=utf-8"}
DEADLINE_S = 10


def message(**changed: object) -> bytes:
    return json.dumps(EXAMPLE | changed).encode()


class Unreachable(FakePublisher):
    async def publish(self, publication: Publication) -> None:
        raise BusUnavailable("the broker did not confirm within 10 s")


async def test_message_is_published_as_it_came():
    publisher = FakePublisher()
    async with an_app(publisher) as client, client.post("/v1/messages", data=message(), headers=HEADERS) as answer:
        assert answer.status == 202
        assert await answer.json() == {
            "channel": "email",
            "account": "support@acme.example",
            "id": "c7f3-0001",
            "status_url": "/v1/messages/email/support%40acme.example/c7f3-0001",
        }
    [published] = publisher.published
    assert (published.exchange, published.routing_key, published.format, published.account, published.body) == (
        Exchange.INBOUND,
        "email.message.v1",
        "message.v1",
        "support@acme.example",
        message(),
    )


async def test_account_too_long_for_the_bus_travels_in_the_message_alone():
    publisher, body = FakePublisher(), message(account="é" * 255)
    async with an_app(publisher) as client, client.post("/v1/messages", data=body, headers=HEADERS) as answer:
        assert answer.status == 202
    assert [(published.account, published.body) for published in publisher.published] == [(None, body)]


async def test_message_that_the_bus_did_not_confirm_is_not_accepted():
    async with an_app(Unreachable()) as client, client.post("/v1/messages", data=message(), headers=HEADERS) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def test_message_is_turned_away_while_too_many_are_on_their_way():
    publisher = SlowPublisher()
    async with an_app(publisher, max_in_flight=1) as client, asyncio.timeout(DEADLINE_S):
        first = asyncio.create_task(client.post("/v1/messages", data=message(), headers=HEADERS))
        await publisher.asked.wait()
        async with client.post("/v1/messages", data=message(), headers=HEADERS) as turned_away:
            assert (turned_away.status, turned_away.headers["Retry-After"]) == (429, "1")
        publisher.confirm.set()
        assert (await first).status == 202
        async with client.post("/v1/messages", data=message(), headers=HEADERS) as answer:
            assert answer.status == 202


async def test_large_message_holds_up_no_other_request(monkeypatch: pytest.MonkeyPatch):
    others_are_answered, parse = threading.Event(), formats.parse

    def slow(name: str, raw: bytes, account: str | None) -> Parsed:
        assert others_are_answered.wait(DEADLINE_S)
        return parse(name, raw, account)

    monkeypatch.setattr(formats, "parse", slow)
    async with an_app(FakePublisher()) as client, asyncio.timeout(DEADLINE_S):
        large = asyncio.create_task(client.post("/v1/messages", data=message(html="x" * 100_000), headers=HEADERS))
        async with client.get("/health/live") as live:
            assert live.status == 200
        others_are_answered.set()
        assert (await large).status == 202
