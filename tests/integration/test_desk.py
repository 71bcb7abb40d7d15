"""What agents do with the tickets they hold, on a real PostgreSQL."""

import asyncio
from datetime import timedelta

import pytest
from pydantic import TypeAdapter

from channels.message import Channel, Handle, HandleKind, OutboundMessage
from router.domain.actor import OPERATOR
from router.domain.agent import Agent, Lease
from router.domain.customer import Contact, ContactOutcome, CustomerId
from router.domain.errors import Conflict, Invalid, NotFound
from router.domain.mail_token import read_token
from router.flow.assign.hold import Hold
from router.flow.work.transfer import Destination
from router.postgres.work.customers import PostgresCustomers
from tests.clients.api import SECRET, Api
from tests.making.agents import an_agent
from tests.making.builders import ADA, a_conversation, a_customer, a_message, a_ticket
from tests.making.holds import a_hold, history, page
from tests.making.moments import NOON
from tests.watching.waiting import waiting_for_locks

REPLY_V1 = TypeAdapter(OutboundMessage)
PHONE = Handle(kind=HandleKind.PHONE, value="+493012345678")


async def outbox(api: Api) -> list[tuple[str, OutboundMessage]]:
    rows = await api.database.fetch("test", "select routing_key, body from outbox order by id")
    return [(row["routing_key"], REPLY_V1.validate_json(row["body"])) for row in rows]


async def test_reply_is_in_the_transcript_and_on_its_way(api: Api, grace: Agent):
    hold = await a_hold(api, grace, channel="sms")
    conversation = await a_conversation(api.database, hold.lease, channel="sms", account="+4930999", reply_to=PHONE)
    replied = await api.desk.reply(hold, "It is on its way.")
    assert await outbox(api) == [
        (
            "sms.reply",
            OutboundMessage(
                message_id=replied.message_id,
                conversation_id=conversation,
                channel=Channel.SMS,
                provider="acme",
                account="+4930999",
                to=PHONE,
                text="It is on its way.",
            ),
        )
    ]
    [entry] = (await page(api, hold)).transcript
    assert (entry.id, entry.direction, entry.author, entry.text) == (
        replied.message_id,
        "out",
        "Grace",
        "It is on its way.",
    )
    ids = {"message": replied.message_id, "conversation": conversation}
    assert await history(api, hold) == [("reply", "assigned", f"agent:{grace.id}", ids)]


async def test_mail_carries_our_token_and_its_ancestors(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    conversation = await a_conversation(api.database, hold.lease, thread_key="root@example.com")
    await a_message(api.database, conversation, external_id="root@example.com", sent_at=NOON)
    await a_message(api.database, conversation, external_id="second@example.com", sent_at=NOON + timedelta(hours=1))
    await a_message(api.database, conversation, external_id="sha256:00", sent_at=NOON + timedelta(hours=2))
    await api.desk.reply(hold, "First answer.")
    await api.desk.reply(hold, "Second answer.")
    first, second = [answer for _, answer in await outbox(api)]
    assert (first.subject, first.to.value) == ("Re: Invoice 4711", ADA.value)
    assert first.in_reply_to == second.in_reply_to == "second@example.com"
    assert first.references == ("root@example.com", "second@example.com")
    assert second.references == ("root@example.com", "second@example.com", first.token_id)
    assert first.token_id is not None
    assert first.token_id.endswith("@mail.acme.example")
    assert read_token(SECRET, first.token_id) == (conversation, first.message_id)


async def test_answer_to_our_mail_leads_to_its_conversation(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    conversation = await a_conversation(api.database, hold.lease)
    await api.desk.reply(hold, "Here it is.")
    [(_, answer)] = await outbox(api)
    [row] = await api.database.fetch("test", "select account, message_id, conversation_id from mail_reference")
    assert tuple(row) == ("support@acme.example", answer.token_id, conversation)


async def test_reply_goes_where_the_customer_wrote_last(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    mail = await a_conversation(api.database, hold.lease, reply_to=ADA)
    sms = await a_conversation(api.database, hold.lease, channel="sms", account="+4930999", reply_to=PHONE)
    await a_message(api.database, sms)
    await a_message(api.database, mail)
    await api.desk.reply(hold, "By mail.")
    await a_message(api.database, sms)
    await api.desk.reply(hold, "By SMS.")
    await api.desk.reply(hold, "By mail again.", conversation_id=mail)
    assert [(answer.to.value, answer.text) for _, answer in await outbox(api)] == [
        (ADA.value, "By mail."),
        (PHONE.value, "By SMS."),
        (ADA.value, "By mail again."),
    ]


async def test_last_written_is_what_came_last_though_its_id_was_reserved_before(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    mail = await a_conversation(api.database, hold.lease, reply_to=ADA)
    sms = await a_conversation(api.database, hold.lease, channel="sms", account="+4930999", reply_to=PHONE)
    await a_message(api.database, sms, message_id=1001)
    await a_message(api.database, mail, message_id=1000)
    await api.desk.reply(hold, "By mail.")
    assert [answer.to.value for _, answer in await outbox(api)] == [ADA.value]


async def test_reply_in_a_conversation_of_another_ticket_is_refused(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    elsewhere = await a_conversation(api.database, await a_ticket(api.database))
    with pytest.raises(Invalid, match="conversation"):
        await api.desk.reply(hold, "Hello?", conversation_id=elsewhere)
    assert await outbox(api) == []


async def test_an_erased_customer_cannot_be_answered(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    await a_conversation(api.database, hold.lease)
    erased = (await page(api, hold)).ticket.customer_id
    await PostgresCustomers(api.database).erase(OPERATOR, CustomerId(erased))
    with pytest.raises(Conflict, match="it is resolved"):
        await api.desk.reply(hold, "Dear customer")
    assert await outbox(api) == []


async def test_reply_says_whether_the_customer_has_written_since_the_page_was_read(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    conversation = await a_conversation(api.database, hold.lease)
    await a_message(api.database, conversation)
    read = (await page(api, hold)).read_up_to
    assert not (await api.desk.reply(hold, "One.", read_up_to=read)).customer_wrote_since_read
    await a_message(api.database, conversation, "Wait!")
    assert (await api.desk.reply(hold, "Two.", read_up_to=read)).customer_wrote_since_read


async def test_message_recorded_after_the_page_counts_though_its_id_was_reserved_before(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    conversation = await a_conversation(api.database, hold.lease)
    await a_message(api.database, conversation, message_id=1001)
    read = (await page(api, hold)).read_up_to
    await a_message(api.database, conversation, "From another process", message_id=1000)
    assert (await api.desk.reply(hold, "One.", read_up_to=read)).customer_wrote_since_read


async def test_without_a_page_the_last_answer_is_what_was_read(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    conversation = await a_conversation(api.database, hold.lease)
    await api.desk.reply(hold, "One.")
    assert not (await api.desk.reply(hold, "Two.")).customer_wrote_since_read
    await a_message(api.database, conversation, "Wait!")
    assert (await api.desk.reply(hold, "Three.")).customer_wrote_since_read


async def test_only_the_first_reply_stops_the_second_clock(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    await a_conversation(api.database, hold.lease)
    for text in ("One.", "Two."):
        await api.desk.reply(hold, text)
    assert api.counted("router_first_reply_seconds_count", queue="general", channel="email") == 1


async def test_note_is_for_agents_only(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    message_id = await api.desk.note(hold, "Is a friend of the house.")
    [entry] = (await page(api, hold)).transcript
    assert (entry.id, entry.direction, entry.text) == (message_id, "note", "Is a friend of the house.")
    assert await outbox(api) == []
    assert await history(api, hold) == [("note", "assigned", f"agent:{grace.id}", {"message": message_id})]


async def test_transferred_ticket_begins_a_new_wait_with_its_target(api: Api, grace: Agent):
    hold = await a_hold(api, grace, target=timedelta(minutes=30))
    await api.desk.transfer(hold, Destination(queue="expert", note="Needs a lawyer."))
    moved = await page(api, hold)
    ticket = moved.ticket
    assert (ticket.state, ticket.queue, ticket.team, ticket.assigned_to) == ("queued", "expert", "specialists", None)
    assert ticket.enqueued_at > NOON
    assert ticket.due_at - ticket.enqueued_at == timedelta(minutes=30)
    assert [entry.text for entry in moved.transcript] == ["Needs a lawyer."]
    kind, state, _, data = (await history(api, hold))[-1]
    assert (kind, state, data["reason"], data["queue"]) == ("queue", "queued", "transferred", "expert")
    assert api.counted("router_tickets_queued_total", queue="expert", channel="email", reason="transferred") == 1


async def test_transferred_ticket_comes_to_an_agent_of_the_other_team(api: Api, grace: Agent):
    alan = await api.agent(await an_agent(api.database, "Alan", teams=["specialists"]))
    hold = await a_hold(api, grace)
    await api.desk.transfer(hold, Destination(queue="expert"))
    assert (await alan.post("/v1/me/next")).json["lease"] == str(Lease(hold.lease.ticket_id, 2))


@pytest.mark.parametrize(("team_speaks", "kept"), [(["de"], ["de"]), ([], [])])
async def test_skills_go_along_with_a_transfer_if_somebody_there_has_them(
    api: Api, grace: Agent, team_speaks: list[str], kept: list[str]
):
    await an_agent(api.database, "Alan", teams=["specialists"], skills=team_speaks)
    hold = await a_hold(api, grace, skills=("de",))
    await api.desk.transfer(hold, Destination(queue="expert"))
    assert (await page(api, hold)).decision.skills == kept


async def test_transfer_to_a_queue_that_does_not_exist_names_those_that_do(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    with pytest.raises(Invalid, match="expert, general"):
        await api.desk.transfer(hold, Destination(queue="nowhere", note="Nobody will read this."))
    assert (await page(api, hold)).transcript == []


async def test_resolved_ticket_is_remembered_in_the_customers_digest(api: Api, grace: Agent):
    customer = await a_customer(api.database, ADA)
    hold = await a_hold(api, grace, customer_id=customer)
    contact = Contact(at=NOON, channel="email", queue="general", ticket_id=hold.lease.ticket_id)
    await api.database.execute("test", "update customer set contacts = $1 where id = $2", [contact.encode()], customer)
    await api.desk.resolve(hold)
    ended = await page(api, hold)
    assert (ended.ticket.state, ended.ticket.assigned_to, ended.ticket.resolved_at is None) == ("resolved", None, False)
    assert [contact.outcome for contact in ended.customer.contacts] == [ContactOutcome.RESOLVED]
    assert ended.customer.open_tickets == []
    [row] = await api.database.fetch("test", "select last_agent_id from customer where id = $1", customer)
    assert row["last_agent_id"] == grace.id
    assert [event[:2] for event in await history(api, hold)] == [("resolve", "resolved")]
    assert api.counted("router_tickets_resolved_total", queue="general", channel="email") == 1


async def test_two_tickets_of_a_customer_resolved_at_the_same_time_are_both_in_the_digest(api: Api, grace: Agent):
    customer = await a_customer(api.database, ADA)
    alan = await an_agent(api.database, "Alan")
    holds = [await a_hold(api, agent, customer_id=customer) for agent in (grace, alan)]
    contacts = [
        Contact(at=NOON, channel="email", queue="general", ticket_id=hold.lease.ticket_id).encode() for hold in holds
    ]
    await api.database.execute("test", "update customer set contacts = $1 where id = $2", contacts, customer)
    async with asyncio.TaskGroup() as both, api.database.transaction("test") as connection:
        await connection.execute("select from customer where id = $1 for update", customer)
        for hold in holds:
            both.create_task(api.desk.resolve(hold))
        await waiting_for_locks(api.database, count=2)
    digest = (await page(api, holds[0])).customer.contacts
    assert [contact.outcome for contact in digest] == [ContactOutcome.RESOLVED] * 2


async def test_of_two_writes_that_end_the_same_lease_one_wins(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    ends = await asyncio.gather(
        api.desk.resolve(hold), api.desk.transfer(hold, Destination(queue="expert")), return_exceptions=True
    )
    assert sum(end is None for end in ends) == 1
    assert sum(isinstance(end, Conflict) for end in ends) == 1
    assert len(await history(api, hold)) == 1


async def test_lease_is_over_once_the_ticket_has_moved_on(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    await a_conversation(api.database, hold.lease)
    await api.desk.resolve(hold)
    for late in (
        api.desk.reply(hold, "Late."),
        api.desk.note(hold, "Late."),
        api.desk.transfer(hold, Destination(queue="expert")),
        api.desk.resolve(hold),
    ):
        with pytest.raises(Conflict):
            await late
    assert (await page(api, hold)).transcript == []


async def test_lease_of_an_earlier_assignment_is_stale(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    await api.desk.transfer(hold, Destination(queue="general"))
    caller = await api.agent(grace)
    renewed = (await caller.post("/v1/me/next?wait=5")).json["lease"]
    with pytest.raises(Conflict, match="earlier"):
        await api.desk.note(hold, "Late.")
    await api.desk.note(Hold(agent=grace, lease=Lease.parse(renewed)), "In time.")


async def test_ticket_of_another_team_is_not_there(api: Api, grace: Agent):
    alan = await an_agent(api.database, "Alan", teams=["specialists"])
    theirs = await a_ticket(api.database, queue="expert", team="specialists", held_by=alan)
    with pytest.raises(NotFound):
        await api.desk.note(Hold(agent=grace, lease=theirs), "Hello.")
