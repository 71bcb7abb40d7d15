"""An agent asks for the next ticket and gets it with the details on hand."""

import asyncio
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from channels.message import Handle, HandleKind
from router.domain.agent import Role
from router.domain.customer import Contact, ContactOutcome
from tests.clients.api import Api, running_api
from tests.making.agents import an_agent
from tests.making.builders import ADA, a_conversation, a_customer, a_message, a_ticket
from tests.making.moments import NOON


async def test_next_gives_the_ticket_with_its_lease_and_the_reasons(api: Api):
    grace = await api.agent(await an_agent(api.database))
    lease = await a_ticket(api.database)
    answer = await grace.post("/v1/me/next?wait=5")
    assert answer.status == 200
    assert answer.headers["ETag"] == f'"{lease}"'
    assert answer.json["lease"] == str(lease)
    assert answer.json["ticket"]["state"] == "assigned"
    assert answer.json["decision"] == {
        "complexity": "simple",
        "probability": 0.25,
        "reasons": [{"signal": "legal", "weight": 2.0, "words": "mentions a lawyer"}],
        "language": None,
        "route": "rest",
        "policy_version": "v1",
        "skills": [],
        "target_s": 14400,
    }


async def test_an_agent_who_is_busy_is_told_what_to_do(api: Api):
    grace = await api.agent(await an_agent(api.database))
    await a_ticket(api.database)
    await grace.put("/v1/me/presence", json={"status": "busy"})
    answer = await grace.post("/v1/me/next?wait=5")
    assert answer.status == 403
    assert answer.json["detail"] == "Your status is busy: set it to available to get tickets."


async def test_next_shows_the_transcript_in_the_order_in_which_it_arrived(api: Api):
    grace = await api.agent(await an_agent(api.database))
    lease = await a_ticket(api.database)
    conversation = await a_conversation(api.database, lease)
    first = await a_message(api.database, conversation, "first", sent_at=NOON)
    dated_2018 = await a_message(api.database, conversation, "second", sent_at=NOON.replace(year=2018))
    page = (await grace.post("/v1/me/next")).json
    shown = [(entry["id"], entry["text"], entry["sent_at"]) for entry in page["transcript"]]
    assert shown == [(first, "first", "2026-03-02T12:00:00Z"), (dated_2018, "second", "2018-03-02T12:00:00Z")]
    assert page["transcript"][0]["received_at"] <= page["transcript"][1]["received_at"]
    assert page["conversations"][0]["reply_to"]["value"] == ADA.value


async def test_next_shows_the_last_fifty_messages(api: Api):
    grace = await api.agent(await an_agent(api.database))
    conversation = await a_conversation(api.database, await a_ticket(api.database))
    for minute in range(55):
        await a_message(api.database, conversation, str(minute), sent_at=NOON + timedelta(minutes=minute))
    page = (await grace.post("/v1/me/next")).json
    assert [entry["text"] for entry in page["transcript"]] == [str(minute) for minute in range(5, 55)]
    assert page["transcript_before"].endswith(f".{page['transcript'][0]['id']}")


async def test_times_are_utc_wherever_the_server_is(api: Api, database_url: str):
    lease = await a_ticket(api.database)
    await a_message(api.database, await a_conversation(api.database, lease), "at noon", sent_at=NOON)
    name = urlsplit(database_url).path.removeprefix("/")
    await api.database.execute("test", f"alter database {name} set timezone to 'Asia/Tokyo'")
    async with running_api(database_url) as elsewhere:
        grace = await elsewhere.agent(await an_agent(elsewhere.database))
        page = (await grace.post("/v1/me/next")).json
    assert page["transcript"][0]["sent_at"] == page["customer"]["created_at"] == "2026-03-02T12:00:00Z"


async def test_next_shows_contacts_on_every_channel_and_subjects_of_own_teams_only(api: Api):
    grace = await api.agent(await an_agent(api.database))
    phone = Handle(kind=HandleKind.PHONE, value="+493012345678")
    customer = await a_customer(api.database, ADA, phone)
    own = await a_ticket(api.database, customer_id=customer, subject="ours")
    other = await a_ticket(api.database, customer_id=customer, queue="expert", team="specialists", subject="theirs")
    contacts = [
        Contact(at=NOON, channel="sms", queue="expert", ticket_id=other.ticket_id),
        Contact(at=NOON + timedelta(hours=1), channel="email", queue="general", ticket_id=own.ticket_id),
    ]
    encoded = [contact.encode() for contact in contacts]
    await api.database.execute("test", "update customer set contacts = $1 where id = $2", encoded, customer)
    answer = await grace.post("/v1/me/next")
    shown = answer.json["customer"]
    assert [handle["value"] for handle in shown["handles"]] == [ADA.value, phone.value]
    assert [(c["channel"], c["queue"], c["outcome"], c["ticket_id"], c["subject"]) for c in shown["contacts"]] == [
        ("email", "general", ContactOutcome.OPEN, own.ticket_id, "ours"),
        ("sms", "expert", ContactOutcome.OPEN, None, None),
    ]
    assert [line["id"] for line in shown["open_tickets"]] == [own.ticket_id]
    assert [(c["channel"], c["queue"]) for c in shown["open_elsewhere"]] == [("sms", "expert")]
    assert "theirs" not in str(answer.json)


async def test_next_repeats_a_ticket_until_its_agent_has_read_it(api: Api):
    grace = await api.agent(await an_agent(api.database))
    first = await a_ticket(api.database, enqueued_at=NOON)
    second = await a_ticket(api.database, enqueued_at=NOON + timedelta(hours=1))
    assert [(await grace.post("/v1/me/next")).json["lease"] for _ in range(2)] == [str(first), str(first)]
    await grace.get(f"/v1/tickets/{first.ticket_id}")
    assert (await grace.post("/v1/me/next")).json["lease"] == str(second)


async def test_next_answers_204_when_nothing_is_waiting_for_the_agents_teams(api: Api):
    grace = await api.agent(await an_agent(api.database))
    await a_ticket(api.database, queue="expert", team="specialists")
    answer = await grace.post("/v1/me/next?wait=0")
    assert (answer.status, answer.json) == (204, None)


ENDS_WITHIN_S = 5
END = {
    "revoked": "update token set revoked_at = now() where name = $1",
    "expired": "update token set expires_at = now() where name = $1",
}


@pytest.mark.parametrize("how", END)
async def test_a_wait_ends_with_its_token_and_is_given_nothing(api: Api, how: str):
    agent = await an_agent(api.database)
    waiting = asyncio.create_task((await api.agent(agent)).post("/v1/me/next?wait=60"))
    async with asyncio.timeout(10):
        while not await api.database.fetch("test", "select from presence where agent_id = $1", agent.id):
            await asyncio.sleep(0.01)
    await api.database.execute("test", END[how], f"agent {agent.name}")
    ticket = await a_ticket(api.database)
    async with asyncio.timeout(ENDS_WITHIN_S):
        answer = await waiting
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
    [row] = await api.database.fetch("test", "select state from ticket where id = $1", ticket.ticket_id)
    assert row["state"] == "queued"


async def test_wait_out_of_range_is_refused_by_name(api: Api):
    grace = await api.agent(await an_agent(api.database))
    for wait in ("61", "-1", "soon", "nan", "inf", "1e400"):
        answer = await grace.post(f"/v1/me/next?wait={wait}")
        assert (wait, answer.status, answer.json["field"]) == (wait, 422, "wait")


async def test_my_tickets_are_those_that_i_hold_with_their_leases(api: Api):
    agent = await an_agent(api.database)
    grace = await api.agent(agent)
    mine = await a_ticket(api.database, held_by=agent)
    await a_ticket(api.database)
    await a_ticket(api.database, held_by=await an_agent(api.database, "Alan"))
    answer = await grace.get("/v1/me/tickets")
    assert [line["lease"] for line in answer.json["tickets"]] == [str(mine)]


async def test_only_persons_ask_for_tickets(api: Api):
    answers = [
        await (await api.caller(Role.ADMIN)).post("/v1/me/next"),
        await (await api.caller(Role.INTEGRATION)).post("/v1/me/next"),
        await api.nobody().post("/v1/me/next"),
    ]
    assert [answer.status for answer in answers] == [403, 403, 401]
    assert answers[2].headers["WWW-Authenticate"] == "Bearer"
