"""Agents as they see themselves: what they can carry, and where their tickets may come from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from channels.message import Channel
from router.decide.expect import queues_for, skills_wanted
from router.domain.actor import Viewer
from router.domain.agent import Agent, Person, Role
from router.domain.capacity import Capacity
from router.domain.errors import Refused
from router.flow.see.agents import AgentCard, AgentCards, PresenceCard, no_agent
from router.flow.see.obstacles import IN_NO_TEAM
from router.policy.model import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityCard:
    """What an agent can carry: the agent's own numbers, and the policy's for the rest.

    `room` says for each channel whether one more ticket would fit now.
    """

    limit: int
    weights: Mapping[str, int]
    most: Mapping[str, int]
    interruptible: Sequence[str]
    room: Mapping[str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """An agent as they see themselves. `held` counts their tickets by channel; more may come from `queues`."""

    name: str
    role: Role
    teams: Sequence[str]
    skills: Mapping[str, int]
    languages: Sequence[str]
    presence: PresenceCard | None
    is_draining: bool
    capacity: CapacityCard
    held: Mapping[str, int]
    queues: Sequence[str]


class Myself:
    """What agents ask about themselves."""

    def __init__(self, store: AgentCards, policy: Callable[[], Policy]) -> None:
        self._store = store
        self._policy = policy

    async def me(self, who: Person) -> Me:
        """Return what the agent carries, and which queues more may come from."""
        policy = self._policy()
        eyes = Viewer(agent_id=who.agent.id)  # row-level security shows people themselves, in a team or not
        card = await self._store.card(eyes, who.agent.name, grace=policy.assignment.grace)
        if card is None:
            raise no_agent(who.agent.name, eyes.teams)
        return _me(who.role, card, queues_for(who.agent, policy), policy.assignment.capacity)

    async def check_may_be_given(self, agent: Agent) -> None:
        """Raise `Refused` if the agent's teams or skills mean that no ticket can ever come."""
        if not agent.teams:
            raise Refused(IN_NO_TEAM)
        policy = self._policy()
        if queues_for(agent, policy) or await self._store.has_groups(agent):
            return
        if wanted := skills_wanted(agent, policy):
            lacking = f"The queues of your teams ask for skills that you do not have ({', '.join(wanted)})"
            raise Refused(f"{lacking}: ask a lead or an admin to add them.")
        raise Refused(
            "Your teams have no queue in the policy: ask a lead or an admin to add you to a team that has one."
        )


def _me(role: Role, card: AgentCard, queues: Sequence[str], usual: Capacity) -> Me:
    capacity = usual.adjusted(limit=card.limit, weights=card.weights, most=card.most)
    return Me(
        name=card.name,
        role=role,
        teams=card.teams,
        skills=card.skills,
        languages=card.languages,
        presence=card.presence,
        is_draining=card.is_draining,
        capacity=_capacity(capacity, card.held),
        held=card.held,
        queues=queues,
    )


def _capacity(capacity: Capacity, held: Mapping[str, int]) -> CapacityCard:
    return CapacityCard(
        limit=capacity.limit,
        weights={channel: capacity.weight(channel) for channel in Channel},
        most=capacity.most,
        interruptible=sorted(capacity.interruptible),
        room={channel: capacity.has_room(held, channel) for channel in Channel},
    )
