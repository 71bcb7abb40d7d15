"""Routes: the first that holds decides, there is always an answer, and teams stay apart."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.message import Channel
from router.decide.route import route
from router.domain.triage import Complexity, Facts, Routing
from router.domain.wait import requirement
from router.policy.parse import parse_policy
from router.policy.words import as_words

POLICY = parse_policy("""
teams:
  frontline: {takes: simple}
  specialists: {takes: complex}
  key-accounts: {takes: any}
queues:
  general: {team: frontline}
  expert: {team: specialists}
  vip: {team: key-accounts}
tiers: {vip: []}
routes:
  - {name: vip, when: {tier: vip}, queue: vip, target: 5m}
  - {name: german-expert, when: {complexity: complex, language: de}, queue: expert, skills: [german], target: 2h}
  - {name: complex, when: {complexity: complex}, queue: expert, target: 8h}
  - {name: chat, when: {channel: chat}, queue: general, target: 60s}
  - {name: rest, queue: general, target: 4h}
triage: {bias: -1}
""")

SHIPPED = parse_policy((Path(__file__).parents[3] / "deploy/policy.yaml").read_text())


def facts(complexity: str = "simple", channel: str = "email", **others: str) -> Facts:
    return Facts(complexity=Complexity(complexity), channel=Channel(channel), **others)


@pytest.mark.parametrize(
    ("given_facts", "matched"),
    [
        (facts(tier="vip", complexity="complex", language="de"), "vip"),
        (facts(complexity="complex", language="de"), "german-expert"),
        (facts(complexity="complex", channel="chat"), "complex"),
        (facts(channel="chat", language="de"), "chat"),
        (facts(channel="social"), "rest"),
    ],
)
def test_the_first_route_that_holds_decides(given_facts: Facts, matched: str):
    assert route(given_facts, POLICY).route == matched


def test_a_routing_carries_all_that_waiting_needs():
    assert route(facts(complexity="complex", language="de"), POLICY) == Routing(
        route="german-expert",
        requirement=requirement("expert", "specialists", ("german",), "email"),
        target=timedelta(hours=2),
        policy_version=POLICY.version,
    )


any_facts = st.builds(
    Facts,
    complexity=st.sampled_from(Complexity),
    channel=st.sampled_from(Channel),
    provider=st.text(max_size=5),
    account=st.text(max_size=5),
    language=st.sampled_from([None, "de", "en", "xx"]),
    tier=st.sampled_from([None, "vip", "other"]),
    is_returning=st.booleans(),
    words=st.builds(as_words, subject=st.text(max_size=20), text=st.text(max_size=50)),
    has_attachments=st.booleans(),
)


@given(any_facts, st.sampled_from([POLICY, SHIPPED]))
def test_there_is_always_an_answer(some: Facts, policy):
    assert route(some, policy).requirement.queue in policy.queues


@given(any_facts, st.sampled_from([POLICY, SHIPPED]))
def test_no_team_is_ever_brought_a_complexity_that_it_does_not_take(some: Facts, policy):
    assert some.complexity in policy.teams[route(some, policy).requirement.team].takes
