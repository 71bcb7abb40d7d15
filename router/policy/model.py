"""The compiled policy: frozen, checked and ready for decisions. `parse` reads it from a file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from channels.message import Channel
from router.domain.capacity import Capacity
from router.domain.triage import Complexity
from router.policy.conditions import When
from router.policy.words import Globs, Lexicon


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One whole policy. `version` is the first 12 hex digits of the file's SHA-256."""

    version: str
    teams: Mapping[str, "Team"]
    queues: Mapping[str, "Queue"]
    routes: tuple["Route", ...]
    triage: "TriagePolicy"
    threading: "Threading"
    assignment: "AssignmentRules"
    blocked: Globs
    own_addresses: Globs
    tiers: tuple[tuple[str, Globs], ...]

    def route_named(self, name: str) -> "Route | None":
        """Return the route of that name, or None: a ticket may name a route of an earlier policy."""
        return next((route for route in self.routes if route.name == name), None)

    def blocks(self, address: str) -> bool:
        """Whether messages from this handle value never become tickets."""
        return self.blocked.match(address)

    def is_own(self, address: str) -> bool:
        """Whether the address is one of our own mailboxes; mail from it is our own notification."""
        return self.own_addresses.match(address)

    def tier_of(self, addresses: Iterable[str], stored: str | None = None) -> str | None:
        """Return the customer's tier: the stored one, or else the file's first tier that matches one of the handles."""
        if stored is not None:
            return stored
        values = tuple(addresses)
        return next((tier for tier, globs in self.tiers if any(map(globs.match, values))), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """People who answer together; only tickets of the complexities in `takes` may reach them.

    `overflow_to` names the teams that this team's tickets may move to, by relaxation or by hand.
    """

    name: str
    takes: frozenset[Complexity]
    overflow_to: frozenset[str] = frozenset()
    description: str = ""


class QueueMode(StrEnum):
    """Who moves first: agents ask a `pull` queue for the next ticket; a `push` queue offers its tickets to agents."""

    PULL = "pull"
    PUSH = "push"


class OfferTo(StrEnum):
    """Which eligible agent a push queue asks first."""

    LONGEST_IDLE = "longest-idle"
    LEAST_LOADED = "least-loaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRule:
    """Which agent a push queue offers a ticket to, and how long the offer `lasts` before it expires."""

    to: OfferTo
    lasts: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Where tickets wait for one team. `sticky_for` is how long a ticket waits for the last agent; zero is off.

    `offer` applies to push queues and `cherry_pick` (agents may choose a ticket) to pull queues. `wrap_up` limits the
    work after the contact; zero means none. With `abandon`, a ticket ends when its customer leaves.
    """

    name: str
    team: str
    reopen: "Reopen"
    sticky_for: timedelta = timedelta(0)
    mode: QueueMode = QueueMode.PULL
    offer: OfferRule
    cherry_pick: bool = False
    wrap_up: timedelta = timedelta(0)
    abandon: bool = False
    description: str = ""


class ReopenRule(StrEnum):
    """What a follow-up to a resolved ticket does."""

    REOPEN = "reopen"
    NEW = "new"
    WITHIN = "within"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopen:
    """A queue's rule for follow-ups; `within` counts from the resolution and applies only to the rule `within`."""

    rule: ReopenRule
    within: timedelta = timedelta(0)

    def allows(self, since_resolved: timedelta) -> bool:
        """Whether a follow-up this long after the resolution reopens the ticket; if not, it opens a new one."""
        match self.rule:
            case ReopenRule.REOPEN:
                return True
            case ReopenRule.NEW:
                return False
            case ReopenRule.WITHIN:
                return since_resolved <= self.within


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A rule: tickets for which `when` holds wait in `queue` for an agent with all `skills`, until `target`.

    A skill is `name`, `name:level` (that level, 1 to 5, or above) or `language:xx`. `relax` holds the steps of a long
    wait, earliest first.
    """

    name: str
    when: When
    queue: str
    skills: tuple[str, ...]
    target: timedelta
    relax: tuple["RelaxStep", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaxStep:
    """What changes for a ticket that has waited for `after`.

    It no longer asks for `drop_skills`; None means all of them. It waits in `queue` from then on. `target` is the time
    to answer, counted from the step; it can only bring the due time forward.
    """

    after: timedelta
    drop_skills: tuple[str, ...] | None = ()
    queue: str | None = None
    target: timedelta | None = None

    def keep(self, skills: Iterable[str]) -> tuple[str, ...]:
        """Return the skills that the ticket still asks for after this step."""
        dropped = self.drop_skills
        return () if dropped is None else tuple(skill for skill in skills if skill not in dropped)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentRules:
    """The rules that apply to all agents when tickets are handed out.

    An agent's lease ends `grace` after the last sign of life. `reasons` lists, by status, the reasons that agents may
    give. `capacity` applies to agents without their own. An agent has at most `offers_at_once` to answer, and is set
    away after missing `away_after_missed` in a row; 0 means never.
    """

    grace: timedelta
    reasons: Mapping[str, tuple[str, ...]]
    capacity: Capacity
    away_after_missed: int
    offers_at_once: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Threading:
    """How long conversations keep taking messages.

    `window` is, by channel, the silence that ends a conversation; mail threads have no window. A message on another
    channel continues an open ticket that has been silent for at most `join_channels_within`; zero means never.
    """

    window: Mapping[Channel, timedelta]
    join_channels_within: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class TriagePolicy:
    """The signals that classify weighs, in log-odds of `complex`, and the threshold for their sum.

    `languages` lists the languages to recognise (ISO 639); empty means all known ones. `lexicon` finds the phrases of
    all `words` in one pass, in the same order.
    """

    bias: float
    threshold: float
    languages: tuple[str, ...]
    words: tuple["WordSignal", ...]
    lexicon: Lexicon
    measures: tuple["MeasureSignal", ...]
    traits: tuple["TraitSignal", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WordSignal:
    """Holds if the message contains one of the words."""

    name: str
    weight: float
    is_topic: bool


class Measure(StrEnum):
    """What can be counted about a query."""

    QUESTIONS = "questions"
    CHARACTERS = "characters"
    ATTACHMENTS = "attachments"
    CAPITALS = "capitals"
    TOPICS = "topics"
    CONTACTS_7D = "contacts_7d"
    REOPENED = "reopened"
    OPEN_TICKETS = "open_tickets"
    RETURNING = "returning"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureSignal:
    """Holds if the count is `at_least` this number."""

    name: str
    weight: float
    measure: Measure
    at_least: int


class Trait(StrEnum):
    """A property of a query with a fixed set of values."""

    CHANNEL = "channel"
    TIER = "tier"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitSignal:
    """Holds if the query's trait has one of the values."""

    name: str
    weight: float
    trait: Trait
    values: frozenset[str]
