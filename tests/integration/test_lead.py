"""A lead's tools on a real PostgreSQL, but for undoing."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

import pytest

from router.domain.actor import Actor
from router.domain.agent import Agent, Lease, Role
from router.domain.customer import Contact, ContactOutcome
from router.domain.errors import Conflict, Invalid, NotFound, Refused
from router.flow.assign.hold import Hold
from router.flow.work.transfer import Destination
from tests.clients.api import Api
from tests.making.agents import an_agent
from tests.making.builders import ADA, a_customer, a_ticket
from tests.making.holds import a_hold, history, page, place, row
from tests.making.moments import NOON
from tests.watching.waiting import waiting_for_locks

POLICY = """
teams:
  frontline: {takes: simple, overflow_to: [specialists]}
  specialists: {takes: complex}
queues:
  general: {team: frontline}
  live: {team: frontline, mode: push, wrap_up: 60s}
  expert: {team: specialists}
routes:
  - {name: complex, when: {complexity: complex}, queue: expert, target: 8h}
  - {name: rest, queue: general, target: 4h, relax: [{after: 30m, target: 5m}]}
triage: {bias: -1}
"""
ADMIN = Actor(role=Role.ADMIN)
TO_EXPERTS = Destination(queue="expert", note="Please look.")


@pytest.fixture
async def lead(api: Api) -> Actor:
    return Actor(role=Role.LEAD, agent=await an_agent(api.database, "Linus"))


async def audited(api: Api) -> list[tuple[str, str, str]]:
    """Who drained whom, and who ended it."""
    drains = "select actor, action, subject from audit where action like '%drain' order by id"
    return [tuple(found) for found in await api.database.fetch("test", drains)]


async def offered(api: Api, hold: Hold) -> None:
    await api.database.execute(
        "test",
        "update ticket set state = 'offered', state_until = now() + interval '20s' where id = $1",
        hold.lease.ticket_id,
    )


async def test_reassigned_ticket_is_its_holders_no_more(api: Api, grace: Agent, lead: Actor):
    hold = await a_hold(api, grace)
    await api.lead.reassign(lead, hold.lease.ticket_id, TO_EXPERTS)
    with pytest.raises(NotFound):
        await api.desk.note(hold, "Late.")
    ticket = await row(api, hold.lease.ticket_id)
    assert (ticket["state"], ticket["queue"], ticket["team"]) == ("queued", "expert", "specialists")
    kind, state, actor, data = (await history(api, hold))[-1]
    assert (kind, state, actor, data["holder"]) == ("reassign", "queued", f"lead:{lead.agent.id}", grace.id)
    [note] = (await page(api, hold)).transcript
    assert (note.author, note.text) == ("Linus", "Please look.")
    assert api.counted("router_tickets_queued_total", queue="expert", channel="email", reason="reassigned") == 1


async def test_lease_of_a_reassigned_ticket_is_stale_even_when_it_comes_back(api: Api, grace: Agent, lead: Actor):
    caller = await api.agent(grace)
    hold = await a_hold(api, grace)
    await api.lead.reassign(lead, hold.lease.ticket_id, Destination(queue="general"))
    late = await caller.post(f"/v1/tickets/{hold.lease.ticket_id}/resolve", lease=hold.lease)
    assert late.status == 409
    assert (await caller.post("/v1/me/next")).json["lease"] == str(Lease(hold.lease.ticket_id, 2))
    assert (await caller.post(f"/v1/tickets/{hold.lease.ticket_id}/resolve", lease=hold.lease)).status == 409


async def test_ticket_is_reassigned_to_an_agent_who_alone_is_given_it(api: Api, grace: Agent, lead: Actor):
    ticket_id = (await a_hold(api, grace)).lease.ticket_id
    await api.lead.reassign(lead, ticket_id, Destination(agent="Linus"))
    ticket = await row(api, ticket_id)
    assert (ticket["state"], ticket["queue"], ticket["reserved_for"]) == ("queued", "general", lead.agent.id)


@pytest.mark.parametrize("state", ["queued", "offered", "snoozed"])
async def test_open_tickets_are_reassigned_from_every_state(api: Api, grace: Agent, lead: Actor, state: str):
    hold = await a_hold(api, grace)
    if state == "snoozed":
        await api.desk.snooze(hold)
    if state == "offered":
        await offered(api, hold)
    if state == "queued":
        await api.lead.requeue(lead, "Grace")
    await api.lead.reassign(lead, hold.lease.ticket_id, Destination(queue="live"))
    ticket = await row(api, hold.lease.ticket_id)
    assert (ticket["state"], ticket["queue"], ticket["state_until"]) == ("queued", "live", None)


async def test_ended_tickets_are_not_reassigned(api: Api, grace: Agent, lead: Actor):
    wrapping_up = await a_hold(api, grace, queue="live")
    await api.desk.resolve(wrapping_up)
    resolved = await a_ticket(api.database, state="resolved")
    for ticket_id in (wrapping_up.lease.ticket_id, resolved.ticket_id):
        with pytest.raises(Conflict, match="only tickets that are open and not in wrap-up can be moved"):
            await api.lead.reassign(lead, ticket_id, Destination(queue="live"))


async def test_policy_binds_a_lead_too(api: Api):
    complex_one = await a_ticket(api.database, queue="expert", team="specialists", complexity="complex")
    with pytest.raises(Refused, match="takes simple tickets"):
        await api.lead.reassign(ADMIN, complex_one.ticket_id, Destination(queue="general"))
    with pytest.raises(Invalid, match="choose one of expert, general, live"):
        await api.lead.reassign(ADMIN, complex_one.ticket_id, Destination(queue="nowhere"))


async def test_ticket_that_changes_hands_at_the_moment_of_its_reassignment_stays_there(
    api: Api, grace: Agent, lead: Actor
):
    waiting = await a_ticket(api.database)
    async with asyncio.TaskGroup() as tasks, api.database.transaction("test") as connection:
        await connection.execute("select from ticket where id = $1 for update", waiting.ticket_id)
        late = tasks.create_task(conflict(api.lead.reassign(lead, waiting.ticket_id, Destination(queue="expert"))))
        await waiting_for_locks(api.database, count=1)
        await connection.execute(
            "update ticket set state = 'assigned', assigned_to = $2, lease_epoch = 1 where id = $1",
            waiting.ticket_id,
            grace.id,
        )
    assert "changed hands" in late.result()
    assert (await row(api, waiting.ticket_id))["assigned_to"] == grace.id


async def conflict(work: Awaitable[object]) -> str:
    with pytest.raises(Conflict) as refused:
        await work
    return str(refused.value)


async def test_draining_agent_keeps_what_is_assigned_and_is_given_nothing(api: Api, grace: Agent, lead: Actor):
    caller = await api.agent(grace)
    hold = await a_hold(api, grace)
    pending = await a_hold(api, grace)
    await offered(api, pending)
    await api.lead.drain(lead, "Grace", is_draining=True)
    await api.desk.note(hold, "Still mine.")
    assert (await row(api, pending.lease.ticket_id))["state"] == "queued"
    assert (await caller.post("/v1/me/next")).status == 403
    await api.lead.drain(lead, "Grace", is_draining=False)
    assert (await caller.post("/v1/me/next")).status == 200
    actor = f"lead:{lead.agent.id}"
    assert await audited(api) == [(actor, "agent.drain", "agent:Grace"), (actor, "agent.undrain", "agent:Grace")]


async def test_what_is_so_already_leaves_no_trail(api: Api, grace: Agent):
    await api.lead.drain(ADMIN, grace.name, is_draining=False)
    assert await audited(api) == []


async def test_requeued_tickets_wait_again_at_their_places(api: Api, grace: Agent, lead: Actor):
    first = await a_hold(api, grace)
    second = await a_hold(api, grace, enqueued_at=NOON + timedelta(minutes=1))
    await offered(api, second)
    wrapping_up = await a_hold(api, grace, queue="live")
    await api.desk.resolve(wrapping_up)
    before = [place(await row(api, hold.lease.ticket_id)) for hold in (first, second)]
    assert await api.lead.requeue(lead, "Grace") == 2
    tickets = [await row(api, hold.lease.ticket_id) for hold in (first, second)]
    assert [place(ticket) for ticket in tickets] == before
    assert {(ticket["state"], ticket["assigned_to"], ticket["state_until"]) for ticket in tickets} == {
        ("queued", None, None)
    }
    assert (await row(api, wrapping_up.lease.ticket_id))["state"] == "wrap_up"
    kind, state, actor, data = (await history(api, first))[-1]
    assert (kind, state, actor, data["reason"]) == ("release", "queued", f"lead:{lead.agent.id}", "requeued")
    with pytest.raises(Conflict):
        await api.desk.resolve(first)
    assert api.counted("router_offers_total", queue="general", outcome="withdrawn") == 1


async def test_lead_requeues_the_tickets_of_own_teams_alone(api: Api, lead: Actor):
    both = await an_agent(api.database, "Both", teams=["frontline", "specialists"])
    await a_hold(api, both)
    theirs = await a_hold(api, both, queue="expert", team="specialists")
    assert await api.lead.requeue(lead, "Both") == 1
    assert (await row(api, theirs.lease.ticket_id))["state"] == "assigned"


async def test_agents_of_other_teams_are_not_there(api: Api, lead: Actor):
    await an_agent(api.database, "Alan", teams=["specialists"])
    for name in ("Alan", "Nobody"):
        for tool in (
            api.lead.requeue(lead, name),
            api.lead.drain(lead, name, is_draining=True),
            api.lead.drain(lead, name, is_draining=False),
        ):
            with pytest.raises(NotFound, match=f"There is no agent {name} in your teams."):
                await tool
    assert await api.lead.requeue(ADMIN, "Alan") == 0


async def test_tickets_of_other_teams_are_not_there(api: Api, lead: Actor):
    theirs = await a_ticket(api.database, queue="expert", team="specialists")
    for ticket_id in (theirs.ticket_id, theirs.ticket_id + 1000):
        for tool in (
            api.lead.reassign(lead, ticket_id, Destination(queue="general")),
            api.lead.undo(lead, ticket_id),
            api.lead.why(lead, ticket_id),
        ):
            with pytest.raises(NotFound, match=f"There is no ticket {ticket_id} in your teams."):
                await tool


async def test_closed_queue_has_nothing_waiting_and_the_digests_say_so(api: Api, lead: Actor):
    customer = await a_customer(api.database, ADA)
    waiting = await a_ticket(api.database, customer_id=customer)
    contact = Contact(at=NOON, channel="email", queue="general", ticket_id=waiting.ticket_id)
    await api.database.execute("test", "update customer set contacts = $1 where id = $2", [contact.encode()], customer)
    reserved = await a_ticket(api.database, customer_id=customer, channel="chat")
    await api.database.execute(
        "test", "update ticket set reserved_for = $1 where id = $2", lead.agent.id, reserved.ticket_id
    )
    elsewhere = await a_ticket(api.database, queue="live")
    assert await api.lead.close(lead, "general", why="Storm is over") == 2
    assert [(await row(api, lease.ticket_id))["state"] for lease in (waiting, reserved, elsewhere)] == [
        "resolved",
        "resolved",
        "queued",
    ]
    hold = Hold(agent=lead.agent, lease=waiting)
    contacts = (await page(api, hold)).customer.contacts
    assert [contact.outcome for contact in contacts] == [ContactOutcome.RESOLVED]
    kind, state, actor, data = (await history(api, hold))[-1]
    assert (kind, state, actor, data["why"]) == ("resolve", "resolved", f"lead:{lead.agent.id}", "Storm is over")
    assert api.counted("router_tickets_resolved_total", queue="general", channel="chat") == 1


async def test_only_what_has_waited_so_long_is_closed(api: Api):
    await a_ticket(api.database)
    [found] = await api.database.fetch("test", "select now()")
    young = await a_ticket(api.database, enqueued_at=found["now"])
    assert await api.lead.close(ADMIN, "general", why="Too late", older_than=timedelta(days=1)) == 1
    assert (await row(api, young.ticket_id))["state"] == "queued"


async def test_more_than_one_chunk_is_closed_with_one_word(api: Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("router.flow.work.lead.CLOSED_AT_ONCE", 3)
    customer = await a_customer(api.database)
    for number in range(8):
        await a_ticket(api.database, customer_id=customer if number % 2 else None)
    assert await api.lead.close(ADMIN, "general", why="Storm is over") == 8


async def test_ticket_that_somebody_writes_to_is_left_out_of_a_close(api: Api):
    busy = await a_ticket(api.database)
    await a_ticket(api.database)
    async with api.database.transaction("test") as connection:
        await connection.execute("select from ticket where id = $1 for update", busy.ticket_id)
        assert await api.lead.close(ADMIN, "general", why="Storm is over") == 1
    assert (await row(api, busy.ticket_id))["state"] == "queued"


async def test_queue_of_another_team_is_not_there_to_be_closed(api: Api, lead: Actor):
    theirs = await a_ticket(api.database, queue="expert", team="specialists")
    for queue in ("expert", "nowhere"):
        with pytest.raises(NotFound, match=f"There is no queue {queue} in your teams."):
            await api.lead.close(lead, queue, why="Mine")
    assert (await row(api, theirs.ticket_id))["state"] == "queued"
    assert await api.lead.close(lead, "live", why="Nothing waits") == 0


async def test_queue_that_the_policy_dropped_can_be_closed(api: Api, lead: Actor):
    await a_ticket(api.database, queue="dropped")
    for by in (lead, ADMIN):
        assert await api.lead.close(by, "dropped", why="Too late", older_than=timedelta(days=100_000)) == 0
    assert await api.lead.close(lead, "dropped", why="Not offered any more") == 1
    with pytest.raises(NotFound):
        await api.lead.close(lead, "dropped", why="It is empty now")


async def test_why_says_what_keeps_each_agent_from_the_ticket(api: Api, grace: Agent, lead: Actor):
    caller = await api.agent(grace)
    await caller.get("/v1/me/tickets")  # a sign of life
    await an_agent(api.database, "Alan", teams=["specialists"])
    waiting = await a_ticket(api.database)
    why = await api.lead.why(lead, waiting.ticket_id)
    assert (why.queue, why.team, why.state) == ("general", "frontline", "queued")
    assert [(one.agent, one.why_not) for one in why.agents] == [("Grace", None), ("Linus", "has never been here")]
    await api.database.execute(
        "test",
        "insert into refusal (ticket_id, agent_id, enqueued_at, at, kind) values ($1, $2, $3, now(), 'declined')",
        waiting.ticket_id,
        grace.id,
        NOON,
    )
    await api.database.execute("test", "update ticket set queue = 'live' where id = $1", waiting.ticket_id)
    pushed = await api.lead.why(ADMIN, waiting.ticket_id)
    assert [one.why_not for one in pushed.agents if one.agent == "Grace"] == [
        "declined it in this wait, and is asked again only if nobody else can take it"
    ]
