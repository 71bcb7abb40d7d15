"""How work on a ticket pauses, moves and ends at the desk, on a real PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from router.domain.agent import Agent, Lease
from router.domain.customer import Contact, ContactOutcome
from router.domain.errors import Conflict, Invalid, NotFound, Refused
from router.flow.assign.hold import Hold
from router.flow.work.transfer import Destination
from tests.clients.api import Api
from tests.making.agents import an_agent
from tests.making.builders import ADA, a_conversation, a_customer, a_message, a_ticket
from tests.making.holds import a_hold, history, page, row
from tests.making.moments import HOUR, NOON
from tests.watching.lives import illegal_changes
from tests.watching.waiting import waiting_for_locks

POLICY = """
teams:
  frontline: {takes: simple, overflow_to: [specialists]}
  specialists: {takes: complex}
queues:
  general: {team: frontline}
  live: {team: frontline, mode: push, wrap_up: 60s, abandon: true}
  expert: {team: specialists, sticky_for: 5m}
routes:
  - {name: complex, when: {complexity: complex}, queue: expert, target: 8h}
  - {name: rest, queue: general, target: 4h, relax: [{after: 30m, target: 5m}]}
triage: {bias: -1}
"""


async def now(api: Api) -> datetime:
    [found] = await api.database.fetch("test", "select now()")
    moment: datetime = found["now"]
    return moment


async def a_contact(api: Api, hold: Hold) -> None:
    """The digest of the ticket's customer has one contact, which led to the ticket."""
    contact = Contact(at=NOON, channel="email", queue="general", ticket_id=hold.lease.ticket_id)
    await api.database.execute(
        "test",
        "update customer set contacts = $1 where id = (select customer_id from ticket where id = $2)",
        [contact.encode()],
        hold.lease.ticket_id,
    )


async def outcomes(api: Api, hold: Hold) -> list[tuple[int | None, ContactOutcome]]:
    return [(contact.ticket_id, contact.outcome) for contact in (await page(api, hold)).customer.contacts]


async def test_snoozed_ticket_leaves_its_holder_and_remembers_them(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    until = await now(api) + HOUR
    await api.desk.snooze(hold, until=until)
    ticket = await row(api, hold.lease.ticket_id)
    assert (ticket["state"], ticket["assigned_to"], ticket["state_until"]) == ("snoozed", None, until)
    assert (ticket["reserved_for"], ticket["reserved_until"]) == (grace.id, None)
    kind, state, actor, data = (await history(api, hold))[-1]
    assert (kind, state, actor, data["agent"]) == ("snooze", "snoozed", f"agent:{grace.id}", grace.id)


async def test_ticket_snoozed_without_a_date_waits_for_the_customer_alone(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    await api.desk.snooze(hold)
    ticket = await row(api, hold.lease.ticket_id)
    assert (ticket["state"], ticket["state_until"]) == ("snoozed", None)


async def test_snoozed_ticket_is_given_to_nobody(api: Api, grace: Agent):
    caller = await api.agent(grace)
    await api.desk.snooze(await a_hold(api, grace))
    assert (await caller.post("/v1/me/next")).status == 204


@pytest.mark.parametrize("off", [-HOUR, timedelta(0), timedelta(days=366)])
async def test_date_of_a_snooze_lies_ahead_within_a_year(api: Api, grace: Agent, off: timedelta):
    hold = await a_hold(api, grace)
    with pytest.raises(Invalid, match="until"):
        await api.desk.snooze(hold, until=await now(api) + off)
    assert (await page(api, hold)).ticket.state == "assigned"


async def test_date_beyond_what_a_database_knows_is_refused_like_any_other(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    with pytest.raises(Invalid, match="until"):
        await api.desk.snooze(hold, until=datetime.max.replace(tzinfo=UTC))


async def test_ticket_does_not_sleep_over_words_that_its_holder_has_not_read(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    conversation = await a_conversation(api.database, hold.lease)
    read = (await page(api, hold)).read_up_to
    await a_message(api.database, conversation, "Wait!")
    with pytest.raises(Conflict, match="written since"):
        await api.desk.snooze(hold, read_up_to=read)
    await api.desk.snooze(hold, read_up_to=(await page(api, hold)).read_up_to)


@pytest.mark.parametrize("end", ["resolve", "abandon", "merge"])
async def test_contact_does_not_end_over_words_that_its_holder_has_not_read(api: Api, grace: Agent, end: str):
    customer = await a_customer(api.database, ADA)
    hold = await a_hold(api, grace, customer_id=customer, queue="live")
    other = [await a_ticket(api.database, customer_id=customer)] if end == "merge" else []
    into = [lease.ticket_id for lease in other]
    conversation = await a_conversation(api.database, hold.lease)
    read = (await page(api, hold)).read_up_to
    await a_message(api.database, conversation, "Wait!")
    write = getattr(api.desk, end)
    with pytest.raises(Conflict, match="written since"):
        await write(hold, *into, read_up_to=read)
    assert (await page(api, hold)).ticket.state == "assigned"
    await write(hold, *into, read_up_to=(await page(api, hold)).read_up_to)


async def test_what_the_customer_writes_at_the_moment_of_the_end_is_not_missed(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    read = (await page(api, hold)).read_up_to
    async with asyncio.TaskGroup() as tasks, api.database.transaction("test") as connection:
        await connection.execute("select from customer for update")  # as intake does
        late = tasks.create_task(_ended(api, hold, read))
        await waiting_for_locks(api.database, count=1)
        await connection.execute("update ticket set last_customer_at = now()")
    assert late.result() == "conflict"


async def _ended(api: Api, hold: Hold, read_up_to: int) -> str:
    try:
        await api.desk.resolve(hold, read_up_to=read_up_to)
    except Conflict:
        return "conflict"
    return "ended"


async def test_resolved_ticket_stays_with_its_agent_for_the_wrap_up_of_its_queue(api: Api, grace: Agent):
    hold = await a_hold(api, grace, queue="live")
    await a_contact(api, hold)
    await api.desk.resolve(hold)
    ticket = await row(api, hold.lease.ticket_id)
    assert (ticket["state"], ticket["assigned_to"], ticket["resolved_at"]) == ("wrap_up", grace.id, None)
    assert timedelta(seconds=55) < ticket["state_until"] - await now(api) <= timedelta(seconds=60)
    assert await outcomes(api, hold) == [(hold.lease.ticket_id, ContactOutcome.RESOLVED)]
    assert [event[:2] for event in await history(api, hold)] == [("wrap_up", "wrap_up")]
    assert api.counted("router_tickets_resolved_total", queue="live", channel="email") == 1


async def test_wrap_up_ends_when_the_agent_has_finished(api: Api, grace: Agent):
    hold = await a_hold(api, grace, queue="live")
    await api.desk.resolve(hold)
    await api.desk.note(hold, "Sent the form.")
    await api.desk.finish(hold)
    ticket = await row(api, hold.lease.ticket_id)
    assert (ticket["state"], ticket["assigned_to"], ticket["state_until"]) == ("resolved", None, None)
    assert ticket["resolved_at"] is not None
    lines = await history(api, hold)
    assert [line[:2] for line in lines] == [("wrap_up", "wrap_up"), ("note", "wrap_up"), ("resolve", "resolved")]
    assert api.counted("router_tickets_resolved_total", queue="live", channel="email") == 1


async def test_in_wrap_up_nothing_is_said_to_the_customer_and_the_ticket_does_not_move(api: Api, grace: Agent):
    hold = await a_hold(api, grace, queue="live")
    await a_conversation(api.database, hold.lease)
    await api.desk.resolve(hold)
    for late in (
        api.desk.reply(hold, "One more thing"),
        api.desk.transfer(hold, Destination(queue="general")),
        api.desk.snooze(hold),
        api.desk.resolve(hold),
        api.desk.abandon(hold),
    ):
        with pytest.raises(Conflict, match="is wrap_up: this works only while it is assigned"):
            await late


async def test_only_a_wrap_up_can_be_finished(api: Api, grace: Agent):
    with pytest.raises(Conflict, match="only while it is wrap_up"):
        await api.desk.finish(await a_hold(api, grace))


async def test_abandoned_ticket_ends_and_the_digest_says_so(api: Api, grace: Agent):
    hold = await a_hold(api, grace, queue="live", channel="chat")
    await a_contact(api, hold)
    await api.desk.abandon(hold)
    ticket = await row(api, hold.lease.ticket_id)
    assert (ticket["state"], ticket["assigned_to"], ticket["resolved_at"]) == ("abandoned", None, None)
    assert await outcomes(api, hold) == [(hold.lease.ticket_id, ContactOutcome.ABANDONED)]
    assert [event[:2] for event in await history(api, hold)] == [("abandon", "abandoned")]
    assert api.counted("router_tickets_abandoned_total", queue="live", channel="chat") == 1


async def test_where_the_policy_knows_no_abandoning_it_is_refused(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    with pytest.raises(Refused, match="Queue general does not allow abandoning"):
        await api.desk.abandon(hold)
    assert (await page(api, hold)).ticket.state == "assigned"


async def test_ticket_moved_to_an_agent_waits_for_them_where_it_was(api: Api, grace: Agent):
    alan = await an_agent(api.database, "Alan")
    hold = await a_hold(api, grace)
    await api.desk.transfer(hold, Destination(agent="Alan", note="You know them."))
    ticket = await row(api, hold.lease.ticket_id)
    assert (ticket["state"], ticket["queue"], ticket["reserved_for"]) == ("queued", "general", alan.id)
    assert ticket["reserved_until"] - ticket["enqueued_at"] == timedelta(minutes=15)
    assert [entry.text for entry in (await page(api, hold)).transcript] == ["You know them."]


async def test_ticket_moved_to_an_agent_comes_to_them_and_to_nobody_else(api: Api, grace: Agent):
    alan = await api.agent(await an_agent(api.database, "Alan"))
    caller = await api.agent(grace)
    hold = await a_hold(api, grace)
    await api.desk.transfer(hold, Destination(agent="Alan"))
    assert (await caller.post("/v1/me/next")).status == 204
    assert (await alan.post("/v1/me/next")).json["lease"] == str(Lease(hold.lease.ticket_id, 2))


async def test_ticket_moved_to_an_agent_of_another_team_waits_in_that_teams_queue(api: Api, grace: Agent):
    await an_agent(api.database, "Alan", teams=["specialists"], skills=["german"])
    hold = await a_hold(api, grace, skills=("french",))
    await api.desk.transfer(hold, Destination(agent="Alan"))
    ticket = await row(api, hold.lease.ticket_id)
    assert (ticket["queue"], ticket["team"], ticket["skills"]) == ("expert", "specialists", [])
    assert ticket["reserved_until"] - ticket["enqueued_at"] == timedelta(minutes=5)


async def test_skills_go_along_to_an_agent_who_has_them(api: Api, grace: Agent):
    await an_agent(api.database, "Alan", skills=["german"])
    hold = await a_hold(api, grace, skills=("german",))
    await api.desk.transfer(hold, Destination(agent="Alan"))
    assert (await page(api, hold)).decision.skills == ["german"]


async def test_nobody_is_moved_a_ticket_who_is_not_there_or_has_no_queue(api: Api, grace: Agent):
    await an_agent(api.database, "Alan", teams=[])
    await an_agent(api.database, "Gone")
    await api.database.execute("test", "update agent set retired_at = now() where name = 'Gone'")
    hold = await a_hold(api, grace)
    for name, problem in (("Nobody", "not known"), ("Gone", "not known"), ("Alan", "teams have no queue")):
        with pytest.raises(Invalid, match=problem):
            await api.desk.transfer(hold, Destination(agent=name))


async def test_team_is_not_given_what_it_does_not_take(api: Api):
    await an_agent(api.database, "Grace")
    alan = await an_agent(api.database, "Alan", teams=["specialists"])
    hold = await a_hold(api, alan, queue="expert", team="specialists", complexity="complex")
    for to in (Destination(queue="general", note="Yours?"), Destination(agent="Grace", note="Yours?")):
        with pytest.raises(Refused, match="team frontline, which takes simple tickets, but this one is complex"):
            await api.desk.transfer(hold, to)
    assert (await page(api, hold)).transcript == []


async def test_transferred_ticket_is_relaxed_from_the_beginning_in_its_routes_queue_alone(api: Api, grace: Agent):
    for queue, after in (("general", timedelta(minutes=30)), ("live", None)):
        hold = await a_hold(api, grace)
        await api.database.execute("test", "update ticket set relaxed = 1, relax_at = now() where relaxed = 0")
        await api.desk.transfer(hold, Destination(queue=queue))
        ticket = await row(api, hold.lease.ticket_id)
        assert ticket["relaxed"] == 0
        assert (ticket["relax_at"] and ticket["relax_at"] - ticket["enqueued_at"]) == after


async def test_merged_tickets_transcript_is_in_the_other_one(api: Api, grace: Agent):
    customer = await a_customer(api.database, ADA)
    into = await a_ticket(api.database, customer_id=customer)
    await a_message(api.database, await a_conversation(api.database, into), "First", sent_at=NOON)
    hold = await a_hold(api, grace, customer_id=customer)
    await a_contact(api, hold)
    conversation = await a_conversation(api.database, hold.lease, account="sales@acme.example")
    await a_message(api.database, conversation, "Second", sent_at=NOON + HOUR)
    await api.desk.note(hold, "The same matter.")
    await api.desk.merge(hold, into.ticket_id)

    merged = await page(api, Hold(agent=grace, lease=into))
    assert [entry.text for entry in merged.transcript] == ["First", "Second", "The same matter."]
    assert conversation in [card.id for card in merged.conversations]
    assert merged.ticket.state == "queued"
    source = await page(api, hold)
    assert (source.ticket.state, source.transcript, source.conversations) == ("resolved", [], [])
    assert source.ticket.merged_into == into.ticket_id
    assert await outcomes(api, hold) == [(into.ticket_id, ContactOutcome.OPEN)]
    assert (await history(api, hold))[-1][:2] == ("merge", "resolved")
    kind, state, actor, data = (await history(api, Hold(agent=grace, lease=into)))[-1]
    assert (kind, state, actor, data["merged"]) == ("merge", "queued", f"agent:{grace.id}", hold.lease.ticket_id)


async def test_answer_to_a_merged_conversation_is_written_in_the_other_ticket(api: Api, grace: Agent):
    customer = await a_customer(api.database, ADA)
    into = await a_hold(api, grace, customer_id=customer)
    hold = await a_hold(api, grace, customer_id=customer)
    conversation = await a_conversation(api.database, hold.lease)
    await a_message(api.database, conversation)
    read = (await page(api, into)).read_up_to
    await api.desk.merge(hold, into.lease.ticket_id)
    replied = await api.desk.reply(into, "Here you are.", conversation_id=conversation, read_up_to=read)
    assert replied.customer_wrote_since_read


async def test_merging_into_a_snoozed_ticket_wakes_it(api: Api, grace: Agent):
    customer = await a_customer(api.database, ADA)
    asleep = await a_hold(api, grace, customer_id=customer)
    await api.desk.snooze(asleep)
    await api.desk.merge(await a_hold(api, grace, customer_id=customer), asleep.lease.ticket_id)
    ticket = await row(api, asleep.lease.ticket_id)
    assert (ticket["state"], ticket["reserved_for"]) == ("queued", None)
    assert ticket["enqueued_at"] > NOON
    states = [state for _, state, _, _ in await history(api, asleep)]
    assert illegal_changes(["queued", "assigned", *states]) == []
    assert api.counted("router_tickets_queued_total", queue="general", channel="email", reason="woken") == 1


async def test_ticket_that_a_merge_wakes_waits_first_for_whoever_put_it_aside(api: Api):
    alan = await an_agent(api.database, "Alan", teams=["specialists"])
    grace = await an_agent(api.database, "Grace", teams=["specialists"])
    customer = await a_customer(api.database, ADA)
    theirs = {"customer_id": customer, "queue": "expert", "team": "specialists"}
    asleep = await a_hold(api, alan, **theirs)
    await api.desk.snooze(asleep)
    await api.desk.merge(await a_hold(api, grace, **theirs), asleep.lease.ticket_id)
    ticket = await row(api, asleep.lease.ticket_id)
    assert ticket["reserved_for"] == alan.id
    assert ticket["reserved_until"] - ticket["enqueued_at"] == timedelta(minutes=5)


async def test_what_cannot_take_over_a_ticket(api: Api, grace: Agent):
    customer = await a_customer(api.database, ADA)
    hold = await a_hold(api, grace, customer_id=customer)
    ended = await a_ticket(api.database, customer_id=customer, state="resolved")
    wrapping_up = await a_hold(api, grace, customer_id=customer, queue="live")
    await api.desk.resolve(wrapping_up)
    strangers = await a_ticket(api.database)
    other_teams = await a_ticket(api.database, customer_id=customer, queue="expert", team="specialists")
    for into, error, words in (
        (hold.lease.ticket_id, Invalid, "is this ticket itself"),
        (ended.ticket_id, Conflict, "is resolved"),
        (wrapping_up.lease.ticket_id, Conflict, "is wrap_up"),
        (strangers.ticket_id, Invalid, "belongs to another customer"),
        (other_teams.ticket_id, Invalid, "in your teams"),
        (other_teams.ticket_id + 1000, Invalid, "in your teams"),
    ):
        with pytest.raises(error, match=words):
            await api.desk.merge(hold, into)
    assert (await page(api, hold)).ticket.state == "assigned"


async def test_two_tickets_merged_into_each_other_at_the_same_time_leave_one(api: Api, grace: Agent):
    customer = await a_customer(api.database, ADA)
    alan = await an_agent(api.database, "Alan")
    holds = [await a_hold(api, agent, customer_id=customer) for agent in (grace, alan)]
    ids = [hold.lease.ticket_id for hold in holds]
    async with asyncio.TaskGroup() as both, api.database.transaction("test") as connection:
        await connection.execute("select from customer where id = $1 for update", customer)
        merges = [both.create_task(_outcome(api, hold, into)) for hold, into in zip(holds, reversed(ids), strict=True)]
        await waiting_for_locks(api.database, count=2)
    assert sorted(merge.result() for merge in merges) == ["conflict", "merged"]
    assert sorted([(await row(api, ticket_id))["state"] for ticket_id in ids]) == ["assigned", "resolved"]


async def _outcome(api: Api, hold: Hold, into: int) -> str:
    try:
        await api.desk.merge(hold, into)
    except Conflict:
        return "conflict"
    return "merged"


async def test_writes_to_another_teams_ticket_are_like_those_to_none(api: Api, grace: Agent):
    alan = await an_agent(api.database, "Alan", teams=["specialists"])
    theirs = await a_ticket(api.database, queue="expert", team="specialists", held_by=alan)
    for lease in (theirs, Lease(theirs.ticket_id + 1000, 1)):
        hold = Hold(agent=grace, lease=lease)
        for write in (
            api.desk.snooze(hold),
            api.desk.finish(hold),
            api.desk.abandon(hold),
            api.desk.merge(hold, 4_000_000),
            api.desk.transfer(hold, Destination(agent="Grace")),
        ):
            with pytest.raises(NotFound):
                await write
