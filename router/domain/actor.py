"""Who changes something, and who looks, as histories and stores name them."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from router.domain.agent import Agent, Person, Principal, Role
from router.domain.customer import AgentId

Teams: TypeAlias = frozenset[str] | None
"""The teams whose tickets and agents somebody may see or change; None means every team."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who moves tickets and manages agents; as text, `agent:<id>`, `lead:<id>`, `admin`, or `cli`: the command line."""

    role: Role | Literal["cli"]
    agent: Agent | None = None

    def __str__(self) -> str:
        return f"{self.role}:{self.agent.id}" if self.agent else str(self.role)

    @classmethod
    def of(cls, principal: Principal) -> "Actor":
        """Return the principal of a token as an actor, with the token's role."""
        return cls(role=principal.role, agent=principal.agent if isinstance(principal, Person) else None)

    @property
    def teams(self) -> Teams:
        """The teams they act for: a person's own teams, everybody else all."""
        return self.agent.teams if self.agent else None

    def has(self, team: str) -> bool:
        return self.agent is None or team in self.agent.teams

    @property
    def signature(self) -> str:
        """The name on their notes."""
        return self.agent.name if self.agent else str(self.role)


OPERATOR = Actor(role="cli")


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who looks: an agent sees the tickets of `teams`; None means every team."""

    agent_id: AgentId | None = None
    teams: Teams = None

    @classmethod
    def of(cls, who: "Principal | Actor") -> "Viewer":
        """Return a person's own view; everybody else is an admin or operator and sees everything."""
        agent = who.agent if isinstance(who, Person | Actor) else None
        return cls(agent_id=agent.id, teams=agent.teams) if agent else cls()

    def has(self, team: str) -> bool:
        """Whether the team is one of theirs."""
        return self.teams is None or team in self.teams
