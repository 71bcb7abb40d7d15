"""The rules by which agents choose what waits in a queue."""

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from router.domain.actor import Viewer
from router.domain.agent import Agent, Lease, Status
from router.domain.errors import Conflict, NotFound, Refused
from router.domain.ticket import TicketId, TicketState
from router.flow.assign.picking import Picking
from router.metrics import Metrics
from router.policy.parse import parse_policy
from tests.fakes.center import FakeCenter
from tests.making.moments import MINUTE

POLICY = parse_policy("""
assignment: {capacity: {limit: 2}, grace: 90s}
teams:
  frontline: {takes: simple}
  specialists: {takes: complex}
queues:
  general: {team: frontline, cherry_pick: true}
  strict: {team: frontline}
  expert: {team: specialists, cherry_pick: true}
routes:
  - {name: complex, when: {complexity: complex}, queue: expert, target: 8h}
  - {name: rest, queue: general, target: 4h}
triage: {bias: -1}
""")


@pytest.fixture
def picking(center: FakeCenter, registry: CollectorRegistry) -> Picking:
    return Picking(store=center.picking, policy=lambda: POLICY, metrics=Metrics(registry))


@pytest.fixture
async def grace(center: FakeCenter) -> Agent:
    """Is there, and has nothing to do."""
    grace = await center.agent("Grace")
    await center.declare(grace, Status.AVAILABLE)
    return grace


async def listed(picking: Picking, agent: Agent, queue: str) -> list[int]:
    viewer = Viewer(agent_id=agent.id, teams=agent.teams)
    return [line.id for line in await picking.waiting(viewer, queue, after=None, limit=10)]


async def test_what_waits_is_listed_due_first(center: FakeCenter, picking: Picking, grace: Agent):
    later, sooner = await center.ticket(), await center.ticket(waited=MINUTE)
    assert await listed(picking, grace, "general") == [sooner.ticket_id, later.ticket_id]


async def test_a_queue_of_another_team_is_not_there(picking: Picking, grace: Agent):
    for queue in ("expert", "kitchen"):
        with pytest.raises(NotFound, match=queue):
            await listed(picking, grace, queue)


async def test_nothing_is_chosen_where_the_policy_does_not_say_so(center: FakeCenter, picking: Picking, grace: Agent):
    said = "Agents cannot choose tickets in queue strict: ask for the next one"
    with pytest.raises(Refused, match=said):
        await listed(picking, grace, "strict")
    with pytest.raises(Refused, match=said):
        await picking.take(grace, (await center.ticket(queue="strict")).ticket_id)
    with pytest.raises(Refused, match="Agents cannot choose tickets in queue kitchen"):
        await picking.take(grace, (await center.ticket(queue="kitchen")).ticket_id)


async def test_a_taken_ticket_is_held_under_its_lease(
    center: FakeCenter, picking: Picking, grace: Agent, registry: CollectorRegistry
):
    waiting = await center.ticket()
    lease = await picking.take(grace, waiting.ticket_id)
    row = center.database.tables.tickets[waiting.ticket_id]
    assert (row.state, row.assigned_to, row.epoch) == (TicketState.ASSIGNED, grace.id, lease.epoch)
    labels = {"queue": "general", "channel": "email", "within_target": "true"}
    assert registry.get_sample_value("router_tickets_answered_total", labels) == 1


async def test_a_take_is_safe_to_repeat(
    center: FakeCenter, picking: Picking, grace: Agent, registry: CollectorRegistry
):
    ticket_id = (await center.ticket()).ticket_id
    first, second = [await picking.take(grace, ticket_id) for _ in range(2)]
    assert first == second == Lease(ticket_id, 1)
    labels = {"queue": "general", "channel": "email", "within_target": "true"}
    assert registry.get_sample_value("router_tickets_answered_total", labels) == 1


@pytest.mark.parametrize("state", [TicketState.ASSIGNED, TicketState.OFFERED, TicketState.WRAP_UP])
async def test_who_comes_too_late_is_told_that_somebody_was_faster(
    center: FakeCenter, picking: Picking, grace: Agent, state: TicketState
):
    lease = await center.ticket(held_by=await center.agent("Ada"), state=state)
    with pytest.raises(Conflict, match=f"Ticket 1 is {state}: somebody was faster, choose another one"):
        await picking.take(grace, lease.ticket_id)


async def test_a_ticket_of_another_team_is_not_there(center: FakeCenter, picking: Picking, grace: Agent):
    other = await center.ticket(queue="expert", team="specialists")
    for ticket_id in (other.ticket_id, TicketId(99)):
        with pytest.raises(NotFound, match=f"There is no ticket {ticket_id} in your teams"):
            await picking.take(grace, ticket_id)


async def test_skills_are_asked_for_unless_the_ticket_is_reserved_for_the_agent(
    center: FakeCenter, picking: Picking, grace: Agent
):
    lease = await center.ticket(skills=("german",))
    with pytest.raises(Refused, match="You cannot take ticket 1: Grace lacks german"):
        await picking.take(grace, lease.ticket_id)
    await center.reserve(lease.ticket_id, grace)
    assert await picking.take(grace, lease.ticket_id)


async def test_a_ticket_that_is_reserved_for_somebody_else_is_not_taken(
    center: FakeCenter, picking: Picking, grace: Agent
):
    lease = await center.ticket()
    await center.reserve(lease.ticket_id, await center.agent("Ada"))
    with pytest.raises(
        Refused, match="You cannot take ticket 1: Grace is not the agent that the ticket is reserved for"
    ):
        await picking.take(grace, lease.ticket_id)


async def away(center: FakeCenter, agent: Agent) -> None:
    await center.declare(agent, Status.AWAY, "lunch")


async def full(center: FakeCenter, agent: Agent) -> None:
    for _ in range(2):
        await center.ticket(held_by=agent)


async def gone(center: FakeCenter, agent: Agent) -> None:
    await center.pass_time(2 * MINUTE)


@pytest.mark.parametrize(
    ("become", "said"),
    [
        (away, r"Grace is away \(lunch\)"),
        (FakeCenter.drain, "Grace is draining"),
        (full, "Grace has no room"),
        (gone, "Grace was last heard from"),
    ],
    ids=["away", "draining", "full", "gone"],
)
async def test_who_is_given_nothing_takes_nothing(
    center: FakeCenter, picking: Picking, grace: Agent, become, said: str
):
    lease = await center.ticket()
    await become(center, grace)
    with pytest.raises(Refused, match=f"You cannot take ticket 1: {said}"):
        await picking.take(grace, lease.ticket_id)
    assert center.database.tables.tickets[lease.ticket_id].state is TicketState.QUEUED


async def test_a_ticket_that_is_taken_while_the_agent_waits_is_not_taken_again(
    center: FakeCenter, picking: Picking, grace: Agent
):
    lease = await center.ticket()
    ada = await center.agent("Ada")

    def take() -> None:
        tables = center.database.tables
        row = tables.tickets[lease.ticket_id]
        tables.tickets[row.id] = replace(row, state=TicketState.ASSIGNED, assigned_to=ada.id, epoch=1)

    center.database.meanwhile.append(take)
    with pytest.raises(Conflict, match="somebody was faster"):
        await picking.take(grace, lease.ticket_id)
