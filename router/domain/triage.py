"""What classify decides and what route decides, with the reasons that an agent can read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, NewType

from channels.message import Channel

Words = NewType("Words", str)
"""The beginning of a text as case-folded words with single spaces between and around them."""


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


class Triage(NamedTuple):
    """How hard a query looks: `probability` is that of `complex`, 0 to 1; reasons are ordered by absolute weight."""

    complexity: Complexity
    probability: float
    reasons: tuple[Reason, ...] = ()
    language: str | None = None


class Routing(NamedTuple):
    """Where a ticket waits and until when it should be answered, and which route of which policy said so."""

    route: str
    queue: str
    team: str
    skills: tuple[str, ...]
    target: timedelta
    policy_version: str


class Gist(NamedTuple):
    """What a message says, as triage looks at it. A plain tuple: it crosses processes.

    `words` are those of subject and text; the rest is about the text alone.
    """

    words: Words
    characters: int
    questions: int
    in_capitals: bool


class Query(NamedTuple):
    """What classify looks at: the message and the customer's counters as they were before it.

    `attachments` is their number; `contacts_7d` counts earlier contacts in the last seven days, on every channel;
    `reopened_count` how often tickets of this customer were reopened. `language` is an ISO 639 code, if it is known.
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


class Facts(NamedTuple):
    """Everything the conditions of a route may read. `attributes` are the integration's own, by name."""

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
