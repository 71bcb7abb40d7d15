"""The rules of a lead's tools, whoever holds the tickets."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from router.domain.actor import Actor
from router.domain.agent import Agent, Lease, Role, Status
from router.domain.customer import Contact, ContactOutcome
from router.domain.errors import Conflict, Invalid, NotFound, Refused
from router.domain.ticket import TicketId, TicketState
from router.flow.work import lead as lead_module
from router.flow.work.lead import Lead
from router.flow.work.transfer import Destination
from router.metrics import Metrics
from router.policy.model import Policy
from router.policy.parse import parse_policy
from tests.fakes.center import FakeCenter
from tests.fakes.tables import TicketRow
from tests.making.moments import HOUR, MINUTE

POLICY_TEXT = """
teams:
  frontline: {takes: simple, overflow_to: [specialists]}
  specialists: {takes: complex}
queues:
  general: {team: frontline}
  live: {team: frontline, mode: push}
  expert: {team: specialists}
routes:
  - {name: complex, when: {complexity: complex}, queue: expert, target: 8h}
  - {name: rest, queue: general, target: 4h}
triage: {bias: -1}
"""
ADMIN = Actor(role=Role.ADMIN)
TO_EXPERTS = Destination(queue="expert", note="Please look.")


class Policies:
    """The policy that is in force."""

    def __init__(self) -> None:
        self.now = parse_policy(POLICY_TEXT)

    def __call__(self) -> Policy:
        return self.now


@pytest.fixture
def policies() -> Policies:
    return Policies()


@pytest.fixture
def lead(center: FakeCenter, registry: CollectorRegistry, policies: Policies) -> Lead:
    return Lead(store=center.lead, policy=policies, metrics=Metrics(registry))


@pytest.fixture
async def grace(center: FakeCenter) -> Agent:
    return await center.agent("Grace")


@pytest.fixture
async def lena(center: FakeCenter) -> Actor:
    """Leads the frontline."""
    return Actor(role=Role.LEAD, agent=await center.agent("Lena"))


def row(center: FakeCenter, lease: Lease) -> TicketRow:
    return center.database.tables.tickets[lease.ticket_id]


def withdrawn(registry: CollectorRegistry) -> float | None:
    return registry.get_sample_value("router_offers_total", {"queue": "live", "outcome": "withdrawn"})


MOVES: dict[str, Callable[[Lead, Actor, TicketId], Awaitable[object]]] = {
    "reassign": lambda lead, by, ticket_id: lead.reassign(by, ticket_id, TO_EXPERTS),
    "undo": lambda lead, by, ticket_id: lead.undo(by, ticket_id),
    "why": lambda lead, by, ticket_id: lead.why(by, ticket_id),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
async def test_a_ticket_of_another_team_is_not_there(center: FakeCenter, lead: Lead, lena: Actor, move):
    lease = await center.ticket(queue="expert", team="specialists")
    for ticket_id in (lease.ticket_id, TicketId(99)):
        with pytest.raises(NotFound, match=f"There is no ticket {ticket_id} in your teams"):
            await move(lead, lena, ticket_id)


@pytest.mark.parametrize(
    "do",
    [
        lambda lead, by, name: lead.drain(by, name, is_draining=True),
        lambda lead, by, name: lead.requeue(by, name),
    ],
    ids=["drain", "requeue"],
)
async def test_an_agent_of_another_team_is_not_there(center: FakeCenter, lead: Lead, lena: Actor, do):
    await center.agent("Alan", teams=["specialists"])
    for name in ("Alan", "Nobody"):
        with pytest.raises(NotFound, match=f"There is no agent {name} in your teams"):
            await do(lead, lena, name)
    with pytest.raises(NotFound, match=r"There is no agent Nobody\.$"):
        await do(lead, ADMIN, "Nobody")


async def test_a_reassigned_ticket_begins_a_new_wait(
    center: FakeCenter, lead: Lead, lena: Actor, grace: Agent, registry: CollectorRegistry
):
    lease = await center.ticket(held_by=grace, waited=HOUR)
    await lead.reassign(lena, lease.ticket_id, TO_EXPERTS)
    after = row(center, lease)
    assert (after.state, after.assigned_to, after.requirement.queue) == (TicketState.QUEUED, None, "expert")
    assert after.wait.enqueued_at == center.database.tables.now
    assert await center.messages(lease.ticket_id) == [("note", "Please look.")]
    assert await center.history(lease.ticket_id) == [
        ("note", "assigned", str(lena), None),
        ("reassign", "queued", str(lena), "reassigned"),
    ]
    labels = {"queue": "expert", "channel": "email", "reason": "reassigned"}
    assert registry.get_sample_value("router_tickets_queued_total", labels) == 1


@pytest.mark.parametrize("state", [TicketState.QUEUED, TicketState.SNOOZED])
async def test_a_ticket_that_nobody_holds_is_reassigned(center: FakeCenter, lead: Lead, state: TicketState):
    lease = await center.ticket(state=state)
    await lead.reassign(ADMIN, lease.ticket_id, Destination(queue="expert"))
    assert (row(center, lease).state, row(center, lease).team) == (TicketState.QUEUED, "specialists")


async def test_the_offer_of_a_reassigned_ticket_is_withdrawn(
    center: FakeCenter, lead: Lead, grace: Agent, registry: CollectorRegistry
):
    lease = await center.offer(grace, queue="live")
    await lead.reassign(ADMIN, lease.ticket_id, Destination(queue="expert"))
    assert withdrawn(registry) == 1


@pytest.mark.parametrize("state", [TicketState.RESOLVED, TicketState.ABANDONED, TicketState.WRAP_UP])
@pytest.mark.parametrize("move", [MOVES["reassign"], MOVES["undo"]], ids=["reassign", "undo"])
async def test_a_ticket_that_has_ended_is_not_moved(center: FakeCenter, lead: Lead, state: TicketState, move):
    lease = await center.ticket(state=state)
    with pytest.raises(
        Conflict, match=f"Ticket 1 is {state}: only tickets that are open and not in wrap-up can be moved"
    ):
        await move(lead, ADMIN, lease.ticket_id)


@pytest.mark.parametrize(
    ("to", "error", "said"),
    [
        (Destination(queue="kitchen"), Invalid, "queue: "),
        (Destination(agent="Nobody"), Invalid, "agent: is not known"),
        (Destination(queue="general"), Refused, "Queue general belongs to team frontline"),
    ],
)
async def test_the_policy_binds_a_lead_too(center: FakeCenter, lead: Lead, to: Destination, error, said: str):
    lease = await center.ticket(queue="expert", team="specialists", complexity="complex")
    with pytest.raises(error, match=said):
        await lead.reassign(ADMIN, lease.ticket_id, to)
    assert await center.history(lease.ticket_id) == []


async def test_a_ticket_that_changes_hands_at_that_moment_stays_there(center: FakeCenter, lead: Lead, grace: Agent):
    lease = await center.ticket(held_by=grace)
    ada = await center.agent("Ada")

    def pass_on() -> None:
        tables = center.database.tables
        tables.tickets[lease.ticket_id] = replace(row(center, lease), assigned_to=ada.id, epoch=2)

    center.database.meanwhile.append(pass_on)
    with pytest.raises(Conflict, match="Ticket 1 has just changed hands: try again"):
        await lead.reassign(ADMIN, lease.ticket_id, TO_EXPERTS)
    assert await center.messages(lease.ticket_id) == []


async def test_undo_gives_a_ticket_the_wait_back_that_it_had(center: FakeCenter, lead: Lead, lena: Actor):
    lease = await center.ticket(waited=HOUR, skills=("german",))
    before = row(center, lease)
    await lead.reassign(lena, lease.ticket_id, Destination(queue="live"))
    await center.pass_time(MINUTE)
    await lead.undo(lena, lease.ticket_id)
    assert row(center, lease).wait == before.wait
    assert (await center.history(lease.ticket_id))[-1] == ("reassign", "queued", str(lena), "undone")


async def test_every_move_is_undone_once_the_last_one_first(center: FakeCenter, lead: Lead):
    lease = await center.ticket(waited=HOUR)
    for queue in ("live", "expert"):
        await lead.reassign(ADMIN, lease.ticket_id, Destination(queue=queue))
    queues = []
    for _ in range(2):
        await lead.undo(ADMIN, lease.ticket_id)
        queues.append(row(center, lease).requirement.queue)
    assert queues == ["live", "general"]
    with pytest.raises(Conflict, match="There is nothing to undo: ticket 1 was not moved, or that is undone already"):
        await lead.undo(ADMIN, lease.ticket_id)


async def test_undo_takes_the_ticket_from_its_holder(
    center: FakeCenter, lead: Lead, grace: Agent, registry: CollectorRegistry
):
    lease = await center.ticket()
    await lead.reassign(ADMIN, lease.ticket_id, Destination(queue="live"))
    tables = center.database.tables
    offered = replace(row(center, lease), state=TicketState.OFFERED, assigned_to=grace.id)
    tables.tickets[lease.ticket_id] = offered
    await lead.undo(ADMIN, lease.ticket_id)
    assert (row(center, lease).state, row(center, lease).assigned_to) == (TicketState.QUEUED, None)
    assert withdrawn(registry) == 1


async def test_a_ticket_is_not_put_back_into_a_queue_that_is_gone(center: FakeCenter, lead: Lead, policies: Policies):
    lease = await center.ticket()
    await lead.reassign(ADMIN, lease.ticket_id, Destination(queue="live"))
    kept = {name: queue for name, queue in policies.now.queues.items() if name != "general"}
    policies.now = replace(policies.now, queues=kept)
    with pytest.raises(Conflict, match="queue general"):
        await lead.undo(ADMIN, lease.ticket_id)


async def test_a_draining_agent_keeps_what_is_assigned_and_is_offered_nothing(
    center: FakeCenter, lead: Lead, lena: Actor, grace: Agent, registry: CollectorRegistry
):
    offered, assigned = await center.offer(grace, queue="live"), await center.ticket(held_by=grace)
    await lead.drain(lena, "Grace", is_draining=True)
    assert (row(center, offered).state, row(center, assigned).state) == (TicketState.QUEUED, TicketState.ASSIGNED)
    assert withdrawn(registry) == 1
    await lead.drain(lena, "Grace", is_draining=True)
    await lead.drain(lena, "Grace", is_draining=False)
    assert await center.audit() == [
        (str(lena), "agent.drain", "agent:Grace"),
        (str(lena), "agent.undrain", "agent:Grace"),
    ]


async def test_requeued_tickets_wait_again_at_their_places(
    center: FakeCenter, lead: Lead, lena: Actor, grace: Agent, registry: CollectorRegistry
):
    leases = [await center.ticket(held_by=grace, waited=HOUR), await center.offer(grace, queue="live")]
    before = [row(center, lease).wait for lease in leases]
    assert await lead.requeue(lena, "Grace") == 2
    assert [row(center, lease).wait for lease in leases] == before
    assert {row(center, lease).state for lease in leases} == {TicketState.QUEUED}
    assert withdrawn(registry) == 1
    assert await lead.requeue(lena, "Grace") == 0


async def test_a_closed_queue_has_nothing_waiting_and_the_digests_say_so(
    center: FakeCenter, lead: Lead, lena: Actor, registry: CollectorRegistry
):
    customer_id = await center.customer()
    leases = [await center.ticket(customer_id=customer_id) for _ in range(2)]
    tables = center.database.tables
    for lease in leases:
        contact = Contact(at=tables.now, channel="email", queue="general", ticket_id=lease.ticket_id)
        tables.customers[customer_id] = tables.customers[customer_id].with_contact(contact)
    assert await lead.close(lena, "general", why="Power cut.") == 2
    assert {row(center, lease).state for lease in leases} == {TicketState.RESOLVED}
    digest = await center.digest(customer_id)
    assert [contact.outcome for contact in digest.contacts] == [ContactOutcome.RESOLVED] * 2
    labels = {"queue": "general", "channel": "email"}
    assert registry.get_sample_value("router_tickets_resolved_total", labels) == 2


async def test_only_what_has_waited_so_long_is_closed(center: FakeCenter, lead: Lead):
    old, young = await center.ticket(waited=2 * HOUR), await center.ticket(waited=timedelta(minutes=59))
    assert await lead.close(ADMIN, "general", why="Old.", older_than=HOUR) == 1
    assert [row(center, lease).state for lease in (old, young)] == [TicketState.RESOLVED, TicketState.QUEUED]


async def test_a_queue_is_closed_in_chunks(center: FakeCenter, lead: Lead, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lead_module, "CLOSED_AT_ONCE", 3)
    for _ in range(8):
        await center.ticket()
    transactions: list[int] = []
    close = center.database.transaction

    def counted():
        transactions.append(len(center.database.tables.history))
        return close()

    monkeypatch.setattr(center.database, "transaction", counted)
    assert await lead.close(ADMIN, "general", why="Power cut.") == 8
    assert transactions == [0, 0, 3, 6, 8]


async def test_what_begins_to_wait_during_a_close_is_left(center: FakeCenter, lead: Lead):
    await center.ticket()
    late: list[Lease] = []

    def arrive() -> None:
        tables = center.database.tables
        tables.now += MINUTE
        new = replace(tables.tickets[TicketId(1)], id=TicketId(2))
        tables.tickets[new.id] = replace(new, wait=new.wait._replace(enqueued_at=tables.now))
        late.append(Lease(new.id, 1))

    center.database.meanwhile.append(arrive)
    assert await lead.close(ADMIN, "general", why="Power cut.") == 1
    assert row(center, late[0]).state is TicketState.QUEUED


async def test_a_ticket_that_somebody_writes_to_is_left_out_of_a_close(center: FakeCenter, lead: Lead):
    busy, other = await center.ticket(), await center.ticket()
    center.database.locked.add(busy.ticket_id)
    assert await lead.close(ADMIN, "general", why="Power cut.") == 1
    assert [row(center, lease).state for lease in (busy, other)] == [TicketState.QUEUED, TicketState.RESOLVED]


async def test_a_queue_of_another_team_is_not_there_to_be_closed(center: FakeCenter, lead: Lead, lena: Actor):
    await center.ticket(queue="expert", team="specialists")
    for queue in ("expert", "kitchen"):
        with pytest.raises(NotFound, match=re.escape(queue)):
            await lead.close(lena, queue, why="Power cut.")


async def test_a_queue_that_the_policy_dropped_can_be_closed_while_tickets_wait_in_it(
    center: FakeCenter, lead: Lead, lena: Actor
):
    await center.ticket(queue="kitchen")
    assert await lead.close(lena, "kitchen", why="Power cut.") == 1
    with pytest.raises(NotFound):
        await lead.close(lena, "kitchen", why="Power cut.")


async def test_an_empty_queue_is_closed_already(lead: Lead, lena: Actor):
    assert await lead.close(lena, "general", why="Power cut.") == 0


async def test_why_says_what_keeps_each_agent_from_the_ticket(center: FakeCenter, lead: Lead, grace: Agent):
    ada = await center.agent("Ada")
    await center.declare(ada, Status.AVAILABLE)
    await center.drain(grace)
    await center.agent("Alan", teams=["specialists"])
    lease = await center.ticket()
    why = await lead.why(ADMIN, lease.ticket_id)
    assert [(answer.agent, answer.why_not is None) for answer in why.agents] == [("Ada", True), ("Grace", False)]
