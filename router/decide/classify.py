"""Classify: decides whether a query is simple or complex, and why. Weighs the policy's signals; learns nothing."""

from collections.abc import Callable, Iterator, Mapping
from math import exp, fsum

from router.domain.triage import Complexity, Query, Reason, Triage
from router.policy.model import Measure, MeasureSignal, Trait, TraitSignal, TriagePolicy


def classify(query: Query, policy: TriagePolicy) -> Triage:
    """Add up the log-odds of the signals that hold; reasons come heaviest first, equal ones in the file's order."""
    reasons = _reasons(query, policy)
    probability = _sigmoid(policy.bias + fsum(reason.weight for reason in reasons))
    return Triage(
        complexity=Complexity.COMPLEX if probability >= policy.threshold else Complexity.SIMPLE,
        probability=probability,
        reasons=tuple(sorted(reasons, key=lambda reason: -abs(reason.weight))),
        language=query.language,
    )


def _reasons(query: Query, policy: TriagePolicy) -> list[Reason]:
    said = zip(policy.words, policy.lexicon.first_of_each(query.gist.words), strict=True)
    found = [(signal, phrase) for signal, phrase in said if phrase]
    counts = _counts(query, topics=sum(signal.is_topic for signal, _ in found))
    return [
        *(Reason(signal=signal.name, weight=signal.weight, words=f"mentions '{phrase}'") for signal, phrase in found),
        *_measured(counts, policy.measures),
        *_traits(query, policy.traits),
    ]


def _counts(query: Query, topics: int) -> Mapping[Measure, int]:
    return {
        Measure.QUESTIONS: query.gist.questions,
        Measure.CHARACTERS: query.gist.characters,
        Measure.ATTACHMENTS: query.attachments,
        Measure.CAPITALS: query.gist.in_capitals,
        Measure.TOPICS: topics,
        Measure.CONTACTS_7D: query.contacts_7d,
        Measure.REOPENED: query.reopened_count,
        Measure.OPEN_TICKETS: query.open_tickets,
        Measure.RETURNING: query.is_returning,
    }


def _measured(counts: Mapping[Measure, int], signals: tuple[MeasureSignal, ...]) -> Iterator[Reason]:
    for signal in signals:
        count = counts[signal.measure]
        if count >= signal.at_least:
            yield Reason(signal=signal.name, weight=signal.weight, words=_SAID[signal.measure](count))


def _traits(query: Query, signals: tuple[TraitSignal, ...]) -> Iterator[Reason]:
    for signal in signals:
        value = query.channel if signal.trait is Trait.CHANNEL else query.tier
        if value in signal.values:
            yield Reason(signal=signal.name, weight=signal.weight, words=f"{signal.trait} is {value}")


def _several(noun: str, before: str = "", after: str = "") -> Callable[[int], str]:
    return lambda count: f"{before}{count:,} {noun}{'' if count == 1 else 's'}{after}"


_SAID: Mapping[Measure, Callable[[int], str]] = {
    Measure.QUESTIONS: _several("question", before="asks "),
    Measure.CHARACTERS: _several("character", after=" long"),
    Measure.ATTACHMENTS: _several("attachment"),
    Measure.CAPITALS: lambda _: "written in capitals",
    Measure.TOPICS: _several("topic", before="touches "),
    Measure.CONTACTS_7D: _several("earlier contact", after=" in 7 days"),
    Measure.REOPENED: _several("time", before="reopened ", after=" before"),
    Measure.OPEN_TICKETS: _several("open ticket"),
    Measure.RETURNING: lambda _: "has written before",
}


def _sigmoid(score: float) -> float:
    # Beyond 30 a float rounds to certainty, and no list of words is that certain.
    return 1 / (1 + exp(-max(-30.0, min(30.0, score))))
