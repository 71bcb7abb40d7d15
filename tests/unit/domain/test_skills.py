"""What requirements are matched with, and what is no skill."""

import pytest

from router.domain.errors import Invalid
from router.domain.skills import Skills

WORDS = [
    ([], set()),
    (["german"], {"german", "german:1", "german:2", "german:3"}),
    (["german:1"], {"german", "german:1"}),
    (["german:5"], {"german", *(f"german:{level}" for level in range(1, 6))}),
    (["language:de"], {"language:de"}),
    (["vip:1", "language:fr"], {"vip", "vip:1", "language:fr"}),
]


@pytest.mark.parametrize(("given", "words"), WORDS)
def test_a_level_covers_those_below_it(given: list[str], words: set[str]):
    assert Skills.parse(given).words() == words


@pytest.mark.parametrize("word", ["german:0", "german:6", "german:", "german:x", "german:33", "german:-1"])
def test_a_level_that_is_none_is_refused(word: str):
    with pytest.raises(Invalid, match=f"skills: '{word}' has an invalid level: use 1 to 5"):
        Skills.parse([word])


@pytest.mark.parametrize(
    ("skills", "field"),
    [
        (Skills(levels={"german": 0}), "skills.german"),
        (Skills(levels={"german": 6}), "skills.german"),
        (Skills(levels={"German": 3}), "skills"),
        (Skills(levels={"": 3}), "skills"),
        (Skills(levels={"x" * 25: 3}), "skills"),
        (Skills(levels={"language": 3}), "skills"),
        (Skills(languages=frozenset({"german"})), "languages"),
        (Skills(languages=frozenset({"DE"})), "languages"),
    ],
)
def test_what_no_policy_can_ask_for_is_refused_by_name(skills: Skills, field: str):
    with pytest.raises(Invalid) as refused:
        skills.check()
    assert refused.value.field == field


def test_what_a_policy_can_ask_for_is_taken():
    Skills(levels={"german": 1, "vip-2": 5}, languages=frozenset({"de", "fil"})).check()
