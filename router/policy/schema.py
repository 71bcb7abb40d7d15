"""The shape of the policy file: every field with its description. `checks` covers what the fields mean together."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from channels.message import Channel
from router.domain.agent import Status
from router.files.section import Section
from router.policy.fields import (
    AnyChannel,
    AnyComplexity,
    AnyGlob,
    AnyLanguage,
    AnyName,
    AnyPhrase,
    Channels,
    DroppedSkills,
    Duration,
    Globs,
    Languages,
    Name,
    Names,
    NotEmpty,
    Number,
    ReopenRule,
    Share,
    SkillList,
    Target,
    Weight,
)
from router.policy.model import Measure, OfferTo, QueueMode


class TeamSection(Section):
    """A team: people who answer together and see each other's tickets."""

    takes: Literal["simple", "complex", "any"] = Field(
        description="The complexity of the tickets this team may get. The routes are checked against it."
    )
    overflow_to: Names = Field(
        (),
        description="Other teams that this team's tickets may move to: by the `relax` steps of routes, if the other"
        " team takes every complexity that the route can carry; by hand, whatever it takes.",
    )
    description: str = Field("", description="For people; shown beside the name.")


class OfferSection(Section):
    """How a push queue offers its tickets."""

    to: OfferTo = Field(
        OfferTo.LONGEST_IDLE,
        description="Which eligible agent gets the first offer: `longest-idle`, the one who has gone longest without a"
        " new ticket, or `least-loaded`, the one with the smallest share of the limit in use.",
    )
    lasts: Target = Field(
        timedelta(seconds=20), alias="for", description="How long the agent has to accept before the offer expires."
    )


class QueueSection(Section):
    """A queue: where tickets wait for one team."""

    team: Name = Field(description="The team that works on this queue.")
    reopen: ReopenRule = Field(
        "always",
        description="What a follow-up to a resolved ticket does: `always` reopens it, `never` opens a new one,"
        " and a duration such as `14d` reopens it within that time of the resolution and opens a new one after it.",
    )
    sticky_for: Duration = Field(
        timedelta(0),
        description="How long a returning customer's ticket waits for the agent of the last contact before it goes to"
        " everyone; it does not wait if that agent is absent. 0 is off.",
    )
    mode: QueueMode = Field(
        QueueMode.PULL,
        description="`pull`: agents ask for the next ticket; `push`: the queue offers tickets to agents, who accept or"
        " decline.",
    )
    offer: OfferSection | None = Field(None, description="How tickets are offered; only with `mode: push`.")
    cherry_pick: bool = Field(
        False, description="Whether agents may see the waiting tickets and take one of them; only with `mode: pull`."
    )
    wrap_up: Duration = Field(
        timedelta(0),
        description="How long an agent may work after the contact before the ticket resolves by itself. Until then it"
        " takes capacity. 0: no wrap-up.",
    )
    abandon: bool = Field(
        False,
        description="Whether a ticket ends as abandoned when its customer leaves the chat before the first answer.",
    )
    description: str = Field("", description="For people; shown beside the name.")

    @model_validator(mode="after")
    def _fits_its_mode(self) -> "QueueSection":
        if self.offer and self.mode is not QueueMode.PUSH:
            raise ValueError("offer belongs to 'mode: push'; set that mode or remove the offer")
        if self.cherry_pick and self.mode is not QueueMode.PULL:
            raise ValueError("cherry_pick belongs to 'mode: pull'; set that mode or remove cherry_pick")
        return self


class RelaxSection(Section):
    """A step of a long wait; it needs at least one of `drop_skills`, `queue`, `target`."""

    after: Target = Field(description="How long the ticket has waited when the step happens; each step is later.")
    drop_skills: DroppedSkills = Field(
        (), description="Skills that the ticket no longer asks for: some of the route's, or `true` for all of them."
    )
    queue: Name | None = Field(
        None,
        description="Where the ticket waits from then on. A queue of another team is allowed only if the team where"
        " the ticket waits before the step lists that team in `overflow_to`.",
    )
    target: Target | None = Field(
        None, description="Time to answer, counted from this step; it can only bring the due time forward."
    )

    @model_validator(mode="after")
    def _changes_something(self) -> "RelaxSection":
        if not (self.drop_skills is None or self.drop_skills or self.queue or self.target):
            raise ValueError("needs at least one of drop_skills, queue, target")
        return self


class WhenSection(Section):
    """The conditions of a route: all keys must hold; a list holds if any of its values holds."""

    complexity: AnyComplexity | None = Field(None, description="`simple` or `complex`, as triage decided.")
    channel: AnyChannel | None = Field(None, description="`email`, `chat`, `sms` or `social`.")
    provider: AnyGlob | None = Field(None, description="Who carries the channel, such as `twilio`.")
    account: AnyGlob | None = Field(None, description="Our side of the channel: a mailbox, number or page. A pattern.")
    language: AnyLanguage | None = Field(None, description="The language the customer writes in, by ISO 639 code.")
    tier: AnyName | None = Field(None, description="The customer's tier; each must be declared under `tiers`.")
    returning: bool | None = Field(None, description="`true`: the customer has written before; `false`: has not.")
    has_attachments: bool | None = Field(None, description="`true`: at least one file is attached.")
    attributes: dict[str, AnyGlob] | None = Field(
        None, description="The integration's own attributes by name, each with a pattern; all must exist and match."
    )
    words: AnyPhrase | None = Field(None, description="The subject or text contains one of these words or phrases.")


class RouteSection(Section):
    """A route: which tickets go to which queue. Routes are tried in order; the first that holds decides."""

    name: Name = Field(description="Its name, in explanations and metrics.")
    when: WhenSection = Field(
        WhenSection(), description="Conditions. Without any, the route always holds; the last route must have none."
    )
    queue: Name = Field(description="Where the ticket waits.")
    skills: SkillList = Field(
        (),
        description="The skills that an agent needs to get the ticket; all of them. Each is `name` (any level),"
        " `name:level` (that level, 1 to 5, or above) or `language:xx`.",
    )
    target: Target = Field(
        description="Time to answer. The ticket due first goes out first, so a shorter target means higher priority."
    )
    relax: tuple[RelaxSection, ...] = Field((), description="What changes, step by step, for a ticket that waits long.")


class SignalSection(Section):
    """A signal of triage: exactly one of `words`, `measure`, `channel`, `tier`, and what it adds if it holds."""

    weight: Weight = Field(
        description="What it adds to the score, in log-odds of complex, -10 to 10; below 0 points to simple."
    )
    words: AnyPhrase | None = Field(None, description="Holds if the subject or text contains one of these.")
    is_topic: bool = Field(True, description="Whether the `words` name a topic, for the measure `topics`.")
    measure: Measure | None = Field(None, description="A count; the signal holds if it is `at_least` or more.")
    at_least: int | None = Field(None, ge=1, description="The least count for which a `measure` holds; 1 if not set.")
    channel: AnyChannel | None = Field(None, description="Holds on these channels.")
    tier: AnyName | None = Field(None, description="Holds for customers of these tiers; each declared under `tiers`.")

    @model_validator(mode="after")
    def _one_test(self) -> "SignalSection":
        given = [key for key in ("words", "measure", "channel", "tier") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of words, measure, channel, tier; has {' and '.join(given) or 'none'}")
        if self.at_least is not None and self.measure is None:
            raise ValueError("at_least belongs to a measure")
        return self


class TriageSection(Section):
    """How a query is judged simple or complex: probability = 1 / (1 + e^-(bias + weights of the signals that hold))."""

    bias: Weight = Field(description="The score of a query without any signal; below 0 points to simple.")
    threshold: float = Field(0.5, gt=0, lt=1, description="A query with this probability or more is complex.")
    languages: Languages = Field(
        (), description="The languages to recognise, by ISO 639 code. Any other language counts as none. Empty: all."
    )
    signals: dict[Name, SignalSection] = Field(default_factory=dict, description="The signals, by name.")


class WindowSection(Section):
    """How much silence ends a conversation. Mail has no window: references mark its threads."""

    chat: Target = Field(timedelta(hours=24), description="For chat.")
    sms: Target = Field(timedelta(hours=72), description="For text messages.")
    social: Target = Field(timedelta(hours=72), description="For social messages.")


class ThreadingSection(Section):
    """Which messages belong together."""

    window: WindowSection = Field(WindowSection(), description="The silence that ends a conversation, by channel.")
    join_channels_within: Duration = Field(
        timedelta(0),
        description="A customer who writes on another channel continues an open ticket of the same team, unless it has"
        " been silent for longer than this; 0 means never.",
    )


class SendersSection(Section):
    """Senders with special treatment."""

    blocked: Globs = Field((), description="Patterns of addresses whose messages never become tickets.")


class CapacitySection(Section):
    """How much work an agent carries at once, unless the agent has numbers of their own."""

    limit: Share = Field(10, description="The total weight of the tickets that an agent may hold.")
    weights: dict[Channel, Share] = Field(
        default_factory=dict, description="What a ticket of a channel weighs; 1 if not set."
    )
    most: dict[Channel, Number] = Field(
        default_factory=dict,
        description="The most tickets of a channel that an agent may hold; if not set, only the limit counts.",
    )
    interruptible: Channels = Field(
        (),
        description="Channels whose tickets do not count when a ticket of another channel comes: the agent interrupts"
        " them.",
    )


class AssignmentSection(Section):
    """Rules for all agents."""

    grace: Target = Field(
        timedelta(seconds=90),
        description="How long an agent counts as present after the last sign of life. Then their tickets go back to"
        " their places in the queue.",
    )
    reasons: dict[Status, Names] = Field(
        default_factory=dict,
        description="The reasons that agents may give, by status: `available`, `busy`, `away`, `wrap_up` or `offline`.",
    )
    capacity: CapacitySection = Field(CapacitySection(), description="How much work an agent carries at once.")
    away_after_missed: Number = Field(
        2,
        description="After this many offers in a row expire unanswered, the agent is set away; 0 means never. An offer"
        " that expires while the agent works on another ticket is not counted.",
    )
    offers_at_once: Annotated[Number, Field(ge=1)] = Field(
        1, description="How many offers an agent has to answer at once, over all queues."
    )


class PolicySection(Section):
    """The whole file."""

    teams: Annotated[dict[Name, TeamSection], NotEmpty] = Field(description="Teams by name.")
    queues: Annotated[dict[Name, QueueSection], NotEmpty] = Field(description="Queues by name.")
    tiers: dict[Name, Globs] = Field(
        default_factory=dict,
        description="Tiers by name, each with patterns of addresses. A tier in the customer's record comes first.",
    )
    routes: Annotated[tuple[RouteSection, ...], NotEmpty] = Field(
        description="Tried in order; the first match decides."
    )
    triage: TriageSection = Field(description="How a query is judged simple or complex.")
    threading: ThreadingSection = Field(ThreadingSection(), description="Which messages belong together.")
    assignment: AssignmentSection = Field(AssignmentSection(), description="Rules for all agents.")
    senders: SendersSection = Field(SendersSection(), description="Senders with special treatment.")
    own_addresses: Globs = Field(
        (),
        description="Patterns of our own mailboxes. Mail from them is our own notification and opens no ticket, unless "
        "a form sent it for a customer, named in Reply-To.",
    )
