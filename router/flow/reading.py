"""What people may read: tickets, customers and queues as they are shown. Leaves finding them to the store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from channels import handles
from channels.errors import Malformed
from channels.message import Handle, HandleKind, MessageKey
from router.domain.actor import Actor
from router.domain.agent import Lease, Principal
from router.domain.customer import AgentId, ContactOutcome
from router.domain.errors import Invalid, NotFound
from router.domain.ticket import TicketId, TicketState
from router.domain.triage import Complexity, Reason
from router.policy.model import Policy

TRANSCRIPT_SHOWN = 50
_NO_HANDLE = "is no handle: write name@domain, +49 30 12345678 (the + as %2B), or user:PLATFORM:ID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Whose eyes: an agent sees the tickets of `teams`; None sees those of every team."""

    agent_id: AgentId | None = None
    teams: frozenset[str] | None = None

    @classmethod
    def of(cls, who: Principal | Actor) -> "Viewer":
        """A person sees with their own eyes; whoever is none is an admin or operator, who sees everything."""
        if who.agent is None:
            return cls()
        return cls(agent_id=who.agent.id, teams=who.agent.teams)

    def has(self, team: str) -> bool:
        """Whether the team is one of theirs."""
        return self.teams is None or team in self.teams


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketLine:
    """A ticket in a list. `lease` is there for its holder only; `merged_into` is the ticket that has taken it over."""

    id: int
    customer_id: int
    channel: str
    subject: str | None
    state: TicketState
    queue: str
    team: str
    complexity: Complexity
    enqueued_at: datetime
    due_at: datetime
    assigned_to: int | None
    created_at: datetime
    resolved_at: datetime | None
    merged_into: int | None = None
    lease: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastContact:
    """One time the customer reached out; ticket and subject only where the ticket is one the viewer may see."""

    at: datetime
    channel: str
    queue: str
    outcome: ContactOutcome
    ticket_id: int | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerCard:
    """The details on hand about a person: contacts on every channel, newest first, at most twenty.

    `open_tickets` are the viewer's own teams'; `open_elsewhere` is all that is told of another team's.
    """

    id: int
    name: str | None
    tier: str | None
    is_blocked: bool
    merged_into: int | None
    created_at: datetime
    handles: Sequence[Handle]
    contacts: Sequence[PastContact]
    open_tickets: Sequence[TicketLine]
    open_elsewhere: Sequence[PastContact]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationCard:
    """A conversation of the ticket, and where its answers go."""

    id: int
    channel: str
    provider: str
    account: str
    reply_to: Handle
    subject: str | None
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the transcript: `in` from the customer, `out` from an agent, or a `note` among agents."""

    id: int
    conversation_id: int | None
    direction: str
    channel: str
    author: str
    agent_id: int | None
    subject: str | None
    text: str
    html: str | None
    attachments: Sequence[Mapping[str, Any]]
    automatic: str | None
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Why the ticket is where it is: what triage found, and the route that decided. `target_s` is in seconds."""

    complexity: Complexity
    probability: float
    reasons: Sequence[Reason]
    language: str | None
    route: str
    policy_version: str
    skills: Sequence[str]
    target_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketPage:
    """A ticket with everything on hand; the transcript's last fifty entries, ordered by time sent.

    `lease` is there for the holder only. `read_up_to` is the time of the customer's last word, in microseconds since
    1970: sent back with a reply, it tells if the customer wrote since.
    """

    ticket: TicketLine
    decision: Decision
    customer: CustomerCard
    conversations: Sequence[ConversationCard]
    transcript: Sequence[Entry]
    read_up_to: int
    lease: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line of a ticket's history: what happened, the state it led to, who did it, and why (`data`)."""

    at: datetime
    kind: str
    state: TicketState
    actor: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLoad:
    """What waits in a queue that is not empty. Waits are in seconds; `overdue` counts tickets past their target."""

    queue: str
    team: str
    waiting: int
    overdue: int
    longest_wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatus:
    """How a queue stands now, in seconds. `target_s` is its routes' shortest; None if only transfers lead to it."""

    queue: str
    team: str
    description: str
    waiting: int
    overdue: int
    longest_wait_s: float
    target_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which tickets to list: None is any. `before` is the id that the last page ended with."""

    customer_id: int | None = None
    handle: str | None = None
    number: int | None = None
    state: TicketState | None = None
    queue: str | None = None
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a payload could not be processed, as `frontdesk unprocessable` lists it."""

    at: datetime
    stage: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageStatus:
    """What became of a message: the outcome that intake recorded or `erased`, and the latest refusal of its key."""

    channel: str
    account: str
    id: str
    outcome: str
    received_at: datetime | None = None
    ticket_id: int | None = None
    unprocessable: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A message as its provider sent it."""

    format: str
    account: str
    body: bytes


class Reading(Protocol):
    """Finds what a viewer may see. What belongs to another team is not found, the same as what does not exist."""

    async def ticket(self, viewer: Viewer, ticket_id: int) -> TicketPage | None: ...

    async def history(self, viewer: Viewer, ticket_id: int) -> Sequence[Happening]:
        """What happened to the ticket, oldest first; empty if there is no such ticket for the viewer."""

    async def original(self, viewer: Viewer, ticket_id: int, message_id: int) -> Original | None:
        """A message of the ticket as it came; None where it is not kept, or came together with others' messages."""

    async def tickets(self, viewer: Viewer, wanted: Filter) -> Sequence[TicketLine]: ...

    async def held(self, viewer: Viewer) -> Sequence[TicketLine]: ...

    async def customer(self, viewer: Viewer, customer_id: int) -> CustomerCard | None: ...

    async def customers_by_handle(self, viewer: Viewer, handle: str) -> Sequence[CustomerCard]: ...

    async def queues(self, viewer: Viewer) -> Sequence[QueueLoad]: ...

    async def queues_ever(self, viewer: Viewer) -> frozenset[str]:
        """Where tickets of the viewer's teams have ever waited, be it in queues that the policy has dropped since."""

    async def message(self, key: MessageKey) -> MessageStatus | None: ...


def lease_for(viewer: Viewer, *, ticket_id: TicketId, assigned_to: int | None, epoch: int) -> str | None:
    """Return the lease on the wire if the viewer holds the ticket."""
    if viewer.agent_id is None or assigned_to != viewer.agent_id:
        return None
    return str(Lease(ticket_id, epoch))


def no_ticket(ticket_id: int) -> NotFound:
    """What is said of a ticket that is not there, and of another team's."""
    return NotFound(f"There is no ticket {ticket_id} in your teams.")


def no_queue(queue: str) -> NotFound:
    """What is said of a queue that is not there, and of another team's."""
    return NotFound(f"There is no queue {queue} in your teams.")


def unknown_queue(known: Iterable[str]) -> Invalid:
    """What is said where a request asks for a queue that is none of those."""
    return Invalid("queue", f"is not known: choose one of {', '.join(sorted(known))}")


def handle_key(text: str) -> str:
    """Return the key of a handle as a person types it: an address, a number, or `user:PLATFORM:ID`.

    Raises `Invalid` for what is none of these.
    """
    kind, _, value = text.strip().partition(":")
    if kind == HandleKind.USER and all(value.partition(":")):
        return f"{kind}:{value}"
    typed = value if kind in {HandleKind.EMAIL, HandleKind.PHONE} else text
    read = handles.email if "@" in typed else handles.phone
    try:
        return read(typed, "handle").key
    except Malformed as exc:
        raise Invalid("handle", _NO_HANDLE) from exc


def queue_statuses(viewer: Viewer, policy: Policy, loads: Sequence[QueueLoad]) -> list[QueueStatus]:
    """Return the queues of the viewer's teams by name: those of the policy, and those it dropped with tickets left.

    A queue that the policy gave to another team is there twice while tickets of the old team wait.
    """
    loaded = {(load.queue, load.team): load for load in loads}
    idle = {
        (queue.name, queue.team): QueueLoad(queue=queue.name, team=queue.team, waiting=0, overdue=0, longest_wait_s=0)
        for queue in policy.queues.values()
        if viewer.has(queue.team)
    }
    return [_status(load, policy) for _, load in sorted((idle | loaded).items())]


def _status(load: QueueLoad, policy: Policy) -> QueueStatus:
    known = policy.queues.get(load.queue)
    targets = (route.target.total_seconds() for route in policy.routes if route.queue == load.queue)
    return QueueStatus(
        queue=load.queue,
        team=load.team,
        description=known.description if known else "",
        waiting=load.waiting,
        overdue=load.overdue,
        longest_wait_s=load.longest_wait_s,
        target_s=min(targets, default=None),
    )
