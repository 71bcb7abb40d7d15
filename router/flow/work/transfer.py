"""Where a ticket should go, and the wait that it starts there."""

from dataclasses import dataclass, replace
from datetime import timedelta

from router.decide.transfer import queues_of, why_refused
from router.decide.wait import begin
from router.domain.agent import Agent
from router.domain.customer import AgentId
from router.domain.errors import Invalid, Refused
from router.domain.ticket import TicketNow
from router.domain.wait import Requirement, Wait
from router.flow.see.queues import unknown_queue
from router.flow.work.moves import Directory
from router.policy.model import Policy

RESERVED_FOR = timedelta(minutes=15)
"""How long a ticket is reserved for the agent it was moved to, if its queue does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a ticket should go: exactly one of a queue or an agent, by name."""

    queue: str | None = None
    agent: str | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        if self.queue is None and self.agent is None:
            raise Invalid("queue", "is missing, and so is `agent`: name one of them")
        if self.queue is not None and self.agent is not None:
            raise Invalid("queue", "and `agent` are both given: name only one of them")


async def wait_at(to: Destination, ticket: TicketNow, policy: Policy, directory: Directory) -> Wait:
    """Return the wait that the locked ticket starts at its destination.

    It keeps its required skills if the agent, or somebody in the queue's team, has them all; otherwise nobody could
    ever take it. Raises `Invalid` for an unknown queue or agent, `Refused` if the policy forbids it.
    """
    if to.agent is not None:
        return await _wait_for(to.agent, ticket, policy, directory)
    return await _wait_in(to.queue or "", ticket, policy, directory)


async def _wait_in(queue: str, ticket: TicketNow, policy: Policy, directory: Directory) -> Wait:
    if queue not in policy.queues:
        raise unknown_queue(policy.queues)
    if why := _why_refused(queue, ticket, policy):
        raise Refused(why)
    asked = _asked_in(queue, ticket, policy)
    return _begin(ticket, asked if await directory.skills_in_team(asked) else _without_skills(asked), policy)


async def _wait_for(name: str, ticket: TicketNow, policy: Policy, directory: Directory) -> Wait:
    agent = await directory.agent_named(name)
    if agent is None:
        raise Invalid("agent", "is not known: ask a lead for the name")
    asked = _asked_in(_queue_for(agent, ticket, policy), ticket, policy)
    asked = asked if agent.may_take(asked) else _without_skills(asked)
    return _begin(ticket, asked, policy, reserved_for=agent.id, or_for=RESERVED_FOR)


def _begin(
    ticket: TicketNow,
    asked: Requirement,
    policy: Policy,
    *,
    reserved_for: AgentId | None = None,
    or_for: timedelta = timedelta(0),
) -> Wait:
    return begin(
        asked,
        route=ticket.route,
        target=ticket.target,
        policy=policy,
        now=ticket.now,
        reserved_for=reserved_for,
        or_for=or_for,
    )


def _queue_for(agent: Agent, ticket: TicketNow, policy: Policy) -> str:
    queues = queues_of(agent.teams, ticket.wait.requirement, policy)
    if not queues:
        raise Invalid("agent", f"{agent.name}'s teams have no queue: choose a queue instead")
    reasons = {queue: _why_refused(queue, ticket, policy) for queue in queues}
    if allowed := [queue for queue, why in reasons.items() if why is None]:
        return allowed[0]
    raise Refused(reasons[queues[0]] or "")


def _why_refused(queue: str, ticket: TicketNow, policy: Policy) -> str | None:
    return why_refused(queue, from_team=ticket.team, complexity=ticket.complexity, policy=policy)


def _asked_in(queue: str, ticket: TicketNow, policy: Policy) -> Requirement:
    return replace(ticket.wait.requirement, queue=queue, team=policy.queues[queue].team)


def _without_skills(asked: Requirement) -> Requirement:
    return replace(asked, skills=())
