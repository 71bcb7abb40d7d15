"""Eligibility: the first rule that keeps an agent from a waiting ticket, in plain words. Leaves choosing to others."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from router.domain.agent import Agent, Presence, Status
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.domain.wait import Requirement
from router.policy.model import QueueMode


class Refusal(StrEnum):
    """What an agent did with an offer of this ticket, in the wait that it is in."""

    DECLINED = "declined"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an agent stands to a ticket: `held` counts by channel what they hold, `refusal` belongs to this wait."""

    agent: Agent
    is_retired: bool
    is_draining: bool
    presence: Presence | None
    capacity: Capacity
    held: Mapping[str, int]
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a ticket asks of whoever takes it; `grace` is how long an agent's lease outlives the last sign of life."""

    requirement: Requirement
    mode: QueueMode
    now: datetime
    grace: timedelta
    reserved_for: AgentId | None = None


def why_not(standing: Standing, asked: Asked) -> str | None:
    """Say what keeps the agent from the ticket, to stand after the agent's name; None if nothing does."""
    rules = (_gone, _unskilled, _elsewhere_wanted, _absent, _full, _unwilling)
    return next((why for rule in rules if (why := rule(standing, asked))), None)


def _gone(standing: Standing, asked: Asked) -> str | None:
    if standing.is_retired:
        return "is retired"
    if standing.is_draining:
        return "is draining, and is given nothing new"
    team = asked.requirement.team
    return None if team in standing.agent.teams else f"is not in team {team}"


def _unskilled(standing: Standing, asked: Asked) -> str | None:
    # what is reserved for somebody was theirs before, or was moved to them by a person
    if asked.reserved_for == standing.agent.id:
        return None
    lacking = [skill for skill in asked.requirement.skills if skill not in standing.agent.skills]
    return f"lacks {', '.join(lacking)}" if lacking else None


def _elsewhere_wanted(standing: Standing, asked: Asked) -> str | None:
    is_mine = asked.reserved_for in {None, standing.agent.id}
    return None if is_mine else "is not the one whom the ticket is reserved for"


def _absent(standing: Standing, asked: Asked) -> str | None:
    presence = standing.presence
    if presence is None:
        return "has not been here yet"
    if presence.status is not Status.AVAILABLE:
        return f"is {presence.status}" + (f" ({presence.reason})" if presence.reason else "")
    if not presence.is_live(asked.now, asked.grace):
        return f"was last heard of at {presence.seen_at:%Y-%m-%d %H:%M:%S} UTC"
    return None


def _full(standing: Standing, asked: Asked) -> str | None:
    channel, capacity, held = asked.requirement.channel, standing.capacity, standing.held
    if capacity.has_room(held, channel):
        return None
    if held.get(channel, 0) >= (most := capacity.most.get(channel, capacity.limit)):
        return f"has no room: holds {held.get(channel, 0)} of {channel}, and {most} is the most"
    load = capacity.load(held, beside=channel)
    return f"has no room: carries {load} of {capacity.limit}, and {channel} weighs {capacity.weight(channel)}"


def _unwilling(standing: Standing, asked: Asked) -> str | None:
    if asked.mode is not QueueMode.PUSH or standing.refusal is None:
        return None
    did = "declined it" if standing.refusal is Refusal.DECLINED else "let the offer expire"
    return f"{did} in this wait, and is asked again only if nobody else can be"
