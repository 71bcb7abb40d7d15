"""What a policy file compiles to: frozen, checked, ready to be asked. Reading the file is left to `parse`."""

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
    """One policy, whole. `version` is the first 12 hex digits of the file's SHA-256."""

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
        """The route of that name, unless this policy has none: a ticket remembers that of an earlier one."""
        return next((route for route in self.routes if route.name == name), None)

    def blocks(self, address: str) -> bool:
        """True if messages from this handle value are not to become tickets."""
        return self.blocked.match(address)

    def is_own(self, address: str) -> bool:
        """True if the address is one of our own mailboxes, so that a mail from it is our own notification."""
        return self.own_addresses.match(address)

    def tier_of(self, addresses: Iterable[str], stored: str | None = None) -> str | None:
        """The customer's tier: what the store says, else the first tier in the file that matches one of the handles."""
        if stored is not None:
            return stored
        values = tuple(addresses)
        return next((tier for tier, globs in self.tiers if any(map(globs.match, values))), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """People who answer together; `takes` says which complexities may ever reach them.

    `overflow_to` are the teams to which tickets of this one may go, by relaxation or by hand.
    """

    name: str
    takes: frozenset[Complexity]
    overflow_to: frozenset[str] = frozenset()
    description: str = ""


class QueueMode(StrEnum):
    """Who moves first: agents ask a `pull` queue for the next ticket, a `push` queue offers its tickets to agents."""

    PULL = "pull"
    PUSH = "push"


class OfferTo(StrEnum):
    """Which of the eligible agents a push queue asks first."""

    LONGEST_IDLE = "longest-idle"
    LEAST_LOADED = "least-loaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRule:
    """Who is offered a ticket of a push queue, and how long an offer `lasts` before it expires."""

    to: OfferTo
    lasts: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Where tickets wait for one team. `sticky_for` is how long one waits for the last agent; zero is off.

    `offer` is read in push queues, `cherry_pick` (agents may choose a ticket) in pull queues. `wrap_up` limits the work
    after the contact; zero is none. `abandon` says whether a customer who leaves ends the ticket.
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
    """What a follow-up on a resolved ticket does."""

    REOPEN = "reopen"
    NEW = "new"
    WITHIN = "within"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopen:
    """The three-way rule of a queue; `within` counts from the resolution and belongs to the rule of that name."""

    rule: ReopenRule
    within: timedelta = timedelta(0)

    def allows(self, since_resolved: timedelta) -> bool:
        """True if a follow-up so long after the resolution reopens the ticket; else it opens a new one."""
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

    A skill is `name`, `name:level` (of that level, 1 to 5, or above) or `language:xx`. `relax` are the steps of a long
    wait, the earliest first.
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

    `drop_skills` are no longer asked for; None is all of them. `queue` is where it waits from then on. `target` is the
    time to answer from the moment of the step, which only ever brings the due time forward.
    """

    after: timedelta
    drop_skills: tuple[str, ...] | None = ()
    queue: str | None = None
    target: timedelta | None = None

    def keep(self, skills: Iterable[str]) -> tuple[str, ...]:
        """The skills that are still asked for after this step."""
        dropped = self.drop_skills
        return () if dropped is None else tuple(skill for skill in skills if skill not in dropped)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentRules:
    """What holds for all agents when tickets are given out.

    `grace` is how long an agent's lease outlives the last sign of life. `reasons` are those that agents may give, by
    status. `capacity` is that of agents who have none of their own. An agent who misses `away_after_missed` offers in a
    row is set away; 0 is never.
    """

    grace: timedelta
    reasons: Mapping[str, tuple[str, ...]]
    capacity: Capacity
    away_after_missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Threading:
    """How long conversations keep taking messages.

    `window` is the silence after which a conversation of a channel is over; a mail's thread has none.
    `join_channels_within` is how recent an open ticket must be to be continued on another channel; zero is never.
    """

    window: Mapping[Channel, timedelta]
    join_channels_within: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class TriagePolicy:
    """The signals that classify weighs, in log-odds of `complex`, and what their sum has to reach.

    `languages` are those to recognise (ISO 639); empty means all that are known. `lexicon` finds the words of all
    `words` at once, in their order.
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
    """Holds if the message says one of the words."""

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
    """Holds if the count is `at_least` so much."""

    name: str
    weight: float
    measure: Measure
    at_least: int


class Trait(StrEnum):
    """What a query can be one of."""

    CHANNEL = "channel"
    TIER = "tier"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitSignal:
    """Holds if the query's trait is one of the values."""

    name: str
    weight: float
    trait: Trait
    values: frozenset[str]
