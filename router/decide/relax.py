"""Relax: what a ticket that has waited long asks for less, waits for elsewhere, or is due sooner.

Leaves finding such tickets, and the group that they wait in from then on, to the store.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from router.domain.ticket import TicketId
from router.domain.wait import Requirement
from router.policy.model import Policy, RelaxStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A ticket in a wait that began at `enqueued_at`, of which it has taken the first `relaxed` steps of its route."""

    id: TicketId
    route: str
    requirement: Requirement
    enqueued_at: datetime
    due_at: datetime
    relaxed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxed:
    """A ticket after its steps, and when the next one is due; None if there is none left."""

    ticket: Waiting
    relax_at: datetime | None


def relax(ticket: Waiting, policy: Policy, now: datetime) -> Relaxed:
    """Take all steps of the ticket's route whose time has come; `due_at` only ever comes forward.

    A policy that no longer has the route has no step for its tickets, either.
    """
    for step in _left(ticket, policy):
        if ticket.enqueued_at + step.after > now:
            return Relaxed(ticket=ticket, relax_at=ticket.enqueued_at + step.after)
        ticket = _taken(step, ticket, policy)
    return Relaxed(ticket=ticket, relax_at=None)


def _left(ticket: Waiting, policy: Policy) -> Sequence[RelaxStep]:
    route = policy.route_named(ticket.route)
    return route.relax[ticket.relaxed :] if route else ()


def _taken(step: RelaxStep, ticket: Waiting, policy: Policy) -> Waiting:
    asked = ticket.requirement
    due_at = ticket.due_at
    if step.target is not None:
        due_at = min(due_at, ticket.enqueued_at + step.after + step.target)
    return replace(
        ticket,
        requirement=_moved(replace(asked, skills=step.keep(asked.skills)), step.queue, policy),
        due_at=due_at,
        relaxed=ticket.relaxed + 1,
    )


def _moved(asked: Requirement, queue: str | None, policy: Policy) -> Requirement:
    """In the other queue, unless that is of a team to which the ticket's present one must not overflow."""
    if queue is None or queue not in policy.queues:
        return asked
    team = policy.queues[queue].team
    if team != asked.team and (asked.team not in policy.teams or team not in policy.teams[asked.team].overflow_to):
        return asked
    return replace(asked, queue=queue, team=team)
