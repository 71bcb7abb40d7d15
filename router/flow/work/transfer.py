"""Where somebody wants a ticket, and how it waits there. Leaves moving it to whoever holds the transaction."""

from dataclasses import dataclass, replace
from datetime import timedelta

from router.decide.transfer import queues_of, relaxed_after, why_refused
from router.domain.agent import Agent
from router.domain.errors import Invalid, Refused
from router.domain.ticket import TicketNow
from router.domain.wait import Requirement
from router.flow.see.queues import unknown_queue
from router.flow.work.moves import Directory, NewWait
from router.policy.model import Policy

WISH_LASTS = timedelta(minutes=15)
"""How long a ticket waits for the agent it was moved to where its queue does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where somebody wants a ticket: in a queue, or with an agent, by name. Exactly one of both."""

    queue: str | None = None
    agent: str | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        if self.queue is None and self.agent is None:
            raise Invalid("queue", "is needed, or else `agent`: name one of them")
        if self.queue is not None and self.agent is not None:
            raise Invalid("queue", "and `agent` are both given: name one of them alone")


async def new_wait(to: Destination, ticket: TicketNow, policy: Policy, directory: Directory) -> NewWait:
    """Return how the ticket waits where somebody wants it.

    Required skills go along if the agent, or else somebody in the queue's team, has them all; otherwise nobody could
    ever take it. Raises `Invalid` for a queue or agent that is not known, `Refused` where the policy forbids it.
    """
    if to.agent is not None:
        return await _wait_for(to.agent, ticket, policy, directory)
    return await _wait_in(to.queue or "", ticket, policy, directory)


def woken(ticket: TicketNow, policy: Policy) -> NewWait:
    """Return how a snoozed ticket waits where it is: first for whoever put it aside, if its queue has such a wish."""
    queue = policy.queues.get(ticket.queue)
    wish = ticket.reserved_for if queue and queue.sticky_for else None
    return NewWait(
        requirement=ticket.place.requirement,
        policy_version=policy.version,
        relaxed_after=relaxed_after(ticket.route, ticket.queue, policy),
        wish=wish,
        wish_lasts=queue.sticky_for if queue and wish else None,
    )


async def _wait_in(queue: str, ticket: TicketNow, policy: Policy, directory: Directory) -> NewWait:
    if queue not in policy.queues:
        raise unknown_queue(policy.queues)
    if why := _why_refused(queue, ticket, policy):
        raise Refused(why)
    wanted = _required(queue, ticket, policy)
    wanted = wanted if await directory.skills_in_team(wanted) else _without_skills(wanted)
    return NewWait(
        requirement=wanted,
        policy_version=policy.version,
        relaxed_after=relaxed_after(ticket.route, queue, policy),
    )


async def _wait_for(name: str, ticket: TicketNow, policy: Policy, directory: Directory) -> NewWait:
    agent = await directory.agent_named(name)
    if agent is None:
        raise Invalid("agent", "is not known: ask a lead for the name")
    queue = _queue_for(agent, ticket, policy)
    wanted = _required(queue, ticket, policy)
    return NewWait(
        requirement=wanted if agent.may_take(wanted) else _without_skills(wanted),
        policy_version=policy.version,
        relaxed_after=relaxed_after(ticket.route, queue, policy),
        wish=agent.id,
        wish_lasts=policy.queues[queue].sticky_for or WISH_LASTS,
    )


def _queue_for(agent: Agent, ticket: TicketNow, policy: Policy) -> str:
    queues = queues_of(agent.teams, ticket.place.requirement, policy)
    if not queues:
        raise Invalid("agent", f"{agent.name} is in no team that has a queue: choose a queue")
    reasons = {queue: _why_refused(queue, ticket, policy) for queue in queues}
    if allowed := [queue for queue, why in reasons.items() if why is None]:
        return allowed[0]
    raise Refused(reasons[queues[0]] or "")


def _why_refused(queue: str, ticket: TicketNow, policy: Policy) -> str | None:
    from_team = ticket.place.requirement.team
    return why_refused(queue, from_team=from_team, complexity=ticket.complexity, policy=policy)


def _required(queue: str, ticket: TicketNow, policy: Policy) -> Requirement:
    return replace(ticket.place.requirement, queue=queue, team=policy.queues[queue].team)


def _without_skills(requirement: Requirement) -> Requirement:
    return replace(requirement, skills=())
