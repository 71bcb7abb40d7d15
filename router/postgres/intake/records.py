"""Writes the changes of a batch as the JSON rows that the statement `record` takes: one document for each table."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

import orjson

from channels.formats import CANONICAL
from channels.message import Handle
from router.domain.conversation import Conversation
from router.domain.customer import Contact, Customer
from router.domain.history import HistoryLine
from router.domain.ticket import Ticket
from router.domain.wait import Requirement
from router.flow.intake.changes import Changes, NewHandle, Received, StoredMessage
from router.postgres.hints import topics

Row = dict[str, Any]


def arguments(changes: Changes, group_ids: Mapping[Requirement, int]) -> Iterator[object]:
    """Yield the arguments of `record`, in its order; `group_ids` has the group of every ticket's requirement."""
    payloads = list(_payloads(changes.messages))
    yield changes.now
    yield _json(map(_customer, changes.customers.values()))
    yield _json(map(_handle, changes.handles))
    yield _json(_ticket(ticket, group_ids[ticket.wait.requirement]) for ticket in changes.tickets.values())
    yield _json(map(_conversation, changes.conversations.values()))
    yield _json(_message(stored, changes.now) for stored in changes.messages)
    yield _json(row for row, _ in payloads)
    yield [body for _, body in payloads]
    yield _json(_reference(*reference) for reference in changes.references)
    yield _json(map(_history_line, changes.history))
    yield _json(map(_received, changes.received))
    yield _json(map(_namesake, changes.namesakes))
    yield sorted({topic for line in changes.history for topic in topics(line.kind)})


def _json(rows: Iterable[Row]) -> str:
    return orjson.dumps(list(rows)).decode()


def _customer(customer: Customer) -> Row:
    return {
        "id": customer.id,
        "name": customer.name,
        "tier": customer.tier,
        "contacts": list(map(Contact.encode, customer.contacts)),
        "reopened_count": customer.reopened_count,
        "created_at": customer.created_at,
    }


def _handle(new: NewHandle) -> Row:
    handle = new.handle
    return {
        "key": handle.key,
        "kind": handle.kind,
        "value": handle.value,
        "scope": handle.scope,
        "name": handle.name,
        "customer_id": new.customer_id,
        "verified": handle.verified,
    }


def _ticket(ticket: Ticket, group_id: int) -> Row:
    triage, wait, asked = ticket.triage, ticket.wait, ticket.wait.requirement
    return {
        "id": ticket.id,
        "customer_id": ticket.customer_id,
        "channel": ticket.channel,
        "subject": ticket.subject,
        "state": ticket.state,
        "queue": asked.queue,
        "team": asked.team,
        "group_id": group_id,
        "route": ticket.route,
        "policy_version": ticket.policy_version,
        "complexity": triage.complexity,
        "probability": triage.probability,
        "reasons": [{"signal": r.signal, "weight": round(r.weight, 3), "words": r.words} for r in triage.reasons],
        "language": triage.language,
        "skills": asked.skills,
        "target_s": int(ticket.target.total_seconds()),
        "enqueued_at": wait.enqueued_at,
        "due_at": wait.due_at,
        "reserved_for": wait.reserved_for,
        "reserved_until": wait.reserved_until,
        "last_customer_at": ticket.last_customer_at,
        "reopened_count": ticket.reopened_count,
        "created_at": ticket.created_at,
        "resolved_at": ticket.resolved_at,
        "assigned_to": ticket.assigned_to,
        "relax_at": wait.relax_at,
        "relaxed": wait.relaxed,
    }


def _conversation(conversation: Conversation) -> Row:
    return {
        "id": conversation.id,
        "customer_id": conversation.customer_id,
        "channel": conversation.channel,
        "provider": conversation.provider,
        "account": conversation.account,
        "thread_key": conversation.thread_key,
        "reply_to": handle_fields(conversation.reply_to),
        "subject": conversation.subject,
        "ticket_id": conversation.ticket_id,
        "is_open": conversation.is_open,
        "participants": sorted(conversation.participants),
        "last_message_at": conversation.last_message_at,
        "created_at": conversation.created_at,
    }


def handle_fields(handle: Handle) -> Row:
    """Return the address that a conversation answers to."""
    return {"kind": handle.kind, "value": handle.value, "scope": handle.scope, "name": handle.name}


def _message(stored: StoredMessage, now: datetime) -> Row:
    message = stored.message
    return {
        "id": stored.id,
        "ticket_id": stored.ticket_id,
        "conversation_id": stored.conversation_id,
        "customer_id": stored.customer_id,
        "channel": message.channel,
        "account": message.account,
        "external_id": message.external_id,
        "author": message.sender.key,
        "subject": message.subject,
        "text": message.text,
        "html": message.html,
        "attachments": [
            {"name": file.name, "content_type": file.content_type, "size": file.size, "url": file.url}
            for file in message.attachments
        ]
        or None,
        "attributes": message.attributes or None,
        "automatic": message.automatic,
        "sent_at": message.sent_at or now,
    }


def _payloads(messages: Iterable[StoredMessage]) -> Iterator[tuple[Row, bytes]]:
    """Yield the raw bytes of each delivery that holds more than its messages' rows, with the ids of these messages."""
    more = filter(_came_with_more, messages)
    for position, (delivery, together) in enumerate(groupby(more, key=attrgetter("delivery")), start=1):
        ids = [stored.id for stored in together]
        yield {"position": position, "message_ids": ids, "format": delivery.format}, delivery.body


def _came_with_more(stored: StoredMessage) -> bool:
    """Return whether it came in a provider's format, or with an inline attachment."""
    return stored.delivery.format != CANONICAL or any(a.content for a in stored.message.attachments)


def _reference(account: str, message_id: str, conversation_id: int) -> Row:
    return {"account": account, "message_id": message_id, "conversation_id": conversation_id}


def _history_line(line: HistoryLine) -> Row:
    return {"ticket_id": line.ticket_id, "kind": line.kind, "state": line.state, "data": line.data}


def _received(received: Received) -> Row:
    return {
        "channel": received.key.channel,
        "account": received.key.account,
        "external_id": received.key.external_id,
        "fingerprint": received.fingerprint.hex(),
        "outcome": received.outcome,
        "ticket_id": received.ticket_id,
        "message_id": received.message_id,
    }


def _namesake(received: Received) -> Row:
    return _received(received) | {"conversation_id": received.conversation_id}
