"""When a wait begins and is due, and what it gives up as it grows long."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from router.decide.wait import begin, relax, wake
from router.domain.customer import AgentId
from router.domain.wait import Requirement, Wait
from router.policy.parse import parse_policy
from tests.making.moments import NOON
from tests.making.waits import a_ticket_now

POLICY = parse_policy("""
teams:
  frontline: {takes: any, overflow_to: [specialists]}
  specialists: {takes: any}
queues:
  general: {team: frontline}
  second: {team: frontline}
  expert: {team: specialists}
  live: {team: frontline, sticky_for: 5m}
routes:
  - name: german
    when: {channel: chat}
    queue: general
    skills: [german, tax]
    target: 1h
    relax:
      - {after: 10m, drop_skills: [tax]}
      - {after: 20m, queue: second, target: 5m}
      - {after: 30m, drop_skills: true, queue: expert}
  - {name: plain, queue: general, target: 1h}
triage: {bias: -1}
""")
ADA = AgentId(7)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def asked(queue: str = "general", team: str = "frontline") -> Requirement:
    return Requirement(queue=queue, team=team, skills=("german", "tax"), channel="chat")


def waiting(*, queue: str = "general", team: str = "frontline", relaxed: int = 0, due_in: float = 60) -> Wait:
    return Wait(requirement=asked(queue, team), enqueued_at=NOON, due_at=NOON + minutes(due_in), relaxed=relaxed)


def begun(queue: str = "general", *, route: str = "german", **reserved: object) -> Wait:
    return begin(asked(queue), route=route, target=minutes(60), policy=POLICY, now=NOON, **reserved)


def relaxed_at(minute: float, wait: Wait, *, route: str = "german") -> Wait:
    return relax(wait, route=route, policy=POLICY, now=NOON + minutes(minute))


def test_a_wait_begins_now_and_is_due_after_the_target():
    assert begun() == Wait(
        requirement=asked(), enqueued_at=NOON, due_at=NOON + minutes(60), relax_at=NOON + minutes(10)
    )


@pytest.mark.parametrize(
    ("route", "queue", "relax_at"),
    [
        ("german", "general", NOON + minutes(10)),
        ("german", "second", None),
        ("plain", "general", None),
        ("gone", "general", None),
    ],
)
def test_a_wait_is_relaxed_in_the_queue_of_its_route_alone(route: str, queue: str, relax_at: datetime | None):
    assert begun(queue, route=route).relax_at == relax_at


@pytest.mark.parametrize(
    ("queue", "or_for", "lasts"),
    [
        pytest.param("live", 0, 5, id="as long as the queue says"),
        pytest.param("live", 15, 5, id="whatever somebody else would say"),
        pytest.param("general", 15, 15, id="as long as somebody says where the queue says nothing"),
        pytest.param("general", 0, None, id="not at all where nobody says how long"),
        pytest.param("gone", 0, None, id="nor in a queue that the policy has dropped"),
    ],
)
def test_a_wait_is_reserved_as_long_as_the_queue_says(queue: str, or_for: float, lasts: float | None):
    wait = begun(queue, reserved_for=ADA, or_for=minutes(or_for))
    reserved = (None, None) if lasts is None else (ADA, NOON + minutes(lasts))
    assert (wait.reserved_for, wait.reserved_until) == reserved


def test_a_wait_for_nobody_is_not_reserved_whatever_the_queue_says():
    wait = begun("live", or_for=minutes(15))
    assert (wait.reserved_for, wait.reserved_until) == (None, None)


def test_a_snoozed_ticket_wakes_where_it_is_for_the_agent_who_put_it_aside():
    snoozed = a_ticket_now(waiting(queue="live", relaxed=2)._replace(reserved_for=ADA), route="plain")
    assert wake(snoozed, policy=POLICY, now=NOON) == Wait(
        requirement=asked("live"),
        enqueued_at=NOON,
        due_at=NOON + minutes(60),
        reserved_for=ADA,
        reserved_until=NOON + minutes(5),
    )


@pytest.mark.parametrize(
    ("after", "queue", "skills", "due", "next_at"),
    [
        pytest.param(9, "general", ("german", "tax"), 60, 10, id="too early"),
        pytest.param(10, "general", ("german",), 60, 20, id="a skill less"),
        pytest.param(21, "second", ("german",), 25, 30, id="another queue, due from the step and not from now"),
        pytest.param(30, "expert", (), 25, None, id="no skills, another team"),
        pytest.param(500, "expert", (), 25, None, id="all steps at once"),
    ],
)
def test_steps_are_taken_in_order_when_their_time_has_come(after, queue, skills, due, next_at):
    relaxed = relaxed_at(after, waiting())
    asked = relaxed.requirement
    assert (asked.queue, asked.team) == (queue, POLICY.queues[queue].team)
    assert (asked.skills, relaxed.due_at) == (skills, NOON + minutes(due))
    assert relaxed.relax_at == (None if next_at is None else NOON + minutes(next_at))


def test_no_step_makes_a_ticket_due_later():
    assert relaxed_at(21, waiting(due_in=22)).due_at == NOON + minutes(22)


def test_a_step_is_taken_once():
    assert relaxed_at(29, waiting(relaxed=2)) == waiting(relaxed=2)._replace(relax_at=NOON + minutes(30))


def test_a_reservation_ends_where_the_ticket_moves_to_another_queue():
    reserved = waiting()._replace(reserved_for=ADA, reserved_until=NOON + minutes(90))
    still, moved = relaxed_at(10, reserved), relaxed_at(20, reserved)
    assert (still.reserved_for, still.reserved_until) == (ADA, NOON + minutes(90))
    assert (moved.reserved_for, moved.reserved_until) == (None, None)


@pytest.mark.parametrize("team", ["specialists", "removed"])
def test_a_ticket_stays_in_its_team_where_that_must_not_overflow_to_the_other(team: str):
    relaxed = relaxed_at(20, waiting(queue="expert", team=team))
    assert relaxed.requirement == replace(asked("expert", team), skills=("german",))
    assert relaxed.due_at == NOON + minutes(25)


@pytest.mark.parametrize("route", ["plain", "removed"])
def test_a_route_without_steps_changes_nothing(route: str):
    assert relaxed_at(999, waiting(), route=route) == waiting()
