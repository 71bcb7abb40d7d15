"""Where a ticket may be moved to, and when it is relaxed there."""

import pytest

from router.decide.transfer import queues_of, why_refused
from router.domain.triage import Complexity
from router.domain.wait import Requirement
from router.policy.parse import parse_policy

POLICY = parse_policy("""
teams:
  frontline: {takes: simple, overflow_to: [back-office]}
  specialists: {takes: complex}
  back-office: {takes: complex}
  everything: {takes: any}
queues:
  general: {team: frontline}
  live: {team: frontline}
  expert: {team: specialists}
  archive: {team: back-office}
  any: {team: everything}
routes:
  - name: chat
    when: {complexity: complex}
    queue: expert
    target: 1h
    relax: [{after: 10m, target: 5m}]
  - {name: rest, queue: general, target: 4h}
triage: {bias: -1}
""")


@pytest.mark.parametrize(
    ("from_team", "complexity", "queue", "is_refused"),
    [
        ("specialists", "simple", "general", False),
        ("specialists", "complex", "general", True),
        ("specialists", "complex", "any", False),
        ("frontline", "complex", "general", False),  # it has the ticket already
        ("frontline", "simple", "expert", True),
        ("frontline", "simple", "archive", False),  # overflow
        ("dropped-team", "simple", "expert", True),
        ("dropped-team", "simple", "general", False),
    ],
)
def test_teams_get_what_they_take_or_have_or_may_be_given(
    from_team: str, complexity: str, queue: str, is_refused: bool
):
    why = why_refused(queue, from_team=from_team, complexity=Complexity(complexity), policy=POLICY)
    assert (why is not None) == is_refused


def test_refusal_says_what_the_team_takes():
    why = why_refused("expert", from_team="frontline", complexity=Complexity.SIMPLE, policy=POLICY)
    assert why == (
        "Queue expert belongs to team specialists, which takes complex tickets, but this one is simple: "
        "choose another queue."
    )


def required(queue: str, team: str) -> Requirement:
    return Requirement(queue=queue, team=team, skills=(), channel="email")


@pytest.mark.parametrize(
    ("teams", "wanted", "queues"),
    [
        ({"frontline"}, required("live", "frontline"), ["live", "general"]),
        ({"frontline"}, required("expert", "specialists"), ["general", "live"]),
        ({"specialists", "frontline"}, required("any", "everything"), ["general", "live", "expert"]),
        ({"frontline"}, required("general", "former-team"), ["general", "live"]),
        ({"nobodys-team"}, required("general", "frontline"), []),
    ],
)
def test_somebody_finds_a_ticket_in_its_own_queue_first(teams: set[str], wanted: Requirement, queues: list[str]):
    assert queues_of(teams, wanted, POLICY) == queues
