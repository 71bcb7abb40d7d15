"""What classify and route decide, with reasons that an agent can read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, NewType

from channels.message import Channel
from router.domain.wait import Requirement

Words = NewType("Words", str)
"""The start of a text as case-folded words, with a single space between words and at both ends."""


class Complexity(StrEnum):
    """The kind of team that a query needs."""

    SIMPLE = "simple"
    COMPLEX = "complex"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One signal that counted: its name in the policy, what it added to the score (log-odds), and words for agents."""

    signal: str
    weight: float
    words: str


class Triage(NamedTuple):
    """How hard a query looks: `probability` of `complex` is 0 to 1; reasons are ordered by absolute weight."""

    complexity: Complexity
    probability: float
    reasons: tuple[Reason, ...] = ()
    language: str | None = None


class Routing(NamedTuple):
    """What a ticket asks for, how soon it should be answered, and which route of which policy decided that."""

    route: str
    requirement: Requirement
    target: timedelta
    policy_version: str


class Gist(NamedTuple):
    """What a message says, as triage sees it. A plain tuple, because it crosses processes.

    `words` covers the subject and the text; the other fields only the text.
    """

    words: Words
    characters: int
    questions: int
    in_capitals: bool


class Query(NamedTuple):
    """What classify looks at: the message, and the customer's counters before it.

    `attachments` is a count. `contacts_7d` counts earlier contacts in the last seven days, on every channel.
    `reopened_count` says how often this customer's tickets were reopened. `language` is an ISO 639 code, if known.
    """

    channel: Channel
    gist: Gist
    attachments: int = 0
    language: str | None = None
    contacts_7d: int = 0
    reopened_count: int = 0
    open_tickets: int = 0
    tier: str | None = None
    is_returning: bool = False

    def as_data(self) -> dict[str, object]:
        """Return what the history remembers as `facts`: no channel, no words, and nothing that is zero or unknown."""
        gist = self.gist
        facts = {
            "characters": gist.characters,
            "questions": gist.questions,
            "in_capitals": gist.in_capitals,
            "attachments": self.attachments,
            "language": self.language,
            "contacts_7d": self.contacts_7d,
            "reopened_count": self.reopened_count,
            "open_tickets": self.open_tickets,
            "tier": self.tier,
            "is_returning": self.is_returning,
        }
        return {name: value for name, value in facts.items() if value}

    @classmethod
    def of_data(cls, facts: Mapping[str, Any], channel: Channel, words: "Words") -> "Query":
        """Return the query that `as_data` remembered, with channel and words from its message."""
        gist = Gist(words, facts.get("characters", 0), facts.get("questions", 0), facts.get("in_capitals", False))
        return cls(channel=channel, gist=gist, **{name: facts[name] for name in cls._fields if name in facts})


class Facts(NamedTuple):
    """Everything that a route's conditions may read. `attributes` are the integration's own, by name."""

    complexity: Complexity
    channel: Channel
    provider: str = ""
    account: str = ""
    language: str | None = None
    tier: str | None = None
    is_returning: bool = False
    words: Words = Words(" ")
    attributes: Mapping[str, str] = MappingProxyType({})
    has_attachments: bool = False


class Considered(NamedTuple):
    """A route that was asked: `why_not` is the first condition that failed, or None for the route that decided."""

    route: str
    why_not: str | None
