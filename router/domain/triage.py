"""What classify decides and what route decides, with the reasons that an agent can read."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Complexity(StrEnum):
    """Which kind of team a query is for."""

    SIMPLE = "simple"
    COMPLEX = "complex"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One signal that counted: its name in the policy, what it added to the score (log-odds), words for an agent."""

    signal: str
    weight: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """How hard a query looks: `probability` is that of `complex`, 0 to 1; reasons are ordered by absolute weight."""

    complexity: Complexity
    probability: float
    reasons: tuple[Reason, ...] = ()
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Where a ticket waits and until when it should be answered, and which route of which policy said so."""

    route: str
    queue: str
    team: str
    skills: tuple[str, ...]
    target: timedelta
    policy_version: str
