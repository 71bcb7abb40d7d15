"""The rules by which agents write to the tickets they hold."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from router.domain.agent import Agent, Lease
from router.domain.customer import Contact, ContactOutcome
from router.domain.errors import Conflict, Invalid, NotFound, Refused
from router.domain.ticket import TicketId, TicketState
from router.flow.assign.hold import Hold
from router.flow.work.compose import MailIdentity
from router.flow.work.desk import Desk
from router.flow.work.transfer import Destination
from router.metrics import Metrics
from router.policy.parse import parse_policy
from tests.fakes.center import FakeCenter
from tests.fakes.moves import microseconds
from tests.fakes.tables import TicketRow
from tests.making.moments import DAY, HOUR, MINUTE

POLICY = parse_policy("""
teams:
  frontline: {takes: simple, overflow_to: [specialists]}
  specialists: {takes: complex}
queues:
  general: {team: frontline}
  live: {team: frontline, wrap_up: 60s, abandon: true}
  expert: {team: specialists, sticky_for: 5m}
routes:
  - {name: complex, when: {complexity: complex}, queue: expert, target: 8h}
  - {name: rest, queue: general, target: 4h}
triage: {bias: -1}
""")
MAIL = MailIdentity(secret=b"sample secret", domain="mail.acme.example")

Write = Callable[[Desk, Hold], Awaitable[object]]
WRITES: dict[str, Write] = {
    "reply": lambda desk, hold: desk.reply(hold, "Hello."),
    "note": lambda desk, hold: desk.note(hold, "Called back."),
    "transfer": lambda desk, hold: desk.transfer(hold, Destination(queue="expert")),
    "snooze": lambda desk, hold: desk.snooze(hold),
    "resolve": lambda desk, hold: desk.resolve(hold),
    "abandon": lambda desk, hold: desk.abandon(hold),
    "merge": lambda desk, hold: desk.merge(hold, TicketId(98)),
}
EVERY_WRITE = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
ENDS = pytest.mark.parametrize("end", ["snooze", "resolve", "abandon", "merge"])


@pytest.fixture
def desk(center: FakeCenter, registry: CollectorRegistry) -> Desk:
    return Desk(store=center.desk, policy=lambda: POLICY, mail=MAIL, metrics=Metrics(registry))


@pytest.fixture
async def grace(center: FakeCenter) -> Agent:
    return await center.agent("Grace")


@pytest.fixture
async def hold(center: FakeCenter, grace: Agent) -> Hold:
    """A ticket of a queue that knows everything, with a conversation."""
    return await a_hold(center, grace, queue="live")


async def a_hold(center: FakeCenter, agent: Agent, **ticket: object) -> Hold:
    hold = Hold(agent=agent, lease=await center.ticket(held_by=agent, **ticket))
    await center.conversation(hold.lease)
    return hold


def row(center: FakeCenter, ticket: Hold | Lease) -> TicketRow:
    lease = ticket.lease if isinstance(ticket, Hold) else ticket
    return center.database.tables.tickets[lease.ticket_id]


def read_up_to(center: FakeCenter, hold: Hold) -> int:
    return microseconds(row(center, hold).last_customer_at)


def customer_writes(center: FakeCenter, hold: Hold) -> None:
    """A word comes in while somebody waits for a lock."""
    tables = center.database.tables
    heard = replace(row(center, hold), last_customer_at=tables.now + MINUTE)
    tables.tickets[heard.id] = heard


@EVERY_WRITE
async def test_a_ticket_of_another_team_is_not_there(center: FakeCenter, desk: Desk, hold: Hold, write: Write):
    alan = await center.agent("Alan", teams=["specialists"])
    for lease in (hold.lease, Lease(TicketId(99), 1)):
        with pytest.raises(NotFound, match=f"There is no ticket {lease.ticket_id} in your teams"):
            await write(desk, Hold(agent=alan, lease=lease))


@EVERY_WRITE
async def test_a_colleagues_ticket_is_not_written_to(center: FakeCenter, desk: Desk, hold: Hold, write: Write):
    with pytest.raises(Conflict, match=r"You do not hold ticket 1 \(it is assigned\): ask for the next one"):
        await write(desk, replace(hold, agent=await center.agent("Ada")))


@EVERY_WRITE
async def test_the_lease_of_an_earlier_assignment_is_over(desk: Desk, hold: Hold, write: Write):
    with pytest.raises(Conflict, match="The lease is from an earlier assignment of this ticket"):
        await write(desk, replace(hold, lease=Lease(hold.lease.ticket_id, 0)))


@pytest.mark.parametrize("write", [name for name in WRITES if name != "note"])
async def test_in_wrap_up_only_notes_are_written(desk: Desk, hold: Hold, write: str):
    await desk.resolve(hold)
    with pytest.raises(Conflict, match="Ticket 1 is wrap_up: this works only while it is assigned"):
        await WRITES[write](desk, hold)
    await desk.note(hold, "Was kind.")


@ENDS
async def test_nothing_ends_over_words_that_its_holder_has_not_read(
    center: FakeCenter, desk: Desk, hold: Hold, end: str
):
    other = await center.ticket(customer_id=row(center, hold).customer_id)
    ends = {
        "snooze": lambda read: desk.snooze(hold, read_up_to=read),
        "resolve": lambda read: desk.resolve(hold, read_up_to=read),
        "abandon": lambda read: desk.abandon(hold, read_up_to=read),
        "merge": lambda read: desk.merge(hold, other.ticket_id, read_up_to=read),
    }
    read = read_up_to(center, hold)
    with pytest.raises(Conflict, match="The customer has written since you read the ticket: read it again"):
        await ends[end](read - 1)
    assert row(center, hold).state is TicketState.ASSIGNED
    await ends[end](read)
    assert row(center, hold).state is not TicketState.ASSIGNED


@pytest.mark.parametrize("locks_before", [0, 1], ids=["agent", "customer"])
async def test_a_word_at_the_moment_of_the_end_is_not_missed(
    center: FakeCenter, desk: Desk, hold: Hold, locks_before: int
):
    read = read_up_to(center, hold)
    waits = [lambda: None] * locks_before
    center.database.meanwhile += [*waits, lambda: customer_writes(center, hold)]
    with pytest.raises(Conflict, match="The customer has written since you read the ticket"):
        await desk.resolve(hold, read_up_to=read)


async def test_a_reply_goes_out_and_the_first_one_is_measured(
    center: FakeCenter, desk: Desk, hold: Hold, registry: CollectorRegistry
):
    for text in ("Size 42.", "Or 43."):
        await desk.reply(hold, text)
    assert await center.outbox() == ["Size 42.", "Or 43."]
    labels = {"queue": "live", "channel": "email"}
    assert registry.get_sample_value("router_first_reply_seconds_count", labels) == 1


async def test_a_reply_says_whether_the_customer_wrote_meanwhile(center: FakeCenter, desk: Desk, hold: Hold):
    read = read_up_to(center, hold)
    assert not (await desk.reply(hold, "Hello.", read_up_to=read)).customer_wrote_since_read
    await center.message(1, "Wait!")
    assert (await desk.reply(hold, "Hello.", read_up_to=read)).customer_wrote_since_read


async def test_a_reply_in_a_conversation_of_another_ticket_is_invalid(center: FakeCenter, desk: Desk, hold: Hold):
    other = await center.conversation(await center.ticket())
    with pytest.raises(Invalid, match="conversation: does not belong to this ticket"):
        await desk.reply(hold, "Hello.", conversation_id=other)
    assert await center.outbox() == []


async def test_a_transferred_ticket_begins_a_new_wait_with_its_target(
    center: FakeCenter, desk: Desk, grace: Agent, registry: CollectorRegistry
):
    hold = await a_hold(center, grace, waited=HOUR)
    before = row(center, hold)
    await desk.transfer(hold, Destination(queue="expert", note="Wants her money back."))
    after = row(center, hold)
    assert (after.state, after.requirement.queue, after.team) == (TicketState.QUEUED, "expert", "specialists")
    assert after.wait.enqueued_at == center.database.tables.now
    assert after.wait.due_at == after.wait.enqueued_at + before.target
    assert await center.messages(hold.lease.ticket_id) == [("note", "Wants her money back.")]
    labels = {"queue": "expert", "channel": "email", "reason": "transferred"}
    assert registry.get_sample_value("router_tickets_queued_total", labels) == 1


async def test_a_transfer_that_is_refused_leaves_no_note(center: FakeCenter, desk: Desk, hold: Hold):
    with pytest.raises(Invalid):
        await desk.transfer(hold, Destination(queue="kitchen", note="Nobody reads this."))
    assert await center.messages(hold.lease.ticket_id) == []


async def test_a_snoozed_ticket_remembers_its_holder(center: FakeCenter, desk: Desk, hold: Hold):
    until = center.database.tables.now + DAY
    await desk.snooze(hold, until=until)
    asleep = row(center, hold)
    assert (asleep.state, asleep.assigned_to, asleep.state_until) == (TicketState.SNOOZED, None, until)
    assert asleep.wait.reserved_for == hold.agent.id


@pytest.mark.parametrize("off", [timedelta(0), -DAY, 366 * DAY])
async def test_the_date_of_a_snooze_lies_ahead_within_a_year(
    center: FakeCenter, desk: Desk, hold: Hold, off: timedelta
):
    with pytest.raises(Invalid, match="until: must be in the future, at most a year ahead"):
        await desk.snooze(hold, until=center.database.tables.now + off)


async def test_a_resolved_ticket_is_over_and_remembered(
    center: FakeCenter, desk: Desk, grace: Agent, registry: CollectorRegistry
):
    hold = await a_hold(center, grace)
    customer_id = remembered(center, hold)
    await desk.resolve(hold)
    digest = await center.digest(customer_id)
    assert row(center, hold).state is TicketState.RESOLVED
    assert [contact.outcome for contact in digest.contacts] == [ContactOutcome.RESOLVED]
    assert digest.last_agent_id == grace.id
    labels = {"queue": "general", "channel": "email"}
    assert registry.get_sample_value("router_tickets_resolved_total", labels) == 1


async def test_a_queue_with_a_wrap_up_keeps_the_ticket_with_its_agent(center: FakeCenter, desk: Desk, hold: Hold):
    await desk.resolve(hold)
    after = row(center, hold)
    assert (after.state, after.assigned_to) == (TicketState.WRAP_UP, hold.agent.id)
    assert after.state_until == center.database.tables.now + timedelta(seconds=60)
    await desk.finish(hold)
    assert row(center, hold).state is TicketState.RESOLVED
    assert await center.history(hold.lease.ticket_id) == [
        ("wrap_up", "wrap_up", str(hold.actor), None),
        ("resolve", "resolved", str(hold.actor), "finished"),
    ]


async def test_only_a_wrap_up_can_be_finished(desk: Desk, hold: Hold):
    with pytest.raises(Conflict, match="Ticket 1 is assigned: this works only while it is wrap_up"):
        await desk.finish(hold)


async def test_an_abandoned_ticket_is_over_and_remembered(
    center: FakeCenter, desk: Desk, hold: Hold, registry: CollectorRegistry
):
    customer_id = remembered(center, hold)
    await desk.abandon(hold)
    assert row(center, hold).state is TicketState.ABANDONED
    assert [each.outcome for each in (await center.digest(customer_id)).contacts] == [ContactOutcome.ABANDONED]
    assert await center.history(hold.lease.ticket_id) == [("abandon", "abandoned", str(hold.actor), "by_hand")]
    labels = {"queue": "live", "channel": "email"}
    assert registry.get_sample_value("router_tickets_abandoned_total", labels) == 1


@pytest.mark.parametrize("queue", ["general", "a queue that the policy dropped"])
async def test_where_the_policy_knows_no_abandoning_it_is_refused(
    center: FakeCenter, desk: Desk, grace: Agent, queue: str
):
    hold = await a_hold(center, grace, queue=queue)
    with pytest.raises(Refused, match=f"Queue {queue} does not allow abandoning tickets"):
        await desk.abandon(hold)
    assert row(center, hold).state is TicketState.ASSIGNED


async def test_a_merged_tickets_words_are_in_the_other_one(center: FakeCenter, desk: Desk, hold: Hold):
    customer_id = remembered(center, hold)
    into = await center.ticket(customer_id=customer_id)
    await center.message(1, "Where is my parcel?")
    await desk.merge(hold, into.ticket_id)
    assert await center.messages(into.ticket_id) == [("in", "Where is my parcel?")]
    assert row(center, hold).state is TicketState.RESOLVED
    assert row(center, into).state is TicketState.QUEUED
    assert [contact.ticket_id for contact in (await center.digest(customer_id)).contacts] == [into.ticket_id]


@pytest.mark.parametrize(("queue", "is_reserved"), [("expert", True), ("general", False)])
async def test_merging_into_a_snoozed_ticket_wakes_it_for_whoever_put_it_aside(
    center: FakeCenter, desk: Desk, registry: CollectorRegistry, queue: str, is_reserved: bool
):
    ada = await center.agent("Ada", teams=["frontline", "specialists"])
    hold = await a_hold(center, ada)
    customer_id = row(center, hold).customer_id
    team = POLICY.queues[queue].team
    asleep = await a_hold(center, ada, customer_id=customer_id, queue=queue, team=team, waited=DAY)
    await desk.snooze(asleep)
    await desk.merge(hold, asleep.lease.ticket_id)
    woken = row(center, asleep)
    assert (woken.state, woken.wait.enqueued_at) == (TicketState.QUEUED, center.database.tables.now)
    assert woken.wait.reserved_for == (ada.id if is_reserved else None)
    labels = {"queue": queue, "channel": "email", "reason": "woken"}
    assert registry.get_sample_value("router_tickets_queued_total", labels) == 1


async def test_a_ticket_is_not_merged_into_itself(desk: Desk, hold: Hold):
    with pytest.raises(Invalid, match="into: is this ticket itself"):
        await desk.merge(hold, hold.lease.ticket_id)


async def test_a_ticket_is_merged_only_into_one_of_the_same_customer_in_the_agents_teams(
    center: FakeCenter, desk: Desk, hold: Hold
):
    customer_id = row(center, hold).customer_id
    other_team = await center.ticket(customer_id=customer_id, queue="expert", team="specialists")
    for ticket_id in (other_team.ticket_id, TicketId(99)):
        with pytest.raises(Invalid, match=f"into: there is no ticket {ticket_id} in your teams"):
            await desk.merge(hold, ticket_id)
    stranger = await center.ticket()
    with pytest.raises(Invalid, match=f"into: ticket {stranger.ticket_id} belongs to another customer"):
        await desk.merge(hold, stranger.ticket_id)


@pytest.mark.parametrize("state", [TicketState.RESOLVED, TicketState.ABANDONED, TicketState.WRAP_UP])
async def test_a_ticket_is_not_merged_into_one_that_has_ended(
    center: FakeCenter, desk: Desk, hold: Hold, state: TicketState
):
    into = await center.ticket(customer_id=row(center, hold).customer_id, state=state)
    with pytest.raises(Conflict, match=f"Ticket {into.ticket_id} is {state}: merge into one that is still open"):
        await desk.merge(hold, into.ticket_id)
    assert row(center, hold).state is TicketState.ASSIGNED


async def test_a_ticket_on_screen_is_seen(center: FakeCenter, desk: Desk, hold: Hold):
    await desk.see(replace(hold, lease=Lease(hold.lease.ticket_id, 0)))
    assert not row(center, hold).is_seen
    await desk.see(hold)
    assert row(center, hold).is_seen


def remembered(center: FakeCenter, hold: Hold):
    """Let the customer's digest know the ticket; returns the customer."""
    tables = center.database.tables
    ticket = row(center, hold)
    contact = Contact(at=tables.now, channel="email", queue="general", ticket_id=ticket.id)
    tables.customers[ticket.customer_id] = tables.customers[ticket.customer_id].with_contact(contact)
    return ticket.customer_id
