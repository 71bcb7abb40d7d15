"""An integration hands in messages and asks what became of them."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from yarl import URL

from channels.schema import EXAMPLE
from router.domain.agent import Role
from tests.clients.api import Api, Caller

INSERT_RECEIVED = """
insert into received (channel, account, external_id, fingerprint, received_at, outcome, ticket_id)
values ($1, $2, $3, '', $4, $5, $6)"""
INSERT_UNPROCESSABLE = """
insert into unprocessable (stage, reason, detail, format, account, channel, external_id, body, hash)
values ('receive', 'key_conflict', 'another message came under this key', 'message.v1', $1, $2, $3, '', '')"""
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
async def integration(api: Api) -> Caller:
    return await api.caller(Role.INTEGRATION)


def message(**changed: Any) -> dict[str, Any]:
    return EXAMPLE | changed


async def test_accepted_message_is_on_the_bus(api: Api, integration: Caller):
    answer = await integration.post("/v1/messages", json=message())
    assert answer.status == 202
    [row] = await api.database.fetch("test", "select routing_key, format, account from bus_delivery")
    assert tuple(row) == ("email.message.v1", "message.v1", "support@acme.example")


async def test_message_on_its_way_is_not_found_yet(integration: Caller):
    accepted = await integration.post("/v1/messages", json=message())
    answer = await integration.get(accepted.json["status_url"])
    assert answer.status == 404
    assert "still be on its way" in answer.json["detail"]


@pytest.mark.parametrize(
    ("account", "external_id"),
    [
        ("support@acme.example", "c7f3-0001"),
        ("page/7", "a/b/c"),
        ("page%2F7", "100%"),
        ("Straße 7", "😀?x=1#y"),
        ("+4930999", "<id+1@example.com>"),
        ("a" * 255, "é" * 512),
    ],
)
async def test_status_url_leads_to_what_became_of_the_message(
    api: Api, integration: Caller, account: str, external_id: str
):
    bare = external_id.strip("<>")  # as a Message-ID is stored
    await api.database.execute("test", INSERT_RECEIVED, "chat", account, bare, AT, "queued", 7)
    sender = {"kind": "user", "value": "u-1"}
    accepted = await integration.post(
        "/v1/messages", json=message(id=external_id, account=account, channel="chat", **{"from": sender, "also": []})
    )
    assert accepted.status == 202
    answer = await integration.get(URL(accepted.json["status_url"], encoded=True))
    assert (answer.status, answer.json["outcome"], answer.json["ticket_id"]) == (200, "queued", 7)
    assert answer.json["unprocessable"] is None


async def test_an_erased_message_is_said_to_be_erased_until_it_is_sent_again(api: Api, integration: Caller):
    key = ("email", "support@acme.example")
    erased = f"sha256:{hashlib.sha256(b'1@x.example').hexdigest()}"
    await api.database.execute("test", INSERT_RECEIVED, *key, erased, AT, "queued", 7)
    answer = await integration.get("/v1/messages/email/support@acme.example/1@x.example")
    assert (answer.status, answer.json["outcome"], answer.json["ticket_id"]) == (200, "erased", 7)
    await api.database.execute("test", INSERT_RECEIVED, *key, "1@x.example", AT, "queued", 8)
    answer = await integration.get("/v1/messages/email/support@acme.example/1@x.example")
    assert (answer.json["outcome"], answer.json["ticket_id"]) == ("queued", 8)


async def test_an_id_is_compared_as_it_was_stored(api: Api, integration: Caller):
    await api.database.execute("test", INSERT_RECEIVED, "email", "support@acme.example", "1@x.example", AT, "queued", 7)
    assert (await integration.get("/v1/messages/email/support@acme.example/%3C1@x.example%3E")).status == 200


async def test_account_is_compared_as_it_was_stored(api: Api, integration: Caller):
    await api.database.execute("test", INSERT_RECEIVED, "email", "support@acme.example", "1", AT, "queued", 7)
    assert (await integration.get("/v1/messages/email/Support@ACME.example/1")).status == 200


async def test_unprocessable_message_says_stage_and_reason(api: Api, integration: Caller):
    await api.database.execute("test", INSERT_UNPROCESSABLE, "support@acme.example", "email", "1")
    answer = await integration.get("/v1/messages/email/support@acme.example/1")
    assert (answer.status, answer.json["outcome"]) == (200, "unprocessable")
    refusal = answer.json["unprocessable"]
    assert (refusal["stage"], refusal["reason"]) == ("receive", "key_conflict")


async def test_further_messages_of_a_payload_say_their_own_reason_until_it_is_replayed(api: Api, integration: Caller):
    await api.database.execute("test", INSERT_UNPROCESSABLE, "2001", "social", "1")
    further = (
        "insert into unprocessable_message select id, 'social', '2001', '2', 'from: is missing' from unprocessable"
    )
    await api.database.execute("test", further)
    answer = await integration.get("/v1/messages/social/2001/2")
    refusal = answer.json["unprocessable"]
    assert (refusal["reason"], refusal["detail"]) == ("key_conflict", "from: is missing")
    await api.database.execute("test", "update unprocessable set replayed_at = now()")
    assert (await integration.get("/v1/messages/social/2001/2")).status == 404


async def test_second_message_under_a_key_does_not_hide_the_first(api: Api, integration: Caller):
    await api.database.execute("test", INSERT_RECEIVED, "email", "support@acme.example", "1", AT, "queued", 7)
    await api.database.execute("test", INSERT_UNPROCESSABLE, "support@acme.example", "email", "1")
    answer = await integration.get("/v1/messages/email/support@acme.example/1")
    assert (answer.json["outcome"], answer.json["unprocessable"]["reason"]) == ("queued", "key_conflict")


@pytest.mark.parametrize("role", [Role.INTEGRATION, Role.ADMIN])
async def test_integrations_and_admins_hand_in_messages(api: Api, role: Role):
    assert (await (await api.caller(role)).post("/v1/messages", json=message())).status == 202
