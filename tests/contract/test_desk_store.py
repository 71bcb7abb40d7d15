"""What every store of the desk must do, the fake as well as PostgreSQL."""

from datetime import timedelta

import pytest

from channels.message import OutboundMessage
from router.domain.agent import Agent, Lease
from router.domain.errors import Conflict
from router.domain.ticket import TicketNow, TicketState
from router.flow.assign.hold import Hold
from router.flow.work.compose import Addressed, MailIdentity, compose
from router.flow.work.desk import Replied
from tests.making.builders import ADA
from tests.making.center import Center
from tests.making.moments import HOUR, MINUTE, NOON

MAIL = MailIdentity(secret=b"sample secret", domain="mail.acme.example")


async def a_hold(center: Center, agent: Agent | None = None, **ticket: object) -> Hold:
    agent = agent or await center.agent()
    return Hold(agent=agent, lease=await center.ticket(held_by=agent, **ticket))


async def seen(center: Center, lease: Lease) -> TicketNow:
    async with center.desk.work() as work:
        found = await work.ticket(lease.ticket_id, None)
    assert found
    return found


async def addressed(center: Center, hold: Hold, conversation_id: int | None = None) -> Addressed | None:
    async with center.desk.work() as work:
        return await work.conversation(await seen(center, hold.lease), conversation_id)


async def reply(center: Center, hold: Hold, text: str = "Size 42.", *, read_up_to: int | None = None) -> Replied:
    async with center.desk.work() as work:
        ticket = await work.ticket(hold.lease.ticket_id, None)
        assert ticket
        to = await work.conversation(ticket, None)
        assert to
        return await work.reply(hold, ticket, compose(to, text, MAIL), read_up_to=read_up_to)


async def test_an_answer_goes_to_the_conversation_that_is_named(center: Center):
    hold = await a_hold(center)
    first, second = [await center.conversation(hold.lease) for _ in range(2)]
    for conversation_id in (first, second):
        to = await addressed(center, hold, conversation_id)
        assert to
        assert (to.conversation_id, to.channel, to.account) == (conversation_id, "email", "support@acme.example")
        assert (to.reply_to.value, to.subject) == (ADA.value, "Invoice 4711")


async def test_an_answer_goes_where_the_customer_wrote_last(center: Center):
    hold = await a_hold(center)
    first, second = [await center.conversation(hold.lease) for _ in range(2)]
    await center.conversation(hold.lease)
    await center.message(second, "One.")
    await center.message(first, "Two.")
    to = await addressed(center, hold)
    assert to
    assert to.conversation_id == first


async def test_an_answer_where_nobody_wrote_goes_to_the_latest_conversation(center: Center):
    hold = await a_hold(center)
    _, latest = [await center.conversation(hold.lease) for _ in range(2)]
    to = await addressed(center, hold)
    assert to
    assert to.conversation_id == latest


async def test_conversations_of_other_tickets_are_not_found(center: Center):
    hold = await a_hold(center)
    other = await center.conversation(await center.ticket())
    assert await addressed(center, hold, other) is None
    assert await addressed(center, hold) is None


async def test_a_mail_follows_those_before_it(center: Center):
    hold = await a_hold(center)
    conversation_id = await center.conversation(hold.lease)
    for name in ("first@mail.example", "second@mail.example"):
        await center.message(conversation_id, "Hello?", external_id=name)
    before = await addressed(center, hold)
    assert before
    await reply(center, hold)
    after = await addressed(center, hold)
    assert after
    assert (list(before.mail_ids), before.answers) == (
        ["first@mail.example", "second@mail.example"],
        "second@mail.example",
    )
    *earlier, ours = after.mail_ids
    assert (earlier, after.answers) == (list(before.mail_ids), before.answers)
    assert ours.endswith("@mail.acme.example")


async def test_a_reply_is_in_the_transcript_and_on_its_way(center: Center):
    hold = await a_hold(center)
    conversation_id = await center.conversation(hold.lease)
    await center.message(conversation_id, "Which size?")
    replied = await reply(center, hold)
    assert replied.conversation_id == conversation_id
    assert await center.messages(hold.lease.ticket_id) == [("in", "Which size?"), ("out", "Size 42.")]
    assert await center.outbox() == ["Size 42."]
    assert await center.history(hold.lease.ticket_id) == [("reply", "assigned", str(hold.actor), None)]


async def test_only_the_first_reply_stops_the_second_clock(center: Center):
    hold = await a_hold(center, waited=MINUTE)
    await center.conversation(hold.lease)
    first, second = [await reply(center, hold) for _ in range(2)]
    assert first.first_reply_after_s
    assert 60 <= first.first_reply_after_s < 120
    assert second.first_reply_after_s is None


async def test_a_reply_says_whether_the_customer_has_written_since_the_page_was_read(center: Center):
    hold = await a_hold(center)
    conversation_id = await center.conversation(hold.lease)
    read_up_to = (await seen(center, hold.lease)).read_up_to
    assert not (await reply(center, hold, read_up_to=read_up_to)).customer_wrote_since_read
    await center.message(conversation_id, "Wait!")
    assert (await reply(center, hold, read_up_to=read_up_to)).customer_wrote_since_read


async def test_without_a_page_the_last_answer_is_what_was_read(center: Center):
    hold = await a_hold(center)
    conversation_id = await center.conversation(hold.lease)
    await center.message(conversation_id, "Wait!")
    assert (await reply(center, hold)).customer_wrote_since_read
    assert not (await reply(center, hold)).customer_wrote_since_read


async def test_a_conversation_that_has_moved_is_not_answered(center: Center):
    hold = await a_hold(center)
    other = await a_hold(center, hold.agent)
    await center.conversation(hold.lease)
    async with center.desk.work() as work:
        to = await work.conversation(await seen(center, hold.lease), None)
    assert to
    answer: OutboundMessage = compose(to, "Hello.", MAIL)
    with pytest.raises(Conflict, match="moved on"):
        async with center.desk.work() as work:
            await work.reply(other, await seen(center, other.lease), answer, read_up_to=None)
    assert await center.outbox() == []


@pytest.mark.parametrize("until", [None, NOON])
async def test_a_snoozed_ticket_leaves_its_holder_and_is_reserved_for_them(center: Center, until):
    hold = await a_hold(center)
    before = await seen(center, hold.lease)
    async with center.desk.work() as work:
        await work.snooze(before, hold.actor, until)
    after = await seen(center, hold.lease)
    assert (after.state, after.assigned_to, after.epoch) == (TicketState.SNOOZED, None, before.epoch)
    assert after.wait == before.wait._replace(reserved_for=hold.agent.id)
    assert await center.history(hold.lease.ticket_id) == [("snooze", "snoozed", str(hold.actor), None)]


async def test_a_ticket_in_wrap_up_stays_with_its_holder(center: Center):
    hold = await a_hold(center)
    before = await seen(center, hold.lease)
    async with center.desk.work() as work:
        await work.wrap_up(before, hold.actor, timedelta(minutes=1))
    after = await seen(center, hold.lease)
    assert (after.state, after.assigned_to, after.wait) == (TicketState.WRAP_UP, hold.agent.id, before.wait)
    assert await center.history(hold.lease.ticket_id) == [("wrap_up", "wrap_up", str(hold.actor), None)]


async def test_a_merged_ticket_takes_its_words_and_conversations_along(center: Center):
    hold = await a_hold(center, waited=HOUR)
    into = await center.ticket()
    conversation_id = await center.conversation(hold.lease)
    await center.message(await center.conversation(into), "One.")
    await center.message(conversation_id, "Two.")
    async with center.desk.work() as work:
        left, taking = [await seen(center, lease) for lease in (hold.lease, into)]
        await work.lock_conversations(left)
        await work.note(left, hold.actor, "Three.")
        await work.merge(left, taking, hold.actor)
    assert await center.messages(hold.lease.ticket_id) == []
    assert await center.messages(into.ticket_id) == [("in", "One."), ("in", "Two."), ("note", "Three.")]
    assert (await seen(center, hold.lease)).state is TicketState.RESOLVED
    assert (await seen(center, into)).read_up_to == left.read_up_to
    assert await center.history(into.ticket_id) == [("merge", "queued", str(hold.actor), None)]
    async with center.desk.work() as work:
        to = await work.conversation(taking, conversation_id)
    assert to


async def test_what_the_holder_has_on_screen_is_seen_under_the_lease_alone(center: Center):
    hold = await a_hold(center)
    before = await seen(center, hold.lease)
    for lease in (hold.lease, Lease(hold.lease.ticket_id, 9), Lease(hold.lease.ticket_id + 1, 1)):
        await center.desk.see(Hold(agent=hold.agent, lease=lease))
    after = await seen(center, hold.lease)
    assert (after.state, after.assigned_to, after.epoch) == (before.state, before.assigned_to, before.epoch)
