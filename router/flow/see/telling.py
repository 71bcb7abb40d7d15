"""An explanation as plain text for a terminal, at most 80 columns wide."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from textwrap import wrap
from typing import Any

from router.flow.see.explanation import Decided, Explained, OfferMade, Read
from router.flow.see.steps import Step, moment, spell

WIDTH = 80
_EXCERPT = 160


def lines(explained: Explained, *, width: int = WIDTH) -> Iterator[str]:
    """Yield the lines, without line breaks. They may hold control characters: whoever writes the messages chooses."""
    for head, body in _sections(explained):
        yield ""
        yield head
        for text, hang in body:
            yield from wrap(text, width, initial_indent="  ", subsequent_indent=" " * (2 + hang)) or [""]


_Line = tuple[str, int]
"""A text, and how far its second line is indented."""


def _sections(explained: Explained) -> Iterator[tuple[str, Iterator[_Line]]]:
    yield f"Why ticket {explained.id} is where it is", _now(explained)
    for read in explained.messages:
        if read.decided or read.did != "continued it":
            yield f"{moment(read.at)}  a message {read.did}", _read(read, explained)
    if explained.offers:
        yield "Offers", (line for offer in explained.offers for line in _offer(offer))
    yield "Moves (times are UTC)", (line for step in explained.moves for line in _step(step))
    if explained.agents:
        yield f"Who in team {explained.team} could take it", _agents(explained)


def _now(explained: Explained) -> Iterator[_Line]:
    skills = f", asks for {', '.join(explained.skills)}" if explained.skills else ""
    yield f"{explained.state} - queue {explained.queue}, team {explained.team}, {explained.channel}{skills}", 2
    yield explained.summary, 2
    if explained.last_move:
        yield f"Last: {explained.last_move}", 6
    yield f"It is due at {moment(explained.due_at)}; this wait began at {moment(explained.enqueued_at)}.", 2
    if explained.next and explained.next_at:
        yield f"Next, at {moment(explained.next_at)}: {explained.next}", 6


def _read(read: Read, explained: Explained) -> Iterator[_Line]:
    who = f"{explained.customer_name or 'no name'}, customer {explained.customer}"
    yield f"customer  {who}: {read.identify}", 10
    if read.maybe_same_as:
        yield f"          perhaps also {', '.join(f'customer {id_}' for id_ in read.maybe_same_as)}", 10
    found = "begun by this message" if read.thread == "none" else f"found by {read.thread.replace('_', ' ')}"
    yield f"thread    conversation {read.conversation or '(gone)'}: {found}", 10
    if read.decided:
        yield from _decided(read.decided)
    if read.did == "joined it" and read.decided:
        yield f"joined    a ticket was open, and route {read.decided.route} leads to its team", 10


def _decided(decided: Decided) -> Iterator[_Line]:
    said = " ".join(f"{decided.subject or ''} {decided.text}".split())
    yield (
        f"message   {decided.channel} to {decided.account}: {said[:_EXCERPT]}{'...' if len(said) > _EXCERPT else ''}",
        10,
    )
    yield f"facts     {', '.join(_facts(decided.facts)) or 'none'}", 10
    yield f"triage    {decided.complexity}: {decided.probability:.0%} likely to be complex{_limit(decided)}", 10
    if decided.bias is not None:
        yield f"          {decided.bias:+.2f}  to begin with", 17
    for reason in decided.reasons:
        yield f"          {reason.weight:+.2f}  {reason.words} ({reason.signal})", 17
    yield f"routes    of policy {decided.policy_version}, in order; the first that holds decides", 10
    for asked in decided.considered[:-1]:
        yield f"          no   {asked.route}: {asked.why_not or 'not known any more'}", 15
    yield f"          yes  {decided.route}{_where(decided)}", 15


def _facts(facts: Mapping[str, Any]) -> Iterator[str]:
    for name, words in _FACTS.items():
        if name in facts:
            yield words.format(facts[name])


_FACTS = {
    "language": "language {}",
    "tier": "tier {}",
    "characters": "characters: {}",
    "questions": "questions: {}",
    "in_capitals": "in capitals",
    "attachments": "attachments: {}",
    "is_returning": "has written before",
    "contacts_7d": "contacts in 7 days: {}",
    "reopened_count": "reopened before: {}",
    "open_tickets": "open tickets: {}",
}


def _limit(decided: Decided) -> str:
    return "" if decided.threshold is None else f" (complex from {decided.threshold:.0%} on)"


def _where(decided: Decided) -> str:
    if decided.target_s is None:
        return f": queue {decided.queue}" if decided.queue else ""
    skills = f", asking for {', '.join(decided.skills)}" if decided.skills else ""
    target = spell(timedelta(seconds=decided.target_s))
    return f": queue {decided.queue} of team {decided.team}{skills}, to be answered within {target}"


def _offer(offer: OfferMade) -> Iterator[_Line]:
    chosen = f" ({offer.rule})" if offer.rule else ""
    yield f"{moment(offer.at)}  to {offer.agent}{chosen}: {_end(offer)}", 21
    for name, why in offer.passed_over.items():
        yield f"{'':21}not to {name}: {why}", 21


def _end(offer: OfferMade) -> str:
    if offer.ended is None or offer.ended_at is None:
        return "not answered yet"
    after = spell(_at_least_none(offer.ended_at, offer.at))
    return f"{offer.ended} after {after}" + (f" by {offer.ended_by}" if offer.ended == "withdrawn" else "")


def _at_least_none(later: datetime, earlier: datetime) -> timedelta:
    return max(later - earlier, timedelta(0))


def _step(step: Step) -> Iterator[_Line]:
    why = f' "{" ".join(step.why.split())[:_EXCERPT]}"' if step.why else ""
    yield f"{moment(step.at)}  {step.words}{why}", 21


def _agents(explained: Explained) -> Iterator[_Line]:
    for verdict in explained.agents:
        yield f"{verdict.agent}: {verdict.why_not or 'can take it'}", 4
