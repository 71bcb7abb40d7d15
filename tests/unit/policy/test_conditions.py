"""The conditions of routes: when they hold, and which cover which."""

import pytest

from channels.message import Channel
from router.domain.triage import Complexity, Facts
from router.policy.conditions import When
from router.policy.parse import parse_policy
from router.policy.words import as_words

POLICY = """
teams: {all: {takes: any}}
queues: {all: {team: all}}
tiers: {vip: [], gold: []}
routes:
  - {name: tested, when: %s, queue: all, target: 1h}
  - {name: rest, queue: all, target: 1h}
triage: {bias: 0}
"""

FACTS = Facts(
    complexity=Complexity.SIMPLE,
    channel=Channel.EMAIL,
    provider="smtp",
    account="help@our.example",
    language="en",
    tier="vip",
    is_returning=True,
    words=as_words("Data-Protection", "Please REFUND my order. Die Rückerstattungen fehlen."),
    attributes={"plan": "Enterprise-L"},
)


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("{}", True),
        ("{complexity: simple}", True),
        ("{complexity: complex}", False),
        ("{channel: [chat, email]}", True),
        ("{channel: [sms, chat]}", False),
        ("{provider: smtp}", True),
        ("{provider: [twilio, whats*]}", False),
        ('{account: "*@OUR.example"}', True),
        ('{account: "sales@*"}', False),
        ("{language: en}", True),
        ("{language: de}", False),
        ("{tier: [gold, vip]}", True),
        ("{tier: gold}", False),
        ("{returning: true}", True),
        ("{returning: false}", False),
        ("{has_attachments: true}", False),
        ('{attributes: {plan: "enterprise*"}}', True),
        ("{attributes: {plan: basic}}", False),
        ('{attributes: {plan: "*", region: "*"}}', False),
        ("{words: [refund]}", True),
        ("{words: [data protection]}", True),
        ("{words: [fund, order now]}", False),
        ('{words: ["*erstattung*"]}', True),
        ("{words: [erstattung*]}", False),
        ("{channel: email, language: de, words: [nothing]}", False),
    ],
)
def test_conditions_hold_or_not(when: str, holds: bool):
    assert when_of(when).holds(FACTS) is holds


def test_an_unknown_language_matches_no_language_of_a_route():
    assert not when_of("{language: de}").holds(FACTS._replace(language=None))


@pytest.mark.parametrize(
    ("wide", "narrow", "covers"),
    [
        ("{}", "{channel: chat}", True),
        ("{channel: [chat, sms]}", "{channel: sms, language: de}", True),
        ("{channel: chat}", "{channel: [chat, sms]}", False),
        ("{channel: chat}", "{}", False),
        ("{returning: true}", "{returning: false}", False),
        ('{attributes: {plan: "a*"}}', '{attributes: {plan: "a*", region: eu}}', True),
    ],
)
def test_a_wider_condition_covers_a_narrower_one(wide: str, narrow: str, covers: bool):
    assert when_of(wide).covers(when_of(narrow)) is covers


def when_of(written: str) -> When:
    text = (
        POLICY % written
        if written != "{}"
        else POLICY.replace("  - {name: tested, when: %s, queue: all, target: 1h}\n", "")
    )
    return parse_policy(text).routes[0].when
