"""Why a ticket is where it is, in words."""

from dataclasses import replace
from typing import Any

import pytest

from router.domain.agent import Agent, Presence, Status
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.domain.eligibility import Standing
from router.domain.ticket import TicketId, TicketState
from router.domain.wait import Requirement, Wait
from router.flow.see.why import Stuck, explain
from router.policy.parse import parse_policy
from tests.making.moments import MINUTE, NOON

POLICY = parse_policy("""
teams:
  frontline: {takes: any}
queues:
  general: {team: frontline}
  live: {team: frontline, mode: push}
routes:
  - name: rest
    queue: general
    skills: [german]
    target: 4h
    relax:
      - {after: 10m, drop_skills: true}
      - {after: 20m, queue: live, target: 5m}
triage: {bias: -1}
""")
STUCK = Stuck(
    id=TicketId(7),
    state=TicketState.QUEUED,
    wait=Wait(
        requirement=Requirement(queue="general", team="frontline", skills=(), channel="email"),
        enqueued_at=NOON,
        due_at=NOON + 240 * MINUTE,
    ),
    route="rest",
    holder=None,
    state_until=None,
    now=NOON,
)


def standing(name: str, number: int, **changes: Any) -> Standing:
    able = Standing(
        agent=Agent(id=AgentId(number), name=name, teams=frozenset({"frontline"})),
        is_retired=False,
        is_draining=False,
        presence=Presence(status=Status.AVAILABLE, reason=None, since=NOON, seen_at=NOON),
        capacity=Capacity(limit=10, weights={}, most={}),
        held={},
    )
    return replace(able, **changes)


def waiting(queue: str = "general", **changes: Any) -> Wait:
    return STUCK.wait._replace(requirement=replace(STUCK.wait.requirement, queue=queue), **changes)


def test_each_agent_has_an_answer_and_the_sentence_names_those_who_can():
    why = explain(STUCK, [standing("Ada", 1), standing("Bob", 2, is_draining=True)], POLICY)
    assert [(one.agent, one.why_not) for one in why.agents] == [
        ("Ada", None),
        ("Bob", "is draining and gets nothing new"),
    ]
    assert why.summary == (
        "It waits in queue general, and Ada can get it when they ask for the next one, "
        "unless something else is due first."
    )


@pytest.mark.parametrize(
    ("changes", "summary"),
    [
        ({}, "It waits in queue general, and nobody in team frontline can take it now."),
        (
            {"wait": waiting(reserved_for=AgentId(9))},
            "It waits in queue general, reserved for one agent, and nobody in team frontline can take it now.",
        ),
        ({"state": TicketState.OFFERED, "holder": "Ada"}, "It is offered to Ada, who has not answered yet."),
        ({"state": TicketState.ASSIGNED, "holder": "Ada"}, "It is assigned to Ada."),
        ({"state": TicketState.WRAP_UP, "holder": "Ada"}, "Ada has it in wrap-up."),
        ({"state": TicketState.SNOOZED}, "It is snoozed until the customer writes."),
        (
            {"state": TicketState.SNOOZED, "state_until": NOON},
            "It is snoozed until the customer writes, or until its date.",
        ),
        ({"state": TicketState.RESOLVED}, "It is resolved: nothing is left to do."),
    ],
)
def test_what_is_the_case_is_said_in_one_sentence(changes: dict[str, Any], summary: str):
    assert explain(replace(STUCK, **changes), [], POLICY).summary == summary


@pytest.mark.parametrize(
    ("changes", "coming"),
    [
        ({}, (None, None)),
        (
            {"wait": waiting(relax_at=NOON + 10 * MINUTE)},
            ("It is relaxed: it asks for no skills any more.", NOON + 10 * MINUTE),
        ),
        (
            {"wait": waiting(relaxed=1, relax_at=NOON + 20 * MINUTE)},
            ("It is relaxed: it moves to queue live and it is due within 0:05:00.", NOON + 20 * MINUTE),
        ),
        (
            {"wait": waiting(relax_at=NOON + 10 * MINUTE, reserved_for=AgentId(9), reserved_until=NOON + MINUTE)},
            ("It is no longer reserved.", NOON + MINUTE),
        ),
        ({"state": TicketState.OFFERED, "state_until": NOON + MINUTE}, ("The offer expires.", NOON + MINUTE)),
        ({"state": TicketState.SNOOZED, "state_until": NOON + MINUTE}, ("It wakes up and waits again.", NOON + MINUTE)),
        ({"state": TicketState.ASSIGNED, "wait": waiting(relax_at=NOON)}, (None, None)),
    ],
)
def test_what_comes_next_by_itself_is_named_with_its_time(changes: dict[str, Any], coming: tuple[Any, Any]):
    why = explain(replace(STUCK, **changes), [], POLICY)
    assert (why.next, why.next_at) == coming


def test_in_a_push_queue_tickets_are_offered():
    why = explain(replace(STUCK, wait=waiting("live")), [standing("Ada", 1)], POLICY)
    assert why.summary.startswith("It waits in queue live, and Ada can get an offer of it")


def test_nobody_is_asked_about_a_ticket_that_has_ended():
    assert explain(replace(STUCK, state=TicketState.RESOLVED), [standing("Ada", 1)], POLICY).agents == []
