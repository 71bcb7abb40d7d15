"""Agents and teams, as people see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from router.domain.actor import Teams, Viewer
from router.domain.agent import Agent, Cause, Status
from router.domain.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceCard:
    """An agent's status `since` a time; `is_live` if they gave a sign of life within the grace time.

    `cause` says why they have a status that they did not declare; null if they declared it.
    """

    status: Status
    reason: str | None
    cause: Cause | None
    since: datetime
    seen_at: datetime
    is_live: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCard:
    """An agent as leads and admins see one; `teams` lists only the viewer's.

    `skills` maps names to levels, 1 to 5. `limit`, `weights` and `most` are the agent's own; the policy fills in what
    they do not set. `held` counts the tickets that the agent holds, by channel.
    """

    name: str
    teams: Sequence[str]
    skills: Mapping[str, int]
    languages: Sequence[str]
    limit: int | None
    weights: Mapping[str, int]
    most: Mapping[str, int]
    held: Mapping[str, int]
    presence: PresenceCard | None
    is_draining: bool
    created_at: datetime
    retired_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An agent of a team, and whether they are present."""

    name: str
    presence: PresenceCard | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamCard:
    """A team of the policy, or one that the policy has dropped but that still has members: it takes nothing."""

    name: str
    description: str
    takes: Sequence[str]
    queues: Sequence[str]
    members: Sequence[Member]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFilter:
    """Which agents to list by name; `after` is the last name on the previous page."""

    team: str | None = None
    with_retired: bool = False
    after: str | None = None
    limit: int = 50


class AgentCards(Protocol):
    """Finds the agents that a viewer may see. `grace` is how long a presence outlives the last sign of life."""

    async def cards(self, viewer: Viewer, wanted: AgentFilter, *, grace: timedelta) -> Sequence[AgentCard]:
        """Return a page of the agents in the viewer's teams, by name."""

    async def card(self, viewer: Viewer, name: str, *, grace: timedelta) -> AgentCard | None: ...

    async def members(self, viewer: Viewer, *, grace: timedelta) -> Mapping[str, Sequence[Member]]:
        """Return the members of each of the viewer's teams that has any, by name, without retired agents."""

    async def has_groups(self, agent: Agent) -> bool:
        """Whether tickets have ever waited for somebody with this agent's teams and skills."""


def no_agent(name: str, teams: Teams) -> NotFound:
    """Return the error for an agent who does not exist or is in none of these teams."""
    return NotFound(f"There is no agent {name}." if teams is None else f"There is no agent {name} in your teams.")
