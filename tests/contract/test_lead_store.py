"""What every store of a lead's tools must do, the fake as well as PostgreSQL."""

from dataclasses import replace
from datetime import timedelta

import pytest

from router.domain.actor import Actor, Viewer
from router.domain.agent import Agent, Lease, Role, Status
from router.domain.history import HistoryKind, HistoryReason
from router.domain.ticket import TicketId, TicketNow, TicketState
from router.flow.assign.hold import Hold
from router.flow.run.transitions import Turned
from router.flow.work.lead import Closable, Ended, Misroute
from router.policy.parse import parse_policy
from tests.making.center import Center
from tests.making.moments import HOUR, MINUTE

ADMIN = Actor(role=Role.ADMIN)
EVERYBODY = Viewer()
FRONTLINE = frozenset({"frontline"})
RULES = parse_policy("""
teams: {frontline: {takes: any}}
queues: {general: {team: frontline}}
routes: [{name: rest, queue: general, target: 4h}]
triage: {bias: 0}
""").assignment


def lead(agent: Agent) -> Actor:
    return Actor(role=Role.LEAD, agent=agent)


async def seen(center: Center, lease: Lease) -> TicketNow:
    async with center.lead.work() as work:
        found = await work.ticket(lease.ticket_id, None)
    assert found
    return found


async def move(center: Center, lease: Lease, queue: str, *, kind: HistoryKind = HistoryKind.REASSIGN) -> TicketNow:
    """Move the ticket, and return it as it was."""
    before = await seen(center, lease)
    asked = replace(before.wait.requirement, queue=queue)
    wait = before.wait._replace(requirement=asked, enqueued_at=before.now, due_at=before.now + HOUR)
    async with center.lead.work() as work:
        await work.enqueue(before, wait, ADMIN, kind=kind, reason=HistoryReason.REASSIGNED, was=before.wait.as_data())
    return before


async def misroute(center: Center, lease: Lease) -> Misroute | None:
    async with center.lead.work() as work:
        ticket = await work.ticket(lease.ticket_id, None)
        assert ticket
        return await work.misroute(ticket)


async def closable(center: Center, *, older_than: timedelta = timedelta(0)) -> Closable:
    async with center.lead.work() as work:
        return Closable(queue="general", before=await work.now() - older_than, why="Power cut.")


async def test_an_agent_of_their_teams_is_found_by_name(center: Center):
    grace = await center.agent("Grace")
    alan = await center.agent("Alan", teams=["specialists"])
    async with center.lead.work() as work:
        assert await work.lock_agent_named("Grace", FRONTLINE) == grace.id
        assert await work.lock_agent_named("Alan", FRONTLINE) is None
        assert await work.lock_agent_named("Alan", None) == alan.id
        assert await work.lock_agent_named("Nobody", None) is None


async def test_an_agent_drains_and_works_again(center: Center):
    grace = await center.agent()
    async with center.lead.work() as work:
        assert await work.set_draining(grace.id, ADMIN, is_draining=True) == []
    card = await center.agents.card(EVERYBODY, "Grace", grace=MINUTE)
    assert card
    assert card.is_draining
    async with center.lead.work() as work:
        assert await work.set_draining(grace.id, ADMIN, is_draining=False) == []
    assert await center.audit() == [("admin", "agent.drain", "agent:Grace"), ("admin", "agent.undrain", "agent:Grace")]


async def test_what_is_so_already_leaves_no_trail(center: Center):
    grace = await center.agent()
    async with center.lead.work() as work:
        assert await work.set_draining(grace.id, ADMIN, is_draining=False) == []
    assert await center.audit() == []


async def test_an_agent_who_drains_is_offered_nothing_and_keeps_what_is_assigned(center: Center):
    grace = await center.agent()
    offered, assigned = await center.offer(grace), await center.ticket(held_by=grace)
    async with center.lead.work() as work:
        withdrawn = await work.set_draining(grace.id, ADMIN, is_draining=True)
    assert withdrawn == [Turned(offered.ticket_id, TicketState.OFFERED, grace.id, "general", "email")]
    assert (await seen(center, offered)).state is TicketState.QUEUED
    assert (await seen(center, assigned)).state is TicketState.ASSIGNED


async def test_what_an_agent_was_given_waits_again_at_its_place(center: Center):
    grace = await center.agent()
    leases = [await center.ticket(held_by=grace, waited=HOUR), await center.offer(grace, queue="live")]
    kept = await center.ticket(held_by=grace, state=TicketState.WRAP_UP)
    before = [await seen(center, lease) for lease in leases]
    async with center.lead.work() as work:
        released = await work.requeue(grace.id, ADMIN)
    assert released == [
        Turned(leases[0].ticket_id, TicketState.ASSIGNED, grace.id, "general", "email"),
        Turned(leases[1].ticket_id, TicketState.OFFERED, grace.id, "live", "email"),
    ]
    for was, lease in zip(before, leases, strict=True):
        now = await seen(center, lease)
        assert (now.state, now.assigned_to, now.wait) == (TicketState.QUEUED, None, was.wait)
        assert await center.history(lease.ticket_id) == [("release", "queued", "admin", "requeued")]
    assert (await seen(center, kept)).state is TicketState.WRAP_UP


async def test_a_lead_requeues_the_tickets_of_their_own_teams_alone(center: Center):
    both = await center.agent("Grace", teams=["frontline", "specialists"])
    mine, other = (
        await center.ticket(held_by=both),
        await center.ticket(held_by=both, queue="expert", team="specialists"),
    )
    async with center.lead.work() as work:
        released = await work.requeue(both.id, lead(await center.agent("Lena")))
    assert [ticket.id for ticket in released] == [mine.ticket_id]
    assert (await seen(center, other)).state is TicketState.ASSIGNED


async def test_a_ticket_that_was_not_moved_has_nothing_to_undo(center: Center):
    assert await misroute(center, await center.ticket()) is None


async def test_the_last_move_is_found_with_the_wait_before_it(center: Center):
    lease = await center.ticket(waited=MINUTE)
    await move(center, lease, "live")
    before = await move(center, lease, "expert")
    found = await misroute(center, lease)
    assert found
    assert found.was == before.wait


async def test_what_was_undone_is_not_found_again(center: Center):
    lease = await center.ticket(waited=MINUTE)
    first = await move(center, lease, "live")
    await move(center, lease, "expert")
    last = await misroute(center, lease)
    assert last
    async with center.lead.work() as work:
        ticket = await work.ticket(lease.ticket_id, None)
        assert ticket
        await work.enqueue(ticket, last.was, ADMIN, kind=HistoryKind.REASSIGN, undone=last.event_id)
    found = await misroute(center, lease)
    assert found
    assert (found.was, found.event_id < last.event_id) == (first.wait, True)


async def test_a_wait_that_began_anew_since_keeps_its_times(center: Center):
    lease = await center.ticket(waited=MINUTE)
    before = await move(center, lease, "live")
    async with center.lead.work() as work:
        moved = await work.ticket(lease.ticket_id, None)
        assert moved
        woken = moved.wait._replace(enqueued_at=moved.now, due_at=moved.now + 2 * HOUR)
        await work.enqueue(moved, woken, ADMIN, reason=HistoryReason.WOKEN)
    found = await misroute(center, lease)
    assert found
    assert (found.was.requirement, found.was.due_at) == (before.wait.requirement, woken.due_at)


async def test_customers_come_by_the_due_times_of_their_tickets(center: Center):
    customers = [await center.customer() for _ in range(3)]
    for customer_id, waited in zip(customers, (MINUTE, 3 * MINUTE, 2 * MINUTE), strict=True):
        await center.ticket(customer_id=customer_id, waited=waited)
    async with center.lead.work() as work:
        waiting = await work.customers_waiting(await closable(center), None, limit=2)
    assert list(waiting) == [customers[1], customers[2]]


async def test_reserved_tickets_are_closed_too(center: Center):
    customer_id = await center.customer()
    lease = await center.ticket(customer_id=customer_id)
    await center.reserve(lease.ticket_id, await center.agent())
    async with center.lead.work() as work:
        assert list(await work.customers_waiting(await closable(center), None, limit=2)) == [customer_id]


async def test_only_what_waits_there_so_long_is_closed(center: Center):
    grace = await center.agent()
    customer_id = await center.customer()
    old = await center.ticket(customer_id=customer_id, waited=2 * HOUR)
    for other in (
        {"waited": MINUTE},
        {"waited": 2 * HOUR, "queue": "live"},
        {"waited": 2 * HOUR, "team": "specialists"},
        {"waited": 2 * HOUR, "held_by": grace},
    ):
        await center.ticket(customer_id=customer_id, **other)
    what, by = await closable(center, older_than=HOUR), lead(grace)
    async with center.lead.work() as work:
        [customer] = await work.lock_customers({customer_id})
        ended = await work.close(what, [customer.id], by, limit=10)
    assert list(ended) == [Ended(ticket_id=old.ticket_id, customer_id=customer_id, channel="email")]
    assert (await seen(center, old)).state is TicketState.RESOLVED
    assert await center.history(old.ticket_id) == [("resolve", "resolved", str(by), "closed")]


async def test_tickets_of_other_customers_and_beyond_the_limit_are_left(center: Center):
    customer_id = await center.customer()
    first, second = [await center.ticket(customer_id=customer_id) for _ in range(2)]
    other = await center.ticket()
    async with center.lead.work() as work:
        ended = await work.close(await closable(center), [customer_id], ADMIN, limit=1)
    assert [one.ticket_id for one in ended] == [first.ticket_id]
    assert [(await seen(center, lease)).state for lease in (second, other)] == [TicketState.QUEUED] * 2


async def test_a_ticket_is_found_with_what_holds_it_up(center: Center):
    grace = await center.agent()
    lease = await center.offer(grace)
    stuck = await center.lead.stuck(Viewer(teams=FRONTLINE), lease.ticket_id)
    assert stuck
    assert (stuck.id, stuck.state, stuck.holder) == (lease.ticket_id, TicketState.OFFERED, "Grace")
    assert stuck.state_until
    assert stuck.wait == (await seen(center, lease)).wait
    assert await center.lead.stuck(Viewer(teams=frozenset({"specialists"})), lease.ticket_id) is None
    assert await center.lead.stuck(EVERYBODY, TicketId(99)) is None


async def test_everybody_of_the_team_stands_somehow_to_a_ticket(center: Center):
    ada, grace = await center.agent("Ada", skills=["german"]), await center.agent("Grace")
    alan = await center.agent("Alan", teams=["specialists"])
    await center.declare(grace, Status.BUSY, "training")
    await center.drain(ada)
    await center.ticket(held_by=ada, channel="chat")
    offered = await center.offer(ada)
    async with center.offers.answering(Hold(agent=ada, lease=offered)) as answering:
        await answering.decline()
    await center.reserve(offered.ticket_id, alan)
    stuck = await center.lead.stuck(EVERYBODY, offered.ticket_id)
    assert stuck
    first, second, third = await center.lead.standings(EVERYBODY, stuck, RULES)
    assert (first.agent, first.is_draining, first.presence, first.held, first.refusal) == (
        ada,
        True,
        None,
        {"chat": 1},
        "declined",
    )
    assert (second.agent, second.capacity, second.refusal) == (alan, RULES.capacity, None)
    assert third.presence
    assert (third.agent, third.presence.status, third.presence.reason) == (grace, Status.BUSY, "training")
    of_team = await center.lead.standings(Viewer(teams=FRONTLINE), stuck, RULES)
    assert [standing.agent.name for standing in of_team] == ["Ada", "Grace"]


async def test_work_that_fails_does_nothing(center: Center):
    grace = await center.agent()
    lease = await center.ticket(held_by=grace)
    with pytest.raises(RuntimeError):  # noqa: PT012 - the work is what must fail
        async with center.lead.work() as work:
            await work.requeue(grace.id, ADMIN)
            await work.set_draining(grace.id, ADMIN, is_draining=True)
            raise RuntimeError
    assert (await seen(center, lease)).state is TicketState.ASSIGNED
    assert await center.audit() == []
