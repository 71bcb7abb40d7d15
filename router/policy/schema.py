"""The shape of the policy file: every field with its description. What the fields mean together is left to `checks`."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from router.policy.fields import (
    AnyChannel,
    AnyComplexity,
    AnyGlob,
    AnyLanguage,
    AnyName,
    AnyPhrase,
    Duration,
    Globs,
    Languages,
    Name,
    Names,
    NotEmpty,
    ReopenRule,
    Target,
    Weight,
)
from router.policy.model import Measure


class Section(BaseModel):
    """A mapping of the file; keys that it does not know are refused with those that it does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, value: Any) -> Any:
        unknown = [key for key in value if key not in cls.model_fields] if isinstance(value, dict) else []
        if unknown:
            raise ValueError(f"unknown key '{unknown[0]}'; known keys are {', '.join(cls.model_fields)}")
        return value


class TeamSection(Section):
    """A team: people who answer together and see each other's tickets."""

    takes: Literal["simple", "complex", "any"] = Field(
        description="The complexity this team may be given. The routes are checked against it."
    )
    description: str = Field("", description="For people; shown beside the name.")


class QueueSection(Section):
    """A queue: where tickets wait for one team."""

    team: Name = Field(description="The team that works on this queue.")
    reopen: ReopenRule = Field(
        "always",
        description="What a follow-up on a resolved ticket does: `always` reopens it, `never` opens a new one,"
        " a duration such as `14d` reopens it within that time of the resolution and opens a new one after it.",
    )
    sticky_for: Duration = Field(
        timedelta(0),
        description="For how long a returning customer's ticket is wished for by the agent of the last contact; "
        "0 is off. The wish is recorded; `next` does not look at it yet.",
    )
    description: str = Field("", description="For people; shown beside the name.")


class WhenSection(Section):
    """The conditions of a route: all keys must hold; a list holds if any of its values does."""

    complexity: AnyComplexity | None = Field(None, description="`simple` or `complex`, as triage found.")
    channel: AnyChannel | None = Field(None, description="`email`, `chat`, `sms` or `social`.")
    provider: AnyGlob | None = Field(None, description="Who carries the channel, such as `twilio`.")
    account: AnyGlob | None = Field(None, description="Our side of the channel: a mailbox, a number, a page. Pattern.")
    language: AnyLanguage | None = Field(None, description="The language the customer writes in, by ISO 639 code.")
    tier: AnyName | None = Field(None, description="The customer's tier; each must be declared under `tiers`.")
    returning: bool | None = Field(None, description="`true`: has written before; `false`: writes for the first time.")
    has_attachments: bool | None = Field(None, description="`true`: at least one file came with it.")
    attributes: dict[str, AnyGlob] | None = Field(
        None, description="The integration's own attributes by name, each with a pattern; all must be there and match."
    )
    words: AnyPhrase | None = Field(None, description="Subject or text say one of these words or phrases.")


class RouteSection(Section):
    """A route: which tickets go to which queue. Asked in order; the first that holds decides."""

    name: Name = Field(description="Its name, in explanations and metrics.")
    when: WhenSection = Field(
        WhenSection(), description="Conditions; none at all always holds, as the last route must."
    )
    queue: Name = Field(description="Where the ticket waits.")
    skills: Names = Field((), description="What an agent needs to be given the ticket; all of them.")
    target: Target = Field(
        description="Time to answer. The earliest due is given out first: a shorter target is priority."
    )


class SignalSection(Section):
    """A signal of triage: exactly one of `words`, `measure`, `channel`, `tier`, and what it adds if it holds."""

    weight: Weight = Field(
        description="What it adds to the score, in log-odds of complex, -10 to 10; below 0 is simple."
    )
    words: AnyPhrase | None = Field(None, description="Holds if subject or text say one of these.")
    is_topic: bool = Field(True, description="Whether the `words` name a topic, for the measure `topics`.")
    measure: Measure | None = Field(None, description="Something that is counted; holds from `at_least` on.")
    at_least: int | None = Field(None, ge=1, description="The count from which a `measure` holds; 1 unless given.")
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

    bias: Weight = Field(description="The score of a query without any signal; below 0 such a query is simple.")
    threshold: float = Field(0.5, gt=0, lt=1, description="The probability from which a query is complex.")
    languages: Languages = Field(
        (), description="The languages to recognise, by ISO 639 code; a text in another one has none. Empty: all."
    )
    signals: dict[Name, SignalSection] = Field(default_factory=dict, description="The signals, by name.")


class WindowSection(Section):
    """After how much silence a conversation is over. Mail has no window: its threads are told by references."""

    chat: Target = Field(timedelta(hours=24), description="For chat.")
    sms: Target = Field(timedelta(hours=72), description="For text messages.")
    social: Target = Field(timedelta(hours=72), description="For social messages.")


class ThreadingSection(Section):
    """Which messages belong together."""

    window: WindowSection = Field(WindowSection(), description="The silence that ends a conversation, by channel.")
    join_channels_within: Duration = Field(
        timedelta(0),
        description="A customer who writes on another channel continues an open ticket of the same team that is not"
        " silent for longer than this; 0 is never.",
    )


class SendersSection(Section):
    """Senders who are treated specially."""

    blocked: Globs = Field((), description="Patterns of addresses whose messages never become tickets.")


class PolicySection(Section):
    """The whole file."""

    teams: Annotated[dict[Name, TeamSection], NotEmpty] = Field(description="Teams by name.")
    queues: Annotated[dict[Name, QueueSection], NotEmpty] = Field(description="Queues by name.")
    tiers: dict[Name, Globs] = Field(
        default_factory=dict,
        description="Tiers by name, each with patterns of addresses. What the customer's record says comes first.",
    )
    routes: Annotated[tuple[RouteSection, ...], NotEmpty] = Field(
        description="Asked in order; the first match decides."
    )
    triage: TriageSection = Field(description="How a query is judged simple or complex.")
    threading: ThreadingSection = Field(ThreadingSection(), description="Which messages belong together.")
    senders: SendersSection = Field(SendersSection(), description="Senders who are treated specially.")
    own_addresses: Globs = Field(
        (), description="Patterns of our own mailboxes: what they send to us is our own notification, never a ticket."
    )
