"""The conditions of routes: when they hold, what they say when they do not, and which cover which."""

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
    ("when", "why_not"),
    [
        ("{}", None),
        ("{complexity: simple}", None),
        ("{complexity: complex}", "complexity is simple, not complex"),
        ("{channel: [chat, email]}", None),
        ("{channel: [sms, chat]}", "channel is email, not chat or sms"),
        ("{provider: smtp}", None),
        ("{provider: [twilio, whats*]}", "provider is smtp, not twilio or whats*"),
        ('{account: "*@OUR.example"}', None),
        ('{account: "sales@*"}', "account is help@our.example, not sales@*"),
        ("{language: en}", None),
        ("{language: de}", "language is en, not de"),
        ("{tier: [gold, vip]}", None),
        ("{tier: gold}", "tier is vip, not gold"),
        ("{returning: true}", None),
        ("{returning: false}", "returning is true, not false"),
        ("{has_attachments: true}", "has_attachments is false, not true"),
        ('{attributes: {plan: "enterprise*"}}', None),
        ("{attributes: {plan: basic}}", "attributes.plan is Enterprise-L, not basic"),
        ('{attributes: {plan: "*", region: "*"}}', "attributes.region is missing, not *"),
        ("{words: [refund]}", None),
        ("{words: [data protection]}", None),
        ("{words: [fund, order now]}", "words are others, not fund or order now"),
        ('{words: ["*erstattung*"]}', None),
        ("{words: [erstattung*]}", "words are others, not erstattung*"),
        ("{channel: email, language: de, words: [nothing]}", "language is en, not de"),
    ],
)
def test_conditions_hold_or_say_which_failed_first(when: str, why_not: str | None):
    compiled = when_of(when)
    assert compiled.why_not(FACTS) == why_not
    assert compiled.holds(FACTS) is (why_not is None)


def test_an_unknown_language_matches_no_language_of_a_route():
    unknown = FACTS._replace(language=None)
    assert not when_of("{language: de}").holds(unknown)
    assert when_of("{language: de}").why_not(unknown) == "language is unknown, not de"


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
