"""Rows of the database to nouns, and nouns to the columns that set-based statements unnest."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

import asyncpg

from channels.message import Channel, Handle, HandleKind, MessageKey
from router.domain.conversation import Conversation
from router.domain.customer import Contact, Customer, KnownHandle
from router.domain.ticket import Requirement, Ticket, TicketState
from router.domain.triage import Complexity, Reason, Routing, Triage
from router.flow.changes import Event, NewHandle, Received, StoredMessage, Unprocessable
from router.flow.suspects import fingerprint

_CANONICAL = "message.v1"

# An entry of a B-tree index holds at most 2,704 bytes, channel and overhead included.
_INDEXED_BYTES = 2600


def columns(rows: Iterable[Sequence[object]], width: int) -> list[list[object]]:
    """Turn rows into `width` columns; no rows are `width` empty columns."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def customer(row: asyncpg.Record) -> Customer:
    return Customer(
        id=row["id"],
        created_at=row["created_at"],
        name=row["name"],
        tier=row["tier"],
        is_blocked=row["is_blocked"],
        contacts=tuple(Contact.decode(contact) for contact in row["contacts"]),
        reopened_count=row["reopened_count"],
        last_agent_id=row["last_agent_id"],
    )


def known_handle(row: asyncpg.Record) -> KnownHandle:
    return KnownHandle(key=row["key"], customer_id=row["customer_id"], verified=row["verified"])


def conversation(row: asyncpg.Record) -> Conversation:
    return Conversation(
        id=row["id"],
        customer_id=row["customer_id"],
        channel=Channel(row["channel"]),
        provider=row["provider"],
        account=row["account"],
        reply_to=handle_from_json(row["reply_to"]),
        created_at=row["created_at"],
        last_message_at=row["last_message_at"],
        thread_key=row["thread_key"],
        subject=row["subject"],
        ticket_id=row["ticket_id"],
        is_open=row["is_open"],
        participants=frozenset(row["participants"]),
    )


def ticket(row: asyncpg.Record) -> Ticket:
    """A ticket as intake needs it: the reasons of its triage are left in the row."""
    return Ticket(
        id=row["id"],
        customer_id=row["customer_id"],
        channel=row["channel"],
        subject=row["subject"],
        state=TicketState(row["state"]),
        triage=Triage(
            complexity=Complexity(row["complexity"]), probability=row["probability"], language=row["language"]
        ),
        routing=Routing(
            route=row["route"],
            queue=row["queue"],
            team=row["team"],
            skills=tuple(row["skills"]),
            target=timedelta(seconds=row["target_s"]),
            policy_version=row["policy_version"],
        ),
        enqueued_at=row["enqueued_at"],
        due_at=row["due_at"],
        last_customer_at=row["last_customer_at"],
        created_at=row["created_at"],
        assigned_to=row["assigned_to"],
        preferred_agent_id=row["preferred_agent_id"],
        preferred_until=row["preferred_until"],
        reopened_count=row["reopened_count"],
        resolved_at=row["resolved_at"],
    )


def requirement(ticket: Ticket) -> Requirement:
    routing = ticket.routing
    return Requirement(
        queue=routing.queue, team=routing.team, skills=tuple(sorted(routing.skills)), channel=ticket.channel
    )


def customer_columns(customers: Iterable[Customer]) -> list[list[object]]:
    return columns(
        (
            (
                c.id,
                c.name,
                c.tier,
                "\n".join(map(Contact.encode, c.contacts)),
                c.reopened_count,
                c.created_at,
            )
            for c in customers
        ),
        6,
    )


def handle_columns(handles: Iterable[NewHandle]) -> list[list[object]]:
    return columns(
        (
            (
                h.handle.key,
                h.handle.kind,
                h.handle.value,
                h.handle.scope,
                h.handle.name,
                h.customer_id,
                h.handle.verified,
            )
            for h in handles
        ),
        7,
    )


def ticket_columns(tickets: Iterable[Ticket], group_ids: Mapping[Requirement, int]) -> list[list[object]]:
    return columns((_ticket_row(ticket, group_ids[requirement(ticket)]) for ticket in tickets), 25)


def _ticket_row(ticket: Ticket, group_id: int) -> Sequence[object]:
    triage, routing = ticket.triage, ticket.routing
    return (
        ticket.id,
        ticket.customer_id,
        ticket.channel,
        ticket.subject,
        ticket.state,
        routing.queue,
        routing.team,
        group_id,
        routing.route,
        routing.policy_version,
        triage.complexity,
        triage.probability,
        json.dumps([_reason(reason) for reason in triage.reasons]),
        triage.language,
        ",".join(routing.skills),
        int(routing.target.total_seconds()),
        ticket.enqueued_at,
        ticket.due_at,
        ticket.preferred_agent_id,
        ticket.preferred_until,
        ticket.last_customer_at,
        ticket.reopened_count,
        ticket.created_at,
        ticket.resolved_at,
        ticket.assigned_to,
    )


def _reason(reason: Reason) -> dict[str, object]:
    return {"signal": reason.signal, "weight": round(reason.weight, 3), "words": reason.words}


def conversation_columns(conversations: Iterable[Conversation]) -> list[list[object]]:
    return columns(
        (
            (
                c.id,
                c.customer_id,
                c.channel,
                c.provider,
                c.account,
                c.thread_key,
                handle_to_json(c.reply_to),
                c.subject,
                c.ticket_id,
                c.is_open,
                json.dumps(sorted(c.participants)),
                c.last_message_at,
                c.created_at,
            )
            for c in conversations
        ),
        13,
    )


def message_columns(messages: Iterable[StoredMessage], now: datetime) -> list[list[object]]:
    return columns((_message_row(stored, now) for stored in messages), 15)


def _message_row(stored: StoredMessage, now: datetime) -> Sequence[object]:
    message = stored.message
    return (
        stored.id,
        stored.ticket_id,
        stored.conversation_id,
        stored.customer_id,
        message.channel,
        message.account,
        message.external_id,
        message.sender.key,
        message.subject,
        message.text,
        message.html,
        _attachments(stored),
        json.dumps(dict(message.attributes)) if message.attributes else None,
        message.automatic,
        message.sent_at or now,
    )


def _attachments(stored: StoredMessage) -> str | None:
    listed = [
        {"name": a.name, "content_type": a.content_type, "size": a.size, "url": a.url}
        for a in stored.message.attachments
    ]
    return json.dumps(listed) if listed else None


def payload_columns(messages: Iterable[StoredMessage]) -> list[list[object]]:
    """The raw bytes of each delivery that holds more than its messages' rows, with the ids of these messages."""
    more = filter(_came_with_more, messages)
    return columns(
        (
            (",".join(str(stored.id) for stored in together), delivery.format, delivery.body)
            for delivery, together in groupby(more, key=attrgetter("delivery"))
        ),
        3,
    )


def _came_with_more(stored: StoredMessage) -> bool:
    """A provider's format, or an inline attachment."""
    return stored.delivery.format != _CANONICAL or any(a.content for a in stored.message.attachments)


def event_columns(events: Iterable[Event]) -> list[list[object]]:
    return columns(((e.ticket_id, e.kind, e.state, json.dumps(e.data)) for e in events), 4)


def received_columns(received: Iterable[Received]) -> list[list[object]]:
    return columns(
        (
            (r.key.channel, r.key.account, r.key.external_id, r.fingerprint, r.outcome, r.ticket_id, r.message_id)
            for r in received
        ),
        7,
    )


def unprocessable(refused: Unprocessable) -> Sequence[object]:
    delivery, key = refused.delivery, _indexable(refused.key)
    return (
        refused.stage,
        refused.reason,
        storable(refused.detail),
        storable(delivery.format),
        storable(key.account if key else delivery.account),
        key and storable(key.channel),
        key and storable(key.external_id),
        storable(delivery.routing_key),
        storable(delivery.trace_id),
        delivery.body,
        fingerprint(delivery),
    )


def _indexable(key: MessageKey | None) -> MessageKey | None:
    """A payload may be refused for its very key; nothing must keep it from being kept."""
    size = len(f"{key.account}{key.external_id}".encode(errors="replace")) if key else 0
    return key if size <= _INDEXED_BYTES else None


def storable(text: str | None) -> str | None:
    """Text from outside as PostgreSQL can keep it: with neither NUL nor half a surrogate pair."""
    return text and text.replace("\x00", "\N{SYMBOL FOR NULL}").encode(errors="replace").decode()


def handle_to_json(handle: Handle) -> str:
    return json.dumps({"kind": handle.kind, "value": handle.value, "scope": handle.scope, "name": handle.name})


def handle_from_json(text: str) -> Handle:
    known = json.loads(text)
    return Handle(kind=HandleKind(known["kind"]), value=known["value"], scope=known["scope"], name=known["name"])
