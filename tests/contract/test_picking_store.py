"""What every store must do where agents choose their tickets, the fake as well as PostgreSQL."""

from dataclasses import replace

import pytest

from router.domain.actor import Viewer
from router.domain.agent import Agent, Lease, Status
from router.domain.errors import Conflict
from router.domain.ticket import TicketNow, TicketState
from router.flow.assign.picking import After
from router.flow.see.tickets import TicketLine
from router.policy.parse import parse_policy
from tests.making.center import Center
from tests.making.moments import HOUR, MINUTE

RULES = parse_policy("""
assignment: {capacity: {limit: 7}}
teams: {frontline: {takes: any}}
queues: {general: {team: frontline}}
routes: [{name: rest, queue: general, target: 4h}]
triage: {bias: 0}
""").assignment


def eyes(agent: Agent) -> Viewer:
    return Viewer(agent_id=agent.id, teams=agent.teams)


async def waiting(center: Center, agent: Agent, after: TicketLine | None = None, limit: int = 10) -> list[TicketLine]:
    place = After(due_at=after.due_at, ticket_id=after.id) if after else None
    return list(await center.picking.waiting(eyes(agent), "general", after=place, limit=limit))


async def found(center: Center, agent: Agent, lease: Lease) -> TicketNow | None:
    async with center.picking.work() as work:
        return (await work.lock_tickets([lease.ticket_id], agent.teams)).get(lease.ticket_id)


async def test_what_waits_is_listed_due_first_page_by_page(center: Center):
    grace = await center.agent()
    leases = [await center.ticket(waited=waited) for waited in (MINUTE, 3 * MINUTE, 2 * MINUTE)]
    first, second = await waiting(center, grace, limit=2)
    [third] = await waiting(center, grace, after=second)
    assert [line.id for line in (first, second, third)] == [leases[n].ticket_id for n in (1, 2, 0)]
    assert (first.state, first.queue, first.team, first.lease) == (TicketState.QUEUED, "general", "frontline", None)
    assert await waiting(center, grace, after=third) == []


async def test_only_what_may_be_chosen_is_listed(center: Center):
    grace, ada = await center.agent("Grace"), await center.agent("Ada")
    await center.ticket(held_by=ada)
    await center.ticket(queue="live")
    await center.ticket(team="specialists")
    for_grace, for_ada = [await center.ticket(), await center.ticket()]
    await center.reserve(for_grace.ticket_id, grace)
    await center.reserve(for_ada.ticket_id, ada)
    assert [line.id for line in await waiting(center, grace)] == [for_grace.ticket_id]


async def test_how_the_agent_stands_to_the_ticket(center: Center):
    grace = await center.agent(skills=["german"])
    await center.agent("Ada")
    await center.declare(grace, Status.AVAILABLE)
    await center.ticket(held_by=grace, channel="chat")
    ticket = await found(center, grace, await center.ticket())
    assert ticket
    async with center.picking.work() as work:
        standing = await work.standing(grace, ticket, RULES)
    assert (standing.agent, standing.capacity, standing.held) == (grace, RULES.capacity, {"chat": 1})
    assert standing.presence
    assert (standing.presence.status, standing.is_draining, standing.refusal) == (Status.AVAILABLE, False, None)


async def test_a_taken_ticket_is_the_agents_under_a_new_lease(center: Center):
    grace = await center.agent()
    lease = await center.ticket(waited=HOUR)
    await center.reserve(lease.ticket_id, grace)
    before = await found(center, grace, lease)
    assert before
    async with center.picking.work() as work:
        assignment = await work.take(grace, before, "v1")
    after = await found(center, grace, lease)
    assert after
    assert assignment.lease == Lease(lease.ticket_id, before.epoch + 1)
    assert (after.state, after.assigned_to, after.epoch) == (TicketState.ASSIGNED, grace.id, before.epoch + 1)
    assert after.wait.reserved_for is None
    assert (assignment.queue, assignment.channel, assignment.met_target) == ("general", "email", True)
    assert 3600 <= assignment.waited_s < 3660
    assert await center.history(lease.ticket_id) == [("accept", "assigned", f"agent:{grace.id}", "picked")]


async def test_a_ticket_that_has_moved_on_is_not_taken(center: Center):
    grace = await center.agent()
    lease = await center.ticket()
    before = await found(center, grace, lease)
    assert before
    async with center.picking.work() as work:
        await work.take(grace, before, "v1")
    for stale in (before, replace(before, state=TicketState.ASSIGNED)):
        with pytest.raises(Conflict, match="moved on"):
            async with center.picking.work() as work:
                await work.take(grace, stale, "v1")


async def test_a_take_that_fails_takes_nothing(center: Center):
    grace = await center.agent()
    lease = await center.ticket()
    before = await found(center, grace, lease)
    assert before
    with pytest.raises(RuntimeError):  # noqa: PT012 - the work is what must fail
        async with center.picking.work() as work:
            await work.take(grace, before, "v1")
            raise RuntimeError
    after = await found(center, grace, lease)
    assert after
    assert (after.state, after.epoch) == (TicketState.QUEUED, before.epoch)
