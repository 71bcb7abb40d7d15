"""How a ticket came to be where it is: each message and what it decided, each offer, each move. All from the record.

Complete enough to decide again: `Decided.query` and `Decided.facts_for` are what `decide.classify` and `decide.route`
read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from channels.message import Channel
from router.decide.classify import classify
from router.decide.gist import gist_of
from router.decide.route import passed_over
from router.domain.history import HistoryKind, HistoryReason
from router.domain.triage import Complexity, Facts, Query, Reason
from router.files.checked import FileError
from router.flow.see.pages import Happening
from router.flow.see.records import Records, Said
from router.flow.see.steps import Step, Told, steps, told
from router.flow.see.why import Why
from router.policy.model import Policy
from router.policy.parse import parse_policy


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteAsked:
    """A route of the policy: `why_not` is the first condition that failed, null for the route that decided."""

    route: str
    why_not: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """How a message was judged and routed. `facts` are the numbers that triage read, without those that were zero.

    `considered` are the routes asked, in order, each with the first condition that failed. It is empty, and what comes
    from the policy is null, if the text of that version is not kept. `target_s` is in seconds.
    """

    channel: Channel
    provider: str
    account: str
    subject: str | None
    text: str
    attributes: Mapping[str, str]
    facts: Mapping[str, Any]
    complexity: Complexity
    probability: float
    bias: float | None
    threshold: float | None
    reasons: Sequence[Reason]
    policy_version: str
    considered: Sequence[RouteAsked]
    route: str
    queue: str | None
    team: str | None
    skills: Sequence[str]
    target_s: int | None

    @property
    def query(self) -> Query:
        """What triage looked at."""
        return _query(self.facts, self)

    def facts_for(self, complexity: Complexity) -> Facts:
        """Return what the routes looked at, once triage had found this complexity."""
        return _facts(self, self.query, complexity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A customer's message, with the evidence for its customer (`identify`) and for its conversation (`thread`).

    `author` is the handle, null once the message is gone. `did` is what the message did to the ticket.
    """

    at: datetime
    message: int
    author: str | None
    identify: str
    maybe_same_as: Sequence[int]
    thread: str
    conversation: int | None
    did: str
    decided: Decided | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferMade:
    """An offer to an agent. `ended` is null while it is open; `passed_over` says why not others, by their names."""

    at: datetime
    agent: str
    rule: str | None
    passed_over: Mapping[str, str]
    ended: str | None
    ended_at: datetime | None
    ended_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained(Why):
    """Why a ticket is where it is, and how it came there. `last_move` says in a sentence what put it there."""

    customer: int
    customer_name: str | None
    last_move: str | None
    messages: Sequence[Read]
    offers: Sequence[OfferMade]
    moves: Sequence[Step]


def explained(why: Why, records: Records) -> Explained:
    """Add to `why` how the ticket came to be where it is."""
    lines = told(records)
    moves = steps(lines)
    policies = {version: _policy(text) for version, text in records.policies.items()}
    return Explained(
        **{each.name: getattr(why, each.name) for each in fields(Why)},
        customer=records.customer_id,
        customer_name=records.customer_name,
        last_move=moves[-1].words if moves else None,
        messages=[_read(line.event, records, policies) for line in lines if "identify" in line.data],
        offers=_offers(lines),
        moves=moves,
    )


def _policy(text: str) -> Policy | None:
    """Return the policy of a version; None if a later release no longer reads it."""
    try:
        return parse_policy(text)
    except FileError:
        return None


def _read(event: Happening, records: Records, policies: Mapping[str, Policy | None]) -> Read:
    data = event.data
    said = records.said.get(data["message"])
    decided = _decided(event, said, records, policies.get(data["policy_version"])) if said and "facts" in data else None
    return Read(
        at=event.at,
        message=data["message"],
        author=said.author if said else None,
        identify=data["identify"],
        maybe_same_as=data.get("maybe_same_as", ()),
        thread=data["thread"],
        conversation=said.conversation_id if said else None,
        did="joined it" if data.get("joined") else _DID.get(data.get("reason", ""), "continued it"),
        decided=decided,
    )


_DID = {
    HistoryReason.NEW.value: "began it",
    HistoryReason.REOPENED.value: "reopened it",
    HistoryReason.WOKEN.value: "woke it",
}


def _decided(event: Happening, said: Said, records: Records, policy: Policy | None) -> Decided:
    data, complexity = event.data, Complexity(event.data["complexity"])
    query = _query(data["facts"], said)
    route = policy.route_named(data["route"]) if policy else None
    queue: str | None = data.get("queue") or (route.queue if route else None)
    asked = passed_over(_facts(said, query, complexity), policy, data["route"]) if policy else ()
    return Decided(
        channel=said.channel,
        provider=said.provider,
        account=said.account,
        subject=said.subject,
        text=said.text,
        attributes=said.attributes,
        facts=data["facts"],
        complexity=complexity,
        probability=data["probability"],
        bias=policy.triage.bias if policy else None,
        threshold=policy.triage.threshold if policy else None,
        reasons=records.reasons if data["reason"] == HistoryReason.NEW else _found_again(query, policy, data),
        policy_version=data["policy_version"],
        considered=[RouteAsked(route=each.route, why_not=each.why_not) for each in asked],
        route=data["route"],
        queue=queue,
        team=policy.queues[queue].team if policy and queue and queue in policy.queues else None,
        skills=route.skills if route else (),
        target_s=int(route.target.total_seconds()) if route else None,
    )


def _found_again(query: Query, policy: Policy | None, data: Mapping[str, Any]) -> Sequence[Reason]:
    """Return the reasons for a message that began no ticket: they are not stored, but follow from what is."""
    triage = classify(query, policy.triage) if policy else None
    return triage.reasons if triage and round(triage.probability, 3) == data["probability"] else ()


def _query(facts: Mapping[str, Any], said: "Said | Decided") -> Query:
    return Query.of_data(facts, said.channel, gist_of(said.subject or "", said.text).words)


def _facts(said: "Said | Decided", query: Query, complexity: Complexity) -> Facts:
    return Facts(
        complexity=complexity,
        channel=said.channel,
        provider=said.provider,
        account=said.account,
        language=query.language,
        tier=query.tier,
        is_returning=query.is_returning,
        words=query.gist.words,
        attributes=said.attributes,
        has_attachments=bool(query.attachments),
    )


def _offers(lines: Sequence[Told]) -> list[OfferMade]:
    """Return each offer with the line that ended it: the next one that changed the ticket's state."""
    return [
        _offer(line, next((later for later in lines[place + 1 :] if later.now.state != "offered"), None))
        for place, line in enumerate(lines)
        if line.event.kind == HistoryKind.OFFER
    ]


def _offer(line: Told, end: Told | None) -> OfferMade:
    others = line.data.get("why_not") or {}
    return OfferMade(
        at=line.event.at,
        agent=line.now.agent or "",
        rule=line.data.get("by"),
        passed_over={line.name(int(id_)): str(why).replace("_", " ") for id_, why in others.items()},
        ended=_ENDS.get(end.event.kind, "withdrawn") if end else None,
        ended_at=end.event.at if end else None,
        ended_by=end.by if end else None,
    )


_ENDS: Mapping[str, str] = {
    HistoryKind.ACCEPT: "accepted",
    HistoryKind.DECLINE: "declined",
    HistoryKind.EXPIRE: "expired",
}
