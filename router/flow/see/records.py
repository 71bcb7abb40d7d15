"""What the database remembers about how a ticket came to be where it is. `explanation` puts it together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from channels.message import Channel
from router.domain.actor import Viewer
from router.domain.customer import AgentId
from router.domain.triage import Complexity, Reason
from router.flow.see.pages import Happening


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message or a note as far as decisions read it; `author` is the sender's handle, or a colleague's name."""

    id: int
    conversation_id: int | None
    channel: Channel
    provider: str
    account: str
    author: str
    subject: str | None
    text: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Everything that is on record about a ticket.

    `names` has the agents whom the viewer may see, `said` the messages and notes that the history refers to, by id, and
    `policies` the text of every policy that had a say, by version.
    """

    customer_id: int
    customer_name: str | None
    complexity: Complexity
    reasons: Sequence[Reason]
    events: Sequence[Happening]
    names: Mapping[AgentId, str]
    said: Mapping[int, Said]
    policies: Mapping[str, str]


class RecordStore(Protocol):
    """Finds the records of a ticket. Another team's ticket is not found, just like one that does not exist."""

    async def records(self, viewer: Viewer, ticket_id: int) -> Records | None: ...


def agents_in(events: Sequence[Happening]) -> set[int]:
    """Return the ids of all agents whom the history names."""
    return {id_ for event in events for id_ in _agents_of(event)}


def messages_in(events: Sequence[Happening]) -> set[int]:
    """Return the ids of the messages and notes that a decision or a move refers to."""
    return {event.data[key] for event in events for key in ("message", "note") if key in event.data}


def versions_in(events: Sequence[Happening]) -> set[str]:
    """Return the versions of the policy by which messages were routed."""
    return {event.data["policy_version"] for event in events if "facts" in event.data or event.data.get("route")}


def actor_id(actor: str) -> int | None:
    """Return the agent's id in an actor such as `agent:12`; None for one that is no person."""
    number = actor.partition(":")[2]
    return int(number) if number.isdecimal() else None


def _agents_of(event: Happening) -> Iterator[int]:
    if (id_ := actor_id(event.actor)) is not None:
        yield id_
    yield from (id_ for key in ("agent", "holder") if isinstance(id_ := event.data.get(key), int))
    if event.kind == "offer":
        yield from map(int, event.data.get("why_not") or ())
