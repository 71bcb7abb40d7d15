"""Classify: is a query simple or complex, and why. Weighs the policy's signals; learns nothing."""

from collections.abc import Callable, Iterator, Mapping
from math import exp, fsum
from typing import NamedTuple

from router.domain.triage import Complexity, Query, Reason, Triage
from router.policy.model import Measure, MeasureSignal, Trait, TraitSignal, TriagePolicy


def classify(query: Query, policy: TriagePolicy) -> Triage:
    """Add up the log-odds of the signals that hold; reasons come heaviest first, and in the file's order when equal."""
    reasons = tuple(_reasons(query, policy))
    probability = _sigmoid(policy.bias + fsum(reason.weight for reason in reasons))
    return Triage(
        complexity=Complexity.COMPLEX if probability >= policy.threshold else Complexity.SIMPLE,
        probability=probability,
        reasons=tuple(sorted(reasons, key=lambda reason: -abs(reason.weight))),
        language=query.language,
    )


def _reasons(query: Query, policy: TriagePolicy) -> Iterator[Reason]:
    said = zip(policy.words, policy.lexicon.first_of_each(query.gist.words), strict=True)
    found = [(signal, phrase) for signal, phrase in said if phrase]
    reading = _Reading(query, topics=sum(signal.is_topic for signal, _ in found))
    for signal, phrase in found:
        yield Reason(signal=signal.name, weight=signal.weight, words=f"mentions '{phrase}'")
    yield from _measured(reading, policy.measures)
    yield from _traits(query, policy.traits)


class _Reading(NamedTuple):
    query: Query
    topics: int


def _measured(reading: _Reading, signals: tuple[MeasureSignal, ...]) -> Iterator[Reason]:
    for signal in signals:
        count, words = _MEASURES[signal.measure]
        if (value := count(reading)) >= signal.at_least:
            yield Reason(signal=signal.name, weight=signal.weight, words=words(value))


def _traits(query: Query, signals: tuple[TraitSignal, ...]) -> Iterator[Reason]:
    for signal in signals:
        value = query.channel if signal.trait is Trait.CHANNEL else query.tier
        if value in signal.values:
            yield Reason(signal=signal.name, weight=signal.weight, words=f"{signal.trait} is {value}")


def _several(noun: str, before: str = "", after: str = "") -> Callable[[int], str]:
    return lambda count: f"{before}{count:,} {noun}{'' if count == 1 else 's'}{after}"


_MEASURES: Mapping[Measure, tuple[Callable[[_Reading], int], Callable[[int], str]]] = {
    Measure.QUESTIONS: (lambda reading: reading.query.gist.questions, _several("question", before="asks ")),
    Measure.CHARACTERS: (lambda reading: reading.query.gist.characters, _several("character", after=" long")),
    Measure.ATTACHMENTS: (lambda reading: reading.query.attachments, _several("attachment")),
    Measure.CAPITALS: (lambda reading: int(reading.query.gist.in_capitals), lambda _: "written in capitals"),
    Measure.TOPICS: (lambda reading: reading.topics, _several("topic", before="touches ")),
    Measure.CONTACTS_7D: (lambda reading: reading.query.contacts_7d, _several("earlier contact", after=" in 7 days")),
    Measure.REOPENED: (
        lambda reading: reading.query.reopened_count,
        _several("time", before="reopened ", after=" before"),
    ),
    Measure.OPEN_TICKETS: (lambda reading: reading.query.open_tickets, _several("open ticket")),
    Measure.RETURNING: (lambda reading: int(reading.query.is_returning), lambda _: "has written before"),
}


def _sigmoid(score: float) -> float:
    # Beyond 30 a float rounds to certainty, which no list of words deserves.
    return 1 / (1 + exp(-max(-30.0, min(30.0, score))))
