"""Classify: signals, reasons in words, probabilities."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.message import Channel
from router.decide.classify import classify
from router.decide.gist import gist_of
from router.domain.triage import Complexity, Query
from router.policy.model import Measure, MeasureSignal
from router.policy.parse import parse_policy

TRIAGE = parse_policy("""
teams: {all: {takes: any}}
queues: {all: {team: all}}
tiers: {vip: []}
routes: [{name: rest, queue: all, target: 1h}]
triage:
  bias: -1
  languages: [en, de]
  signals:
    legal: {weight: 2, words: [lawyer*, court]}
    money: {weight: 1.5, words: [refund, chargeback]}
    rude: {weight: 0.5, words: [idiots], is_topic: false}
    hours: {weight: -1.5, words: [opening hours]}
    asking: {weight: 0.6, measure: questions, at_least: 3}
    long: {weight: 0.7, measure: characters, at_least: 900}
    files: {weight: 0.4, measure: attachments}
    capitals: {weight: 0.3, measure: capitals}
    topics: {weight: 0.9, measure: topics, at_least: 2}
    lately: {weight: 0.8, measure: contacts_7d, at_least: 2}
    reopened: {weight: 0.85, measure: reopened}
    open: {weight: 0.45, measure: open_tickets, at_least: 2}
    known: {weight: -0.1, measure: returning}
    mail: {weight: 0.2, channel: email}
    vip: {weight: 0.25, tier: vip}
""").triage

SHIPPED = parse_policy((Path(__file__).parents[3] / "deploy/policy.yaml").read_text()).triage


def a_query(text: str = "", channel: str = "chat", subject: str = "", **others) -> Query:
    return Query(channel=Channel(channel), gist=gist_of(subject, text), **others)


@pytest.mark.parametrize(
    ("query", "reasons"),
    [
        (a_query("hello"), []),
        (a_query("My lawyers will see you"), ["mentions 'lawyers'"]),
        (a_query("hello", subject="Chargeback!"), ["mentions 'chargeback'"]),
        (a_query("court, refund"), ["mentions 'court'", "mentions 'refund'", "touches 2 topics"]),
        (a_query("refund, you idiots"), ["mentions 'refund'", "mentions 'idiots'"]),
        (a_query("what? where?? when, https://a.example/?q=1 ?"), ["asks 3 questions"]),
        (a_query("what? https://a.example/?q=1&r=?2&s=??3"), []),
        (a_query("what\N{FULLWIDTH QUESTION MARK} where? when???"), ["asks 3 questions"]),
        (a_query("x" * 1200), ["1,200 characters long"]),
        (a_query(attachments=1), ["1 attachment"]),
        (a_query(attachments=2), ["2 attachments"]),
        (a_query("ANSWER ME AT LAST, PLEASE"), ["written in capitals"]),
        (a_query("OK"), []),
        (a_query(contacts_7d=1), []),
        (a_query(contacts_7d=3), ["3 earlier contacts in 7 days"]),
        (a_query(reopened_count=1), ["reopened 1 time before"]),
        (a_query(open_tickets=2), ["2 open tickets"]),
        (a_query(is_returning=True), ["has written before"]),
        (a_query(channel="email"), ["channel is email"]),
        (a_query(tier="vip"), ["tier is vip"]),
        (
            a_query("opening hours of the court", tier="vip", attachments=1),
            ["mentions 'court'", "mentions 'opening hours'", "touches 2 topics", "1 attachment", "tier is vip"],
        ),
    ],
)
def test_every_signal_that_holds_is_a_reason_in_words_heaviest_first(query: Query, reasons: list[str]):
    assert [reason.words for reason in classify(query, TRIAGE).reasons] == reasons


def test_every_measure_is_counted():
    signals = [MeasureSignal(name=measure, weight=1, measure=measure, at_least=0) for measure in Measure]
    triage = classify(a_query(), replace(TRIAGE, measures=tuple(signals), traits=()))
    assert {reason.signal for reason in triage.reasons} == set(Measure)


@pytest.mark.parametrize(
    ("text", "probability", "complexity"),
    [
        ("hello", 0.2689, Complexity.SIMPLE),
        ("see you in court", 0.7311, Complexity.COMPLEX),
        ("opening hours?", 0.0759, Complexity.SIMPLE),
        ("refund", 0.6225, Complexity.COMPLEX),
    ],
)
def test_the_probability_is_the_sigmoid_of_bias_and_weights(text: str, probability: float, complexity: Complexity):
    triage = classify(a_query(text), TRIAGE)
    assert triage.probability == pytest.approx(probability, abs=1e-4)
    assert triage.complexity is complexity


def test_a_query_at_the_threshold_is_complex():
    probability = classify(a_query("refund"), TRIAGE).probability
    assert classify(a_query("refund"), replace(TRIAGE, threshold=probability)).complexity is Complexity.COMPLEX


@pytest.mark.parametrize("language", ["de", "pl", None])
def test_the_language_is_the_one_that_was_recognised_before(language: str | None):
    query = a_query("Where is my order? It was due yesterday.", language=language)
    assert classify(query, TRIAGE).language == language


@pytest.mark.parametrize(
    ("text", "complexity"),
    [
        ("Where is my order 12345?", Complexity.SIMPLE),
        ("What are your opening hours on Saturday?", Complexity.SIMPLE),
        ("I forgot my password, the reset link does not come.", Complexity.SIMPLE),
        ("Wann haben Sie am Samstag geöffnet?", Complexity.SIMPLE),
        ("Thank you so much!", Complexity.SIMPLE),
        ("You charged me twice, I want a refund and will dispute it with my bank.", Complexity.COMPLEX),
        ("Under the GDPR I ask you to delete my data.", Complexity.COMPLEX),
        ("My account was hacked and somebody ordered with it.", Complexity.COMPLEX),
        ("Hiermit kündige ich meinen Vertrag und verlange die Rückerstattung.", Complexity.COMPLEX),
        ("Still waiting. No reply for weeks. I want to complain to your manager.", Complexity.COMPLEX),
    ],
)
def test_the_shipped_policy_tells_plain_cases_apart(text: str, complexity: Complexity):
    assert classify(a_query(text), SHIPPED).complexity is complexity


any_query = st.builds(
    Query,
    channel=st.sampled_from(Channel),
    gist=st.builds(
        gist_of,
        subject=st.text(max_size=60),
        text=st.one_of(
            st.text(max_size=300),
            st.lists(st.sampled_from(["refund", "court?", "opening hours", "idiots!", "\ud800"])).map(" ".join),
        ),
    ),
    attachments=st.integers(0, 9),
    language=st.none() | st.text(max_size=6),
    contacts_7d=st.integers(0, 9),
    reopened_count=st.integers(0, 9),
    open_tickets=st.integers(0, 9),
    tier=st.sampled_from([None, "vip"]),
    is_returning=st.booleans(),
)


@given(any_query)
def test_any_query_gets_a_probability_between_0_and_1_and_the_same_one_again(query: Query):
    triage = classify(query, TRIAGE)
    assert 0 < triage.probability < 1
    assert classify(query, TRIAGE) == triage


@given(any_query, st.integers(0, 3), st.floats(0, 10))
def test_a_heavier_signal_never_makes_a_query_look_simpler(query: Query, index: int, more: float):
    heavier = list(TRIAGE.words)
    heavier[index] = replace(heavier[index], weight=heavier[index].weight + more)
    assert classify(query, replace(TRIAGE, words=tuple(heavier))).probability >= classify(query, TRIAGE).probability


@given(any_query, st.floats(-1e6, 1e6))
def test_no_score_is_certainty(query: Query, bias: float):
    assert 0 < classify(query, replace(TRIAGE, bias=bias)).probability < 1
