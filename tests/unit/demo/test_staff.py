"""Somebody works in every team of whatever policy is shown, and every ticket has somebody who could take it."""

from pathlib import Path

import pytest

from router.demo.staff import VISITOR, other_queues, staff, visitor
from router.domain.skills import Skills
from router.files.checked import FileError
from router.policy.model import Policy
from router.policy.parse import parse_policy
from router.settings import default_policy_path

POLICIES = Path(__file__).parents[2] / "policies"


def _valid(path: Path) -> Policy | None:
    try:
        return parse_policy(path.read_text())
    except (FileError, UnicodeDecodeError):
        return None


SHOWN = {path.name: policy for path in [default_policy_path(), *POLICIES.glob("*.yaml")] if (policy := _valid(path))}


@pytest.mark.parametrize("name", SHOWN)
def test_every_route_leads_to_somebody(name: str):
    policy = SHOWN[name]
    people = staff(policy)
    assert len({person.name for person in [*people, visitor(policy)]}) == len(people) + 1
    for route in policy.routes:
        team = policy.queues[route.queue].team
        assert any(
            team in person.teams and set(route.skills) <= Skills.parse(person.skills).words() for person in people
        )


def test_tickets_go_only_to_teams_that_take_them():
    policy = SHOWN["policy.yaml"]
    assert other_queues("frontline", "simple", policy) == ["expert", "vip"]
    assert other_queues("key-accounts", "complex", policy) == ["expert"]
    assert visitor(policy).name == VISITOR
