"""Rows of the database to nouns, and the columns that set-based statements unnest. Leaves a batch to `records`."""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import lru_cache

import asyncpg
import orjson

from channels.message import Channel, Handle, HandleKind, MessageKey
from router.domain.conversation import Conversation, ConversationId
from router.domain.customer import Contact, Customer, KnownHandle
from router.domain.ticket import Requirement, Ticket, TicketState
from router.domain.triage import Complexity, Routing, Triage
from router.flow.changes import Outcome, Received, Unprocessable
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


def known_handle(text: str) -> KnownHandle:
    key, customer_id, verified = orjson.loads(text)
    return KnownHandle(key=key, customer_id=customer_id, verified=verified)


def reference(text: str) -> tuple[tuple[str, str], ConversationId]:
    """A Message-ID of an account, and the conversation that it leads to."""
    account, message_id, conversation_id = orjson.loads(text)
    return (account, message_id), ConversationId(conversation_id)


def received(text: str) -> Received:
    channel, account, external_id, fingerprint_, outcome, ticket_id, message_id = orjson.loads(text)
    return Received(
        key=MessageKey(channel, account, external_id),
        fingerprint=bytes.fromhex(fingerprint_),
        outcome=Outcome(outcome),
        ticket_id=ticket_id,
        message_id=message_id,
    )


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
        relax_at=row["relax_at"],
        relaxed=row["relaxed"],
        first_reply_at=row["first_reply_at"],
    )


def requirement(ticket: Ticket) -> Requirement:
    routing = ticket.routing
    return _requirement(routing.queue, routing.team, routing.skills, ticket.channel)


@lru_cache(maxsize=1024)  # all tickets ask for the same few
def _requirement(queue: str, team: str, skills: tuple[str, ...], channel: str) -> Requirement:
    return Requirement(queue=queue, team=team, skills=skills, channel=channel)


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


def handle_from_json(text: str) -> Handle:
    known = json.loads(text)
    return Handle(kind=HandleKind(known["kind"]), value=known["value"], scope=known["scope"], name=known["name"])
