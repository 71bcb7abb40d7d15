"""Undoing what moved a ticket: it gets its place back, and never one that it had in a wait before."""

import json
from datetime import timedelta

import pytest

from router.domain.actor import Actor
from router.domain.agent import Agent, Role
from router.domain.errors import Conflict
from router.flow.assign.timers import TicketTimers
from router.flow.work.transfer import Destination
from router.policy.parse import parse_policy
from router.postgres.assign.timers import PostgresTimers
from router.postgres.intake.receive import PostgresIntake
from tests.clients.api import Api
from tests.making.agents import an_agent
from tests.making.builders import ADA, a_conversation, a_customer, a_ticket
from tests.making.holds import a_hold, history, place, row
from tests.making.intake import MAILROOM, a_receiver
from tests.making.messages import a_message
from tests.making.moments import NOON

POLICY = """
teams: {frontline: {takes: simple, overflow_to: [specialists]}, specialists: {takes: complex}}
queues:
  general: {team: frontline}
  live: {team: frontline, mode: push}
  expert: {team: specialists}
routes:
  - {name: complex, when: {complexity: complex}, queue: expert, target: 8h}
  - {name: rest, queue: general, target: 4h, relax: [{after: 30m, target: 5m}]}
triage: {bias: -1}
"""
ADMIN = Actor(role=Role.ADMIN)


async def test_undo_gives_a_transferred_ticket_its_place_back(api: Api, grace: Agent):
    hold = await a_hold(api, grace, skills=("german",))
    before = await row(api, hold.lease.ticket_id)
    await api.desk.transfer(hold, Destination(queue="expert"))
    await api.lead.undo(ADMIN, hold.lease.ticket_id)
    after = await row(api, hold.lease.ticket_id)
    assert place(after) == place(before)
    assert (after["state"], after["skills"]) == ("queued", ["german"])
    kind, state, actor, data = (await history(api, hold))[-1]
    assert (kind, state, actor, data["reason"]) == ("reassign", "queued", "admin", "undone")


async def test_undo_takes_a_misrouted_ticket_from_whoever_holds_it(api: Api, grace: Agent):
    alan = await api.agent(await an_agent(api.database, "Alan", teams=["specialists"]))
    hold = await a_hold(api, grace)
    await api.desk.transfer(hold, Destination(queue="expert"))
    lease = (await alan.post("/v1/me/next")).json["lease"]
    await api.lead.undo(ADMIN, hold.lease.ticket_id)
    assert (await alan.post(f"/v1/tickets/{hold.lease.ticket_id}/resolve", lease=lease)).status == 404
    assert (await row(api, hold.lease.ticket_id))["queue"] == "general"


async def test_every_undo_goes_one_step_further_back(api: Api, grace: Agent):
    hold = await a_hold(api, grace)
    ticket_id = hold.lease.ticket_id
    await api.desk.transfer(hold, Destination(queue="live"))
    await api.lead.reassign(ADMIN, ticket_id, Destination(queue="expert"))
    queues = []
    for _ in range(2):
        await api.lead.undo(ADMIN, ticket_id)
        queues.append((await row(api, ticket_id))["queue"])
    assert queues == ["live", "general"]
    with pytest.raises(Conflict, match="nothing to undo"):
        await api.lead.undo(ADMIN, ticket_id)
    await api.lead.reassign(ADMIN, ticket_id, Destination(queue="live"))
    await api.lead.undo(ADMIN, ticket_id)
    assert (await row(api, ticket_id))["queue"] == "general"


async def test_undone_relaxation_keeps_the_wait_and_is_not_repeated_at_once(api: Api):
    waiting = await a_ticket(api.database, queue="live")
    was = {"queue": "general", "team": "frontline", "skills": ["german"], "due_at": "2026-03-02T16:00:00+00:00"}
    await api.database.execute(
        "test",
        "update ticket set relaxed = 1, relax_at = now() where id = $1",
        waiting.ticket_id,
    )
    await api.database.execute(
        "test",
        "insert into ticket_event (ticket_id, at, kind, state, actor, data) "
        "values ($1, now(), 'relax', 'queued', 'timers', $2)",
        waiting.ticket_id,
        json.dumps({"was": was}),
    )
    await api.lead.undo(ADMIN, waiting.ticket_id)
    ticket = await row(api, waiting.ticket_id)
    assert place(ticket) == ("general", "frontline", ["german"], NOON, NOON + timedelta(hours=4))
    assert (ticket["relaxed"], ticket["relax_at"]) == (1, None)


async def test_undo_gives_the_place_back_but_not_a_wait_that_has_ended(api: Api, grace: Agent):
    hold = await a_hold(api, grace, skills=("german",))
    await api.desk.transfer(hold, Destination(queue="live"))
    await api.database.execute("test", "update ticket set state = 'snoozed', state_until = now()")
    policy = parse_policy(POLICY)
    timers = TicketTimers(store=PostgresTimers(api.database), policy=lambda: policy, metrics=api.metrics)
    assert await timers.wake() == 1
    before = await row(api, hold.lease.ticket_id)
    await api.lead.undo(ADMIN, hold.lease.ticket_id)
    after = await row(api, hold.lease.ticket_id)
    assert (after["queue"], after["skills"]) == ("general", ["german"])
    assert (after["enqueued_at"], after["due_at"]) == (before["enqueued_at"], before["due_at"])


async def test_reopened_ticket_does_not_jump_the_line_by_an_undo(api: Api, grace: Agent):
    hold = await a_hold(api, grace, customer_id=await a_customer(api.database, ADA))
    await a_conversation(api.database, hold.lease, thread_key="invoice-4711")
    await api.desk.transfer(hold, Destination(queue="live"))
    await api.lead.close(ADMIN, "live", why="Answered by phone")
    follow_up = a_message(ADA, key="invoice-4711", account="support@acme.example")
    receiver = a_receiver(PostgresIntake(api.database), policy=lambda: parse_policy(POLICY))
    await receiver.take([MAILROOM.deliver(follow_up)])
    reopened = await row(api, hold.lease.ticket_id)
    await api.lead.undo(ADMIN, hold.lease.ticket_id)
    after = await row(api, hold.lease.ticket_id)
    assert (reopened["state"], reopened["reopened_count"], after["queue"]) == ("queued", 1, "general")
    assert (after["enqueued_at"], after["due_at"]) == (reopened["enqueued_at"], reopened["due_at"])


async def test_ticket_that_was_never_moved_has_nothing_to_undo(api: Api):
    waiting = await a_ticket(api.database)
    with pytest.raises(Conflict, match="nothing to undo"):
        await api.lead.undo(ADMIN, waiting.ticket_id)


async def test_nothing_goes_back_to_a_queue_that_the_policy_has_dropped(api: Api, grace: Agent):
    hold = await a_hold(api, grace, queue="dropped")
    await api.desk.transfer(hold, Destination(queue="general"))
    with pytest.raises(Conflict, match="queue dropped"):
        await api.lead.undo(ADMIN, hold.lease.ticket_id)
