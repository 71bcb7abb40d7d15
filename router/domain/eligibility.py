"""Who may get a ticket: what can keep an agent from it, in order. Pull, push, picking and `why` all use this."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from router.domain.agent import Agent, Presence, Status
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.domain.wait import Requirement


class Obstacle(StrEnum):
    """What keeps an agent from a ticket, in the order checked; the first that applies is named.

    First, may the agent have the ticket; then, do they take tickets now; then, does this one fit. Removing a later
    obstacle changes nothing while an earlier one remains.
    """

    RETIRED = "retired"
    NOT_ELIGIBLE = "not_eligible"
    """The agent is outside the ticket's team, or lacks a skill it asks for."""
    RESERVED = "reserved"
    """The ticket waits for another agent."""
    DRAINING = "draining"
    NOT_AVAILABLE = "not_available"
    LEASE_OVER = "lease_over"
    NO_ROOM = "no_room"
    ANSWERING = "answering"
    """The agent has as many offers to answer as the policy allows at once."""
    REFUSED = "refused"
    """In this wait, the agent declined the ticket or let its offer expire."""
    NOT_FIRST = "not_first"
    """Nothing keeps the agent from it, but another agent got the offer."""


def first_obstacle(
    *,
    is_retired: bool,
    is_eligible: bool,
    is_reserved_for_another: bool,
    is_draining: bool,
    is_available: bool,
    is_live: bool,
    has_room: bool,
    is_answering: bool,
    has_refused: bool,
) -> Obstacle | None:
    """Return the first obstacle among these facts; None if there is none.

    An agent is eligible if they are in the ticket's team and have the skills it asks for; a ticket reserved for the
    agent asks for no skills. Every caller says every fact, so that a new obstacle is forgotten by none.
    """
    return (
        (is_retired and Obstacle.RETIRED)
        or (not is_eligible and Obstacle.NOT_ELIGIBLE)
        or (is_reserved_for_another and Obstacle.RESERVED)
        or (is_draining and Obstacle.DRAINING)
        or (not is_available and Obstacle.NOT_AVAILABLE)
        or (not is_live and Obstacle.LEASE_OVER)
        or (not has_room and Obstacle.NO_ROOM)
        or (is_answering and Obstacle.ANSWERING)
        or (has_refused and Obstacle.REFUSED)
        or None
    )


class Refusal(StrEnum):
    """What an agent did with an offer of this ticket in its current wait."""

    DECLINED = "declined"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An agent's standing towards a ticket.

    `held` counts by channel what they hold, `offered` the offers among it. `refusal` is from this wait.
    """

    agent: Agent
    is_retired: bool
    is_draining: bool
    presence: Presence | None
    capacity: Capacity
    held: Mapping[str, int]
    offered: int = 0
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a ticket asks of the agent who takes it; `is_offered` if its queue offers tickets.

    `grace` is how long an agent's lease lasts after the last sign of life; `offers_at_once` is how many offers they may
    have to answer.
    """

    requirement: Requirement
    is_offered: bool
    now: datetime
    grace: timedelta
    offers_at_once: int = 1
    reserved_for: AgentId | None = None


def obstacle(standing: Standing, asked: Asked) -> Obstacle | None:
    """Return the first obstacle between the agent and the ticket; None if there is none."""
    agent, presence, required = standing.agent, standing.presence, asked.requirement
    # a reserved ticket was the agent's before, or a person moved it to them
    is_theirs = asked.reserved_for == agent.id
    return first_obstacle(
        is_retired=standing.is_retired,
        is_eligible=required.team in agent.teams if is_theirs else agent.may_take(required),
        is_reserved_for_another=asked.reserved_for is not None and not is_theirs,
        is_draining=standing.is_draining,
        is_available=presence is not None and presence.status is Status.AVAILABLE,
        is_live=presence is not None and presence.is_live(asked.now, asked.grace),
        has_room=standing.capacity.has_room(standing.held, required.channel),
        is_answering=asked.is_offered and standing.offered >= asked.offers_at_once,
        has_refused=asked.is_offered and standing.refusal is not None,
    )
