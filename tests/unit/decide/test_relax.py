"""What a long wait changes: skills, queue and due time, as the route's steps say."""

from dataclasses import replace
from datetime import timedelta

import pytest

from router.decide.relax import Waiting, relax
from router.domain.wait import Requirement
from router.policy.parse import parse_policy
from tests.making.moments import NOON

POLICY = parse_policy("""
teams:
  frontline: {takes: any, overflow_to: [specialists]}
  specialists: {takes: any}
queues:
  general: {team: frontline}
  second: {team: frontline}
  expert: {team: specialists}
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


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def waiting(
    *, route: str = "german", queue: str = "general", team: str = "frontline", relaxed: int = 0, due_in: float = 60
) -> Waiting:
    return Waiting(
        id=7,
        route=route,
        requirement=Requirement(queue=queue, team=team, skills=("german", "tax"), channel="chat"),
        enqueued_at=NOON,
        due_at=NOON + minutes(due_in),
        relaxed=relaxed,
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
    relaxed = relax(waiting(), POLICY, NOON + minutes(after))
    asked = relaxed.ticket.requirement
    assert (asked.queue, asked.team) == (queue, POLICY.queues[queue].team)
    assert (asked.skills, relaxed.ticket.due_at) == (skills, NOON + minutes(due))
    assert relaxed.relax_at == (None if next_at is None else NOON + minutes(next_at))


def test_no_step_makes_a_ticket_due_later():
    assert relax(waiting(due_in=22), POLICY, NOON + minutes(21)).ticket.due_at == NOON + minutes(22)


def test_a_step_is_taken_once():
    relaxed = relax(waiting(relaxed=2), POLICY, NOON + minutes(29))
    assert relaxed.ticket == waiting(relaxed=2)
    assert relaxed.relax_at == NOON + minutes(30)


@pytest.mark.parametrize("team", ["specialists", "removed"])
def test_a_ticket_stays_in_its_team_where_that_must_not_overflow_to_the_other(team: str):
    relaxed = relax(waiting(queue="expert", team=team), POLICY, NOON + minutes(20)).ticket
    assert relaxed.requirement == replace(waiting().requirement, queue="expert", team=team, skills=("german",))
    assert relaxed.due_at == NOON + minutes(25)


@pytest.mark.parametrize("route", ["plain", "removed"])
def test_a_route_without_steps_changes_nothing(route: str):
    relaxed = relax(waiting(route=route), POLICY, NOON + minutes(999))
    assert relaxed.ticket == waiting(route=route)
    assert relaxed.relax_at is None
