"""What may be kept about an agent, and what of it is the policy's."""

from dataclasses import replace

import pytest

from router.domain.capacity import Capacity
from router.domain.errors import Invalid
from router.domain.profile import Profile
from router.domain.skills import Skills

ADA = Profile(name="Ada", teams=frozenset({"frontline"}), skills=Skills.parse(["german"]))

BAD = [
    ({"name": ""}, "name"),
    ({"name": " "}, "name"),
    ({"name": " Ada"}, "name"),
    ({"name": "Ada\nExample"}, "name"),
    ({"name": "x" * 101}, "name"),
    ({"name": "."}, "name"),
    ({"name": ".."}, "name"),
    ({"skills": Skills(levels={"german": 9})}, "skills.german"),
    ({"limit": -1}, "limit"),
    ({"limit": 1001}, "limit"),
    ({"weights": {"pigeon": 1}}, "weights"),
    ({"weights": {"chat": 0}}, "weights.chat"),
    ({"most": {"chat": -1}}, "most.chat"),
    ({"most": {"chat": 10**30}}, "most.chat"),
]


@pytest.mark.parametrize(("changed", "field"), BAD)
def test_what_cannot_be_is_refused_by_name(changed: dict[str, object], field: str):
    with pytest.raises(Invalid) as refused:
        replace(ADA, **changed).check()
    assert refused.value.field == field


def test_numbers_that_mean_nothing_at_all_are_taken():
    replace(ADA, limit=0, most={"chat": 0}, weights={"email": 1000}).check()


def test_what_the_agent_does_not_say_the_policy_says():
    usual = Capacity(limit=10, weights={"chat": 3, "email": 2}, most={"chat": 3}, interruptible=frozenset({"email"}))
    assert replace(ADA, weights={"chat": 5}, most={"sms": 1}).capacity(usual) == Capacity(
        limit=10, weights={"chat": 5, "email": 2}, most={"chat": 3, "sms": 1}, interruptible=frozenset({"email"})
    )


def test_changes_name_what_was_and_what_is():
    after = replace(ADA, skills=Skills.parse(["german:5", "language:de"]), limit=4, teams=frozenset())
    assert after.changes_from(ADA) == {
        "skills": ({"german": 3}, {"german": 5}),
        "languages": ([], ["de"]),
        "limit": (None, 4),
    }
    assert ADA.changes_from(ADA) == {}
