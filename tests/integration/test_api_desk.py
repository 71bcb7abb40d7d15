"""The desk over HTTP: leases, bodies, and the answers to what cannot be."""

from typing import Any

import pytest

from router.domain.agent import Lease, Role
from tests.clients.api import Api, Caller
from tests.making.agents import an_agent
from tests.making.builders import a_conversation, a_ticket

WRITES: list[tuple[str, dict[str, Any]]] = [
    ("reply", {"text": "Hello."}),
    ("note", {"text": "Hello."}),
    ("transfer", {"queue": "expert"}),
    ("transfer", {"agent": "Grace"}),
    ("snooze", {}),
    ("resolve", {"read_up_to": 2**53}),
]
NOT_NOW: list[tuple[str, dict[str, Any], int]] = [
    ("finish", {}, 409),
    ("abandon", {}, 403),
    ("merge", {"into": 4_000_000}, 422),
]
BAD_BODIES: list[tuple[str, dict[str, Any], str]] = [
    ("reply", {}, "text"),
    ("reply", {"text": ""}, "text"),
    ("reply", {"text": " \n"}, "text"),
    ("reply", {"text": "\u200b \u2066\u2069"}, "text"),
    ("reply", {"text": 7}, "text"),
    ("reply", {"text": "a\x00b"}, "text"),
    ("reply", {"text": "\ud800"}, "text"),
    ("reply", {"text": "x" * 300_000}, "text"),
    ("reply", {"text": "Hello.", "conversation": 2**63}, "conversation"),
    ("reply", {"text": "Hello.", "conversation": 4_000_000_000}, "conversation"),
    ("reply", {"text": "Hello.", "conversation": True}, "conversation"),
    ("reply", {"text": "Hello.", "conversation": "1"}, "conversation"),
    ("reply", {"text": "Hello.", "read_up_to": "soon"}, "read_up_to"),
    ("note", {"text": "Hello.", "colour": "red"}, "colour"),
    ("transfer", {"queue": "nowhere"}, "queue"),
    ("transfer", {"queue": "expert", "note": ""}, "note"),
    ("transfer", {}, "queue"),
    ("transfer", {"queue": "general", "agent": "Grace"}, "queue"),
    ("transfer", {"agent": "Nobody"}, "agent"),
    ("snooze", {"until": "tomorrow"}, "until"),
    ("snooze", {"until": 0}, "until"),
    ("snooze", {"until": "0"}, "until"),
    ("snooze", {"until": "2030-01-01"}, "until"),
    ("snooze", {"until": "2030-01-01T00:00:00"}, "until"),
    ("snooze", {"until": "2001-01-01T00:00:00Z"}, "until"),
    ("snooze", {"until": "9999-12-31T23:59:59-23:00"}, "until"),
    ("snooze", {"read_up_to": "now"}, "read_up_to"),
    ("resolve", {"why": "done"}, "why"),
    ("resolve", {"read_up_to": "1"}, "read_up_to"),
    ("finish", {"why": "done"}, "why"),
    ("abandon", {"why": "left"}, "why"),
    ("merge", {}, "into"),
    ("merge", {"into": "1"}, "into"),
    ("merge", {"into": True}, "into"),
]


@pytest.fixture
async def grace(api: Api) -> Caller:
    return await api.agent(await an_agent(api.database))


@pytest.fixture
async def held(api: Api, grace: Caller) -> Lease:
    """A ticket that Grace holds, with a conversation."""
    lease = await a_ticket(api.database, held_by=await an_agent(api.database))
    await a_conversation(api.database, lease)
    return lease


@pytest.mark.parametrize(("write", "body"), WRITES)
async def test_holder_writes_under_the_lease(grace: Caller, held: Lease, write: str, body: dict[str, Any]):
    answer = await grace.post(f"/v1/tickets/{held.ticket_id}/{write}", lease=held, json=body)
    assert answer.status in {201, 204}


@pytest.mark.parametrize(("write", "body", "status"), NOT_NOW)
async def test_what_the_ticket_does_not_allow_is_answered_by_why(
    grace: Caller, held: Lease, write: str, body: dict[str, Any], status: int
):
    answer = await grace.post(f"/v1/tickets/{held.ticket_id}/{write}", lease=held, json=body)
    assert answer.status == status
    assert answer.json["detail"].endswith(".")


async def statuses(caller: Caller, ticket_id: int, lease: Lease | None) -> dict[str, int]:
    """How each write is answered."""
    return {
        write: (await caller.post(f"/v1/tickets/{ticket_id}/{write}", lease=lease, json=body)).status
        for write, body in (*WRITES, *((write, body) for write, body, _ in NOT_NOW))
    }


async def test_write_without_a_lease_is_428(grace: Caller, held: Lease):
    assert set((await statuses(grace, held.ticket_id, None)).values()) == {428}


async def test_write_under_a_stale_lease_is_409(grace: Caller, held: Lease):
    stale = Lease(held.ticket_id, held.epoch + 1)
    assert set((await statuses(grace, held.ticket_id, stale)).values()) == {409}


async def test_write_by_somebody_else_is_409(api: Api, held: Lease):
    alan = await api.agent(await an_agent(api.database, "Alan"))
    assert set((await statuses(alan, held.ticket_id, held)).values()) == {409}


async def test_write_to_another_teams_ticket_is_like_one_to_none(api: Api, held: Lease):
    alan = await api.agent(await an_agent(api.database, "Alan", teams=["specialists"]))
    other = await statuses(alan, held.ticket_id, held)
    missing = await statuses(alan, held.ticket_id + 1000, Lease(held.ticket_id + 1000, 1))
    assert other == missing
    assert set(other.values()) == {404}


async def test_admins_and_integrations_do_not_work_tickets(api: Api, held: Lease):
    for role in (Role.ADMIN, Role.INTEGRATION):
        assert set((await statuses(await api.caller(role), held.ticket_id, held)).values()) == {403}


async def test_lease_that_cannot_be_one_is_refused_by_name(grace: Caller, held: Lease):
    for lease in ("*", "7", "x.y", "0.1", "1.99999999999", "1.1.1"):
        answer = await grace.post(f"/v1/tickets/{held.ticket_id}/resolve", lease=lease)
        assert (lease, answer.status, answer.json["field"]) == (lease, 422, "If-Match")


async def test_lease_of_another_ticket_is_409(api: Api, grace: Caller, held: Lease):
    answer = await grace.post(f"/v1/tickets/{held.ticket_id + 1}/resolve", lease=held)
    assert answer.status == 409


async def test_resolve_needs_no_body(grace: Caller, held: Lease):
    assert (await grace.post(f"/v1/tickets/{held.ticket_id}/resolve", lease=held)).status == 204


@pytest.mark.parametrize("write", ["snooze", "resolve", "abandon", "merge"])
async def test_ticket_does_not_end_over_words_that_the_page_did_not_have(grace: Caller, held: Lease, write: str):
    body = {"read_up_to": 1, **({"into": held.ticket_id + 1} if write == "merge" else {})}
    answer = await grace.post(f"/v1/tickets/{held.ticket_id}/{write}", lease=held, json=body)
    assert (answer.status, "written since" in answer.json["detail"]) == (409, True)


async def test_bad_body_is_refused_by_field(grace: Caller, held: Lease):
    for write, body, field in BAD_BODIES:
        answer = await grace.post(f"/v1/tickets/{held.ticket_id}/{write}", lease=held, json=body)
        assert (body, answer.status, answer.json["field"]) == (body, 422, field)


async def test_reply_tells_the_message_and_whether_something_is_unread(grace: Caller, held: Lease):
    answer = await grace.post(f"/v1/tickets/{held.ticket_id}/reply", lease=held, json={"text": "Hello."})
    assert answer.status == 201
    assert set(answer.json) == {"message_id", "conversation_id", "customer_wrote_since_read"}
    assert answer.json["customer_wrote_since_read"] is False


async def test_transfer_to_an_unknown_queue_names_those_that_are_known(grace: Caller, held: Lease):
    answer = await grace.post(f"/v1/tickets/{held.ticket_id}/transfer", lease=held, json={"queue": "nowhere"})
    assert answer.json["detail"] == "queue is not known: choose one of expert, general."
