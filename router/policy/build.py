"""Builds the model that decisions ask from the sections of a valid file. `checks` looks up whether names exist."""

from collections.abc import Iterator
from datetime import timedelta

from channels.message import Channel
from router.domain.capacity import Capacity
from router.domain.triage import Complexity
from router.policy import conditions, schema
from router.policy.conditions import Condition, When
from router.policy.model import (
    AssignmentRules,
    MeasureSignal,
    OfferRule,
    Policy,
    Queue,
    RelaxStep,
    Reopen,
    ReopenRule,
    Route,
    Team,
    Threading,
    Trait,
    TraitSignal,
    TriagePolicy,
    WordSignal,
)
from router.policy.words import Globs, Lexicon


def build_policy(section: schema.PolicySection, *, version: str) -> Policy:
    return Policy(
        version=version,
        teams={name: _team(name, team) for name, team in section.teams.items()},
        queues={name: _queue(name, queue) for name, queue in section.queues.items()},
        routes=tuple(map(_route, section.routes)),
        triage=_triage(section.triage),
        threading=Threading(
            window={Channel(channel): window for channel, window in section.threading.window},
            join_channels_within=section.threading.join_channels_within,
        ),
        assignment=_assignment(section.assignment),
        blocked=Globs.of(section.senders.blocked),
        own_addresses=Globs.of(section.own_addresses),
        tiers=tuple((tier, Globs.of(patterns)) for tier, patterns in section.tiers.items()),
    )


def _team(name: str, section: schema.TeamSection) -> Team:
    takes = frozenset(Complexity) if section.takes == "any" else frozenset({Complexity(section.takes)})
    return Team(name=name, takes=takes, overflow_to=frozenset(section.overflow_to), description=section.description)


def _queue(name: str, section: schema.QueueSection) -> Queue:
    return Queue(
        name=name,
        team=section.team,
        reopen=_reopen(section.reopen),
        sticky_for=section.sticky_for,
        mode=section.mode,
        offer=_offer(section.offer or schema.OfferSection()),
        cherry_pick=section.cherry_pick,
        wrap_up=section.wrap_up,
        abandon=section.abandon,
        description=section.description,
    )


def _offer(section: schema.OfferSection) -> OfferRule:
    return OfferRule(to=section.to, lasts=section.lasts)


def _reopen(rule: str | timedelta) -> Reopen:
    match rule:
        case timedelta():
            return Reopen(rule=ReopenRule.WITHIN, within=rule)
        case "never":
            return Reopen(rule=ReopenRule.NEW)
        case _:
            return Reopen(rule=ReopenRule.REOPEN)


def _route(section: schema.RouteSection) -> Route:
    return Route(
        name=section.name,
        when=When(tuple(_conditions(section.when))),
        queue=section.queue,
        skills=section.skills,
        target=section.target,
        relax=tuple(
            RelaxStep(after=step.after, drop_skills=step.drop_skills, queue=step.queue, target=step.target)
            for step in section.relax
        ),
    )


def _conditions(when: schema.WhenSection) -> Iterator[Condition]:
    for key in ("complexity", "channel", "language", "tier"):
        if (values := getattr(when, key)) is not None:
            yield conditions.one_of(key, values)
    for key, fact in (("returning", "is_returning"), ("has_attachments", "has_attachments")):
        if (value := getattr(when, key)) is not None:
            yield conditions.is_so(key, fact, value)
    if when.provider:
        yield conditions.like("provider", lambda facts: facts.provider, when.provider)
    if when.account:
        yield conditions.like("account", lambda facts: facts.account, when.account)
    yield from conditions.attributes(when.attributes or {})
    if when.words:
        yield conditions.says(when.words)


def _assignment(section: schema.AssignmentSection) -> AssignmentRules:
    capacity = section.capacity
    return AssignmentRules(
        grace=section.grace,
        reasons={str(status): reasons for status, reasons in section.reasons.items()},
        capacity=Capacity(
            limit=capacity.limit,
            weights={str(channel): weight for channel, weight in capacity.weights.items()},
            most={str(channel): most for channel, most in capacity.most.items()},
            interruptible=frozenset(map(str, capacity.interruptible)),
        ),
        away_after_missed=section.away_after_missed,
        offers_at_once=section.offers_at_once,
    )


def _triage(section: schema.TriageSection) -> TriagePolicy:
    signals = section.signals.items()
    spoken = [(name, signal) for name, signal in signals if signal.words]
    return TriagePolicy(
        bias=section.bias,
        threshold=section.threshold,
        languages=section.languages,
        words=tuple(WordSignal(name=name, weight=signal.weight, is_topic=signal.is_topic) for name, signal in spoken),
        lexicon=Lexicon([signal.words or () for _, signal in spoken]),
        measures=tuple(
            MeasureSignal(name=name, weight=signal.weight, measure=signal.measure, at_least=signal.at_least or 1)
            for name, signal in signals
            if signal.measure
        ),
        traits=tuple(
            TraitSignal(name=name, weight=signal.weight, trait=trait, values=frozenset(map(str, values)))
            for name, signal in signals
            for trait in Trait
            if (values := getattr(signal, trait))
        ),
    )
