"""Turns database rows into nouns, and values into the columns that set-based statements unnest."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

import orjson

from channels.message import Channel, Handle, HandleKind, MessageKey
from router.domain.conversation import Conversation, ConversationId
from router.domain.customer import Contact, Customer, KnownHandle
from router.domain.ticket import Ticket, TicketState
from router.domain.triage import Complexity, Triage
from router.domain.wait import Wait, requirement
from router.flow.intake.changes import Outcome, Received
from router.flow.intake.suspects import hash_of
from router.flow.intake.unprocessable import Unprocessable

Row: TypeAlias = Iterable[Any]
"""The values of a row, in the order of its statement."""

# An entry of a B-tree index holds at most 2,704 bytes, channel and overhead included.
_INDEXED_BYTES = 2600


def columns(rows: Iterable[Sequence[object]], width: int) -> list[list[object]]:
    """Turn rows into `width` columns; no rows are `width` empty columns."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def customer(row: Row) -> Customer:
    id_, created_at, name, tier, is_blocked, contacts, reopened_count, last_agent_id = row
    return Customer(
        id=id_,
        created_at=created_at,
        name=name,
        tier=tier,
        is_blocked=is_blocked,
        contacts=tuple(map(Contact.decode, contacts)),
        reopened_count=reopened_count,
        last_agent_id=last_agent_id,
    )


def known_handle(row: Row) -> KnownHandle:
    key, customer_id, verified = row
    return KnownHandle(key=key, customer_id=customer_id, verified=verified)


def reference(row: Row) -> tuple[tuple[str, str], ConversationId]:
    """Return an account's Message-ID, and the conversation that it leads to."""
    account, message_id, conversation_id = row
    return (account, message_id), conversation_id


def received(row: Row) -> Received:
    channel, account, external_id, fingerprint, outcome, ticket_id, message_id, payload_hash = row
    return Received(
        key=MessageKey(channel, account, external_id),
        fingerprint=fingerprint,
        outcome=Outcome(outcome),
        ticket_id=ticket_id,
        message_id=message_id,
        payload_hash=payload_hash,
    )


def namesake(row: Row) -> Received:
    channel, account, external_id, fingerprint, outcome = row
    return Received(key=MessageKey(channel, account, external_id), fingerprint=fingerprint, outcome=Outcome(outcome))


def conversation(row: Row) -> Conversation:
    (
        id_, customer_id, channel, provider, account, thread_key, reply_to, subject, ticket_id, is_open, participants,
        last_message_at, created_at,
    ) = row  # fmt: skip
    return Conversation(
        id=id_,
        customer_id=customer_id,
        channel=Channel(channel),
        provider=provider,
        account=account,
        reply_to=handle_from_json(reply_to),
        created_at=created_at,
        last_message_at=last_message_at,
        thread_key=thread_key,
        subject=subject,
        ticket_id=ticket_id,
        is_open=is_open,
        participants=frozenset(participants),
    )


def ticket(row: Row) -> Ticket:
    """Return a ticket as intake needs it, without the reasons of its triage."""
    (
        id_, customer_id, channel, subject, state, queue, team, route, policy_version, complexity, probability,
        language, skills, target_s, enqueued_at, due_at, reserved_for, reserved_until, last_customer_at,
        reopened_count, created_at, resolved_at, assigned_to, relax_at, relaxed, first_reply_at,
    ) = row  # fmt: skip
    return Ticket(
        id=id_,
        customer_id=customer_id,
        channel=channel,
        subject=subject,
        state=TicketState(state),
        triage=Triage(complexity=Complexity(complexity), probability=probability, language=language),
        route=route,
        target=timedelta(seconds=target_s),
        policy_version=policy_version,
        wait=Wait(
            requirement=requirement(queue, team, tuple(skills), channel),
            enqueued_at=enqueued_at,
            due_at=due_at,
            relaxed=relaxed,
            relax_at=relax_at,
            reserved_for=reserved_for,
            reserved_until=reserved_until,
        ),
        last_customer_at=last_customer_at,
        created_at=created_at,
        first_reply_at=first_reply_at,
        assigned_to=assigned_to,
        reopened_count=reopened_count,
        resolved_at=resolved_at,
    )


def unprocessable(kept: Unprocessable) -> Sequence[object]:
    delivery, flaw = kept
    key = _indexable(flaw.key)
    further = [tuple(map(storable, (*key, detail))) for key, detail in flaw.further if _indexable(key)]
    return (
        flaw.stage,
        flaw.reason,
        storable(flaw.detail),
        storable(delivery.format),
        storable(key.account if key else delivery.account),
        key and storable(key.channel),
        key and storable(key.external_id),
        storable(delivery.routing_key),
        storable(delivery.trace_id),
        delivery.body,
        hash_of(delivery),
        *columns(further, 4),
    )


def _indexable(key: MessageKey | None) -> MessageKey | None:
    """Drop a key that is too long for the index: a payload may be refused for its key, and must be kept anyway."""
    size = len(f"{key.account}{key.external_id}".encode(errors="replace")) if key else 0
    return key if size <= _INDEXED_BYTES else None


def storable(text: str | None) -> str | None:
    """Return outside text as PostgreSQL can store it: without NUL or half surrogate pairs."""
    return text and text.replace("\x00", "\N{SYMBOL FOR NULL}").encode(errors="replace").decode()


def handle_from_json(text: str) -> Handle:
    known = orjson.loads(text)
    return Handle(kind=HandleKind(known["kind"]), value=known["value"], scope=known["scope"], name=known["name"])
