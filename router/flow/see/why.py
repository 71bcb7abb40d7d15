"""Explains why a ticket is where it is and who could take it, in plain words. A store finds the facts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from router.domain.customer import AgentId
from router.domain.eligibility import Asked, Standing
from router.domain.ticket import OPEN_STATES, TicketId, TicketState
from router.domain.wait import Wait
from router.flow.see.obstacles import why_not
from router.policy.model import Policy, QueueMode, RelaxStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """A ticket at `now`, with everything that may hold it up; `state_until` ends an offer, a wrap-up or a snooze."""

    id: TicketId
    state: TicketState
    wait: Wait
    route: str
    holder: str | None
    state_until: datetime | None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One agent, and the first rule that keeps them from the ticket; None if nothing does."""

    agent: str
    why_not: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a ticket is where it is. `summary` says it in a sentence; `next` says what will happen by itself."""

    id: int
    state: TicketState
    queue: str
    team: str
    mode: QueueMode
    channel: str
    skills: Sequence[str]
    enqueued_at: datetime
    due_at: datetime
    summary: str
    next: str | None
    next_at: datetime | None
    agents: Sequence[Verdict]


def asked_of(wait: Wait, policy: Policy, *, now: datetime, reserved_for: AgentId | None) -> Asked:
    """Return what a ticket that waits there asks of an agent."""
    return Asked(
        requirement=wait.requirement,
        is_offered=_mode(wait, policy) is QueueMode.PUSH,
        now=now,
        grace=policy.assignment.grace,
        offers_at_once=policy.assignment.offers_at_once,
        reserved_for=reserved_for,
    )


def explain(stuck: Stuck, standings: Sequence[Standing], policy: Policy) -> Why:
    """Say for every agent what keeps them from the ticket, and what the ticket waits for."""
    reserved_for = stuck.wait.reserved_for if stuck.state is TicketState.QUEUED else None
    asked = asked_of(stuck.wait, policy, now=stuck.now, reserved_for=reserved_for)
    candidates = standings if stuck.state in OPEN_STATES else ()
    verdicts = [Verdict(agent=standing.agent.name, why_not=why_not(standing, asked)) for standing in candidates]
    required, mode = stuck.wait.requirement, _mode(stuck.wait, policy)
    coming, when = _next(stuck, policy)
    return Why(
        id=stuck.id,
        state=stuck.state,
        queue=required.queue,
        team=required.team,
        mode=mode,
        channel=required.channel,
        skills=required.skills,
        enqueued_at=stuck.wait.enqueued_at,
        due_at=stuck.wait.due_at,
        summary=_summary(stuck, verdicts, mode),
        next=coming,
        next_at=when,
        agents=verdicts,
    )


def _mode(wait: Wait, policy: Policy) -> QueueMode:
    queue = policy.queues.get(wait.requirement.queue)
    return queue.mode if queue else QueueMode.PULL


def _summary(stuck: Stuck, verdicts: Sequence[Verdict], mode: QueueMode) -> str:
    match stuck.state:
        case TicketState.QUEUED:
            return _waiting(stuck, [each.agent for each in verdicts if each.why_not is None], mode)
        case TicketState.OFFERED:
            return f"It is offered to {stuck.holder}, who has not answered yet."
        case TicketState.ASSIGNED:
            return f"It is assigned to {stuck.holder}."
        case TicketState.WRAP_UP:
            return f"{stuck.holder} has it in wrap-up."
        case TicketState.SNOOZED:
            return "It is snoozed until the customer writes" + (", or until its date." if stuck.state_until else ".")
        case _:
            return f"It is {stuck.state}: nothing is left to do."


def _waiting(stuck: Stuck, able: Sequence[str], mode: QueueMode) -> str:
    asked = stuck.wait.requirement
    waits = f"It waits in queue {asked.queue}" + (", reserved for one agent" if stuck.wait.reserved_for else "")
    if not able:
        return f"{waits}, and nobody in team {asked.team} can take it now."
    verb = "get an offer of it" if mode is QueueMode.PUSH else "get it when they ask for the next one"
    return f"{waits}, and {', '.join(able)} can {verb}, unless something else is due first."


def _next(stuck: Stuck, policy: Policy) -> tuple[str | None, datetime | None]:
    """Return the first change that time will bring, and when."""
    changes = [
        (when, words)
        for when, words in (
            (stuck.state_until, _ENDS.get(stuck.state)),
            (_while_queued(stuck, stuck.wait.reserved_until), "It is no longer reserved."),
            (_while_queued(stuck, stuck.wait.relax_at), _relaxing(stuck, policy)),
        )
        if when and words
    ]
    when, words = min(changes, default=(None, None))
    return words, when


_ENDS = {
    TicketState.OFFERED: "The offer expires.",
    TicketState.WRAP_UP: "The wrap-up ends, and the ticket is resolved.",
    TicketState.SNOOZED: "It wakes up and waits again.",
}


def _while_queued(stuck: Stuck, when: datetime | None) -> datetime | None:
    return when if stuck.state is TicketState.QUEUED else None


def _relaxing(stuck: Stuck, policy: Policy) -> str | None:
    route = policy.route_named(stuck.route)
    steps = route.relax[stuck.wait.relaxed :] if route else ()
    return f"It is relaxed: {' and '.join(_changes(steps[0]))}." if steps else None


def _changes(step: RelaxStep) -> Iterator[str]:
    if step.drop_skills is None:
        yield "it asks for no skills any more"
    elif step.drop_skills:
        yield f"it no longer asks for {', '.join(step.drop_skills)}"
    if step.queue:
        yield f"it moves to queue {step.queue}"
    if step.target:
        yield f"it is due within {step.target}"
