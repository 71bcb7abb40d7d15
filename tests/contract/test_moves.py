"""What every store must do that moves tickets, the fakes as well as PostgreSQL: desk and lead share these."""

from dataclasses import replace
from datetime import timedelta

import pytest

from router.domain.actor import Actor
from router.domain.agent import Agent, Lease, Role
from router.domain.customer import Contact, ContactOutcome
from router.domain.errors import Conflict
from router.domain.history import HistoryKind, HistoryReason
from router.domain.ticket import TicketId, TicketNow, TicketState
from router.domain.wait import Requirement, Wait
from router.flow.work.desk import Work
from tests.making.builders import TARGET
from tests.making.center import Center
from tests.making.moments import HOUR, NOON

ADMIN = Actor(role=Role.ADMIN)
FRONTLINE = frozenset({"frontline"})


def of(agent: Agent) -> Actor:
    return Actor(role=Role.AGENT, agent=agent)


async def seen(center: Center, lease: Lease) -> TicketNow:
    """The ticket as it is now."""
    async with center.desk.work() as work:
        found = await work.ticket(lease.ticket_id, None)
    assert found
    return found


async def test_a_ticket_is_found_as_it_is(center: Center):
    grace = await center.agent()
    customer_id = await center.customer()
    lease = await center.ticket(held_by=grace, customer_id=customer_id, skills=("german",), channel="chat")
    ticket = await seen(center, lease)
    assert (ticket.id, ticket.customer_id, ticket.assigned_to, ticket.epoch) == (
        lease.ticket_id,
        customer_id,
        grace.id,
        lease.epoch,
    )
    assert ticket.state is TicketState.ASSIGNED
    asked = Requirement(queue="general", team="frontline", skills=("german",), channel="chat")
    assert ticket.wait.requirement == asked
    assert ticket.wait.due_at == ticket.wait.enqueued_at + TARGET
    assert (ticket.target, ticket.wait.reserved_for) == (TARGET, None)


async def test_a_ticket_of_another_team_is_not_found(center: Center):
    lease = await center.ticket(queue="expert", team="specialists")
    async with center.desk.work() as work:
        assert await work.ticket(lease.ticket_id, FRONTLINE) is None
        assert await work.lock_tickets([lease.ticket_id, TicketId(99)], FRONTLINE) == {}
        assert (await work.lock_tickets([lease.ticket_id], None)).keys() == {lease.ticket_id}


async def test_what_the_customer_writes_raises_what_must_be_read(center: Center):
    lease = await center.ticket()
    before = await seen(center, lease)
    await center.message(await center.conversation(lease), "Hello?")
    assert (await seen(center, lease)).read_up_to > before.read_up_to


async def test_agents_are_found_by_name_unless_retired(center: Center):
    grace = await center.agent("Grace", skills=["german"])
    await center.agent("Alan")
    async with center.agents.work() as work:
        alan = await work.profile("Alan")
        assert alan
        await work.record(alan, replace(alan, is_retired=True), by=ADMIN)
    async with center.desk.work() as work:
        assert await work.agent_named("Grace") == grace
        assert await work.agent_named("Alan") is None
        assert await work.agent_named("Nobody") is None


@pytest.mark.parametrize(
    ("team", "skills", "has"),
    [
        ("frontline", ("german", "vip"), True),
        ("frontline", (), True),
        ("frontline", ("german", "french"), False),
        ("specialists", ("german",), False),
    ],
)
async def test_a_team_has_skills_if_one_agent_of_it_has_them_all(
    center: Center, team: str, skills: tuple[str, ...], has: bool
):
    await center.agent("Grace", skills=["german", "vip"])
    await center.agent("Ada", skills=["french"])
    asked = Requirement(queue="general", team=team, skills=skills, channel="email")
    async with center.desk.work() as work:
        assert await work.skills_in_team(asked) is has


async def test_a_note_is_in_the_transcript(center: Center):
    grace = await center.agent()
    lease = await center.ticket(held_by=grace)
    ticket = await seen(center, lease)
    async with center.desk.work() as work:
        await work.note(ticket, of(grace), "Called back.")
    assert await center.messages(lease.ticket_id) == [("note", "Called back.")]
    assert await center.history(lease.ticket_id) == [("note", "assigned", str(of(grace)), None)]
    after = await seen(center, lease)
    assert after == replace(ticket, now=after.now)


async def test_a_ticket_waits_as_it_is_told(center: Center):
    grace = await center.agent()
    lease = await center.ticket(held_by=grace)
    asked = Requirement(queue="expert", team="specialists", skills=("german",), channel="email")
    wait = Wait(
        requirement=asked,
        enqueued_at=NOON,
        due_at=NOON + HOUR,
        relaxed=1,
        relax_at=NOON + 2 * HOUR,
        reserved_for=grace.id,
        reserved_until=NOON + 3 * HOUR,
    )
    async with center.desk.work() as work:
        [ticket] = (await work.lock_tickets([lease.ticket_id], None)).values()
        await work.enqueue(ticket, wait, of(grace), reason=HistoryReason.TRANSFERRED)
    after = await seen(center, lease)
    assert (after.wait, after.state, after.assigned_to, after.epoch) == (wait, TicketState.QUEUED, None, lease.epoch)
    assert await center.history(lease.ticket_id) == [("queue", "queued", str(of(grace)), "transferred")]


@pytest.mark.parametrize("state", [TicketState.RESOLVED, TicketState.ABANDONED])
async def test_a_ticket_ends_as_it_is_told(center: Center, state: TicketState):
    grace = await center.agent()
    lease = await center.ticket(held_by=grace)
    ticket = await seen(center, lease)
    async with center.desk.work() as work:
        await work.end(ticket, state, of(grace), kind=HistoryKind.ABANDON, reason=HistoryReason.BY_HAND)
    after = await seen(center, lease)
    assert (after.state, after.assigned_to, after.wait) == (state, None, ticket.wait)
    assert await center.history(lease.ticket_id) == [("abandon", state, str(of(grace)), "by_hand")]


async def test_whoever_waited_for_an_ended_ticket_waits_no_more(center: Center):
    grace = await center.agent()
    lease = await center.ticket()
    await center.reserve(lease.ticket_id, grace)
    async with center.desk.work() as work:
        [ticket] = (await work.lock_tickets([lease.ticket_id], None)).values()
        assert ticket.wait.reserved_for == grace.id
        await work.end(ticket, TicketState.RESOLVED, ADMIN)
    assert (await seen(center, lease)).wait.reserved_for is None


async def test_a_digest_is_remembered(center: Center):
    grace = await center.agent()
    customer_id = await center.customer()
    contact = Contact(at=NOON, channel="email", queue="general", ticket_id=7, outcome=ContactOutcome.RESOLVED)
    async with center.desk.work() as work:
        customer = await work.lock_customer(customer_id)
        await work.remember(customer.with_contact(contact)._replace(last_agent_id=grace.id, name="not written"))
    after = await center.digest(customer_id)
    assert (after.contacts, after.last_agent_id, after.name) == ((contact,), grace.id, customer.name)


async def note(work: Work, ticket: TicketNow) -> None:
    await work.note(ticket, ADMIN, "Too late.")


async def enqueue(work: Work, ticket: TicketNow) -> None:
    await work.enqueue(ticket, ticket.wait, ADMIN)


async def end(work: Work, ticket: TicketNow) -> None:
    await work.end(ticket, TicketState.RESOLVED, ADMIN)


async def snooze(work: Work, ticket: TicketNow) -> None:
    await work.snooze(ticket, ADMIN, None)


async def wrap_up(work: Work, ticket: TicketNow) -> None:
    await work.wrap_up(ticket, ADMIN, timedelta(minutes=1))


STALE = [
    pytest.param({"epoch": 0}, id="epoch"),
    pytest.param({"state": TicketState.OFFERED}, id="state"),
    pytest.param({"team": "specialists"}, id="team"),
]


@pytest.mark.parametrize("write", [note, enqueue, end, snooze, wrap_up])
@pytest.mark.parametrize("was", STALE)
async def test_a_ticket_that_is_no_longer_as_it_was_read_is_not_written(center: Center, write, was):
    lease = await center.ticket(held_by=await center.agent())
    now = await seen(center, lease)
    asked = replace(now.wait.requirement, team=was.get("team", now.team))
    stale = replace(
        now,
        epoch=was.get("epoch", now.epoch),
        state=was.get("state", now.state),
        wait=now.wait._replace(requirement=asked),
    )
    with pytest.raises(Conflict, match="The ticket has moved on since you read it"):
        async with center.desk.work() as work:
            await write(work, stale)
    after = await seen(center, lease)
    assert after == replace(now, now=after.now)
    assert await center.history(lease.ticket_id) == []
    assert await center.messages(lease.ticket_id) == []


async def test_work_that_fails_moves_nothing(center: Center):
    lease = await center.ticket(held_by=await center.agent())
    ticket = await seen(center, lease)
    with pytest.raises(RuntimeError):  # noqa: PT012 - the work is what must fail
        async with center.desk.work() as work:
            await work.note(ticket, ADMIN, "Nobody reads this.")
            await work.end(ticket, TicketState.RESOLVED, ADMIN)
            raise RuntimeError
    after = await seen(center, lease)
    assert after == replace(ticket, now=after.now)
    assert await center.messages(lease.ticket_id) == []
