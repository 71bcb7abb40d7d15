"""What people may read, from PostgreSQL. Persons read under row-level security as well as the statements' own teams."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager

import asyncpg

from channels.message import Handle, HandleKind, MessageKey
from router.domain.customer import Contact, ContactOutcome
from router.domain.ticket import OPEN_STATES, TicketState
from router.domain.triage import Complexity, Reason
from router.flow.reading import (
    TRANSCRIPT_SHOWN,
    ConversationCard,
    CustomerCard,
    Decision,
    Entry,
    Filter,
    Happening,
    MessageStatus,
    Original,
    PastContact,
    QueueLoad,
    Refusal,
    TicketLine,
    TicketPage,
    Viewer,
    handle_key,
    lease_for,
)
from router.postgres.database import Connection, Database
from router.postgres.eyes import eyes
from router.postgres.rows import handle_from_json
from router.postgres.statements import load

SQL = load("reading")


class PostgresReading:
    """Finds what a viewer may see; what they may not see is not found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ticket(self, viewer: Viewer, ticket_id: int) -> TicketPage | None:
        async with self._eyes(viewer) as connection:
            row = await connection.fetchrow(SQL["ticket"], ticket_id, _teams(viewer))
            return None if row is None else await _page(connection, viewer, row)

    async def history(self, viewer: Viewer, ticket_id: int) -> Sequence[Happening]:
        async with self._eyes(viewer) as connection:
            rows = await connection.fetch(SQL["history"], ticket_id, _teams(viewer))
        return [_happening(row) for row in rows]

    async def original(self, viewer: Viewer, ticket_id: int, message_id: int) -> Original | None:
        async with self._eyes(viewer) as connection:
            row = await connection.fetchrow(SQL["original"], ticket_id, message_id, _teams(viewer))
        return None if row is None else Original(**row)

    async def tickets(self, viewer: Viewer, wanted: Filter) -> Sequence[TicketLine]:
        """A page of tickets, newest first, of at most `wanted.limit`."""
        arguments = (
            _teams(viewer), wanted.state, wanted.queue, wanted.before, wanted.limit, wanted.number,
        )  # fmt: skip
        async with self._eyes(viewer) as connection:
            customers = await _customers(connection, wanted)
            if customers is None:
                rows = await connection.fetch(SQL["tickets"], *arguments)
            else:
                rows = await connection.fetch(SQL["tickets_of_customers"], *arguments, customers)
        return [ticket_line(row, viewer) for row in rows]

    async def held(self, viewer: Viewer) -> Sequence[TicketLine]:
        async with self._eyes(viewer) as connection:
            rows = await connection.fetch(SQL["tickets_held"], _teams(viewer), viewer.agent_id)
        return [ticket_line(row, viewer) for row in rows]

    async def customer(self, viewer: Viewer, customer_id: int) -> CustomerCard | None:
        async with self._eyes(viewer) as connection:
            return await _visible_card(connection, viewer, customer_id)

    async def customers_by_handle(self, viewer: Viewer, handle: str) -> Sequence[CustomerCard]:
        async with self._eyes(viewer) as connection:
            rows = await connection.fetch(SQL["customers_by_handle"], handle_key(handle))
            cards = [await _visible_card(connection, viewer, row["customer_id"]) for row in rows]
        return [card for card in cards if card is not None]

    async def queues(self, viewer: Viewer) -> Sequence[QueueLoad]:
        async with self._eyes(viewer) as connection:
            rows = await connection.fetch(SQL["queues"], _teams(viewer))
        return [QueueLoad(**row) for row in rows]

    async def message(self, key: MessageKey) -> MessageStatus | None:
        async with self._database.transaction("reading", read_only=True) as connection:
            received = await connection.fetchrow(SQL["received"], key.account, key.external_id, key.channel)
            refused = await connection.fetchrow(SQL["unprocessable"], key.channel, key.account, key.external_id)
        return _status(key, received, refused)

    def _eyes(self, viewer: Viewer) -> AbstractAsyncContextManager[Connection]:
        return eyes(self._database, viewer)


async def _page(connection: Connection, viewer: Viewer, row: asyncpg.Record) -> TicketPage:
    card = await _card(connection, viewer, row["customer_id"])
    assert card is not None, "a foreign key keeps a ticket's customer"
    conversations = await connection.fetch(SQL["conversations"], row["id"])
    messages = await connection.fetch(SQL["transcript"], row["id"], TRANSCRIPT_SHOWN)
    ticket = ticket_line(row, viewer)
    return TicketPage(
        ticket=ticket,
        decision=_decision(row),
        customer=card,
        conversations=[_conversation_card(conversation) for conversation in conversations],
        transcript=[_entry(message) for message in reversed(messages)],
        read_up_to=row["read_up_to"],
        lease=ticket.lease,
    )


async def _customers(connection: Connection, wanted: Filter) -> list[int] | None:
    if wanted.handle is None:
        return None if wanted.customer_id is None else [wanted.customer_id]
    found = {
        row["customer_id"] for row in await connection.fetch(SQL["customers_by_handle"], handle_key(wanted.handle))
    }
    return [id_ for id_ in found if wanted.customer_id in {None, id_}]


async def _visible_card(connection: Connection, viewer: Viewer, customer_id: int) -> CustomerCard | None:
    if viewer.agent_id is not None and not await connection.fetchval(
        SQL["may_see_customer"], customer_id, _teams(viewer)
    ):
        return None
    return await _card(connection, viewer, customer_id)


async def _card(connection: Connection, viewer: Viewer, customer_id: int) -> CustomerCard | None:
    row = await connection.fetchrow(SQL["customer"], customer_id)
    if row is None:
        return None
    handles = await connection.fetch(SQL["handles"], customer_id)
    contacts = [Contact.decode(text) for text in reversed(row["contacts"])]
    at_hand = await connection.fetch(
        SQL["tickets_at_hand"], customer_id, _teams(viewer), [contact.ticket_id for contact in contacts]
    )
    lines = {line["id"]: ticket_line(line, viewer) for line in at_hand}
    return CustomerCard(
        id=row["id"],
        name=row["name"],
        tier=row["tier"],
        is_blocked=row["is_blocked"],
        merged_into=row["merged_into"],
        created_at=row["created_at"],
        handles=[Handle(**{**handle, "kind": HandleKind(handle["kind"])}) for handle in handles],
        contacts=[_past(contact, lines.get(contact.ticket_id)) for contact in contacts],
        open_tickets=[line for line in lines.values() if line.state in OPEN_STATES],
        open_elsewhere=_elsewhere(contacts, lines),
    )


def _elsewhere(contacts: Sequence[Contact], own: Mapping[int, TicketLine]) -> list[PastContact]:
    """Another team's open tickets, each by its latest contact."""
    latest = {
        contact.ticket_id: contact
        for contact in reversed(contacts)
        if contact.outcome is ContactOutcome.OPEN and contact.ticket_id not in own
    }
    return [_past(contact, None) for contact in latest.values()]


def _past(contact: Contact, ticket: TicketLine | None) -> PastContact:
    return PastContact(
        at=contact.at,
        channel=contact.channel,
        queue=contact.queue,
        outcome=contact.outcome,
        ticket_id=ticket.id if ticket else None,
        subject=ticket.subject if ticket else None,
    )


def ticket_line(row: asyncpg.Record, viewer: Viewer) -> TicketLine:
    """The ticket in a row, with its lease if the row has one and the viewer holds it."""
    epoch = row.get("lease_epoch")
    return TicketLine(
        id=row["id"],
        customer_id=row["customer_id"],
        channel=row["channel"],
        subject=row["subject"],
        state=TicketState(row["state"]),
        queue=row["queue"],
        team=row["team"],
        complexity=Complexity(row["complexity"]),
        enqueued_at=row["enqueued_at"],
        due_at=row["due_at"],
        assigned_to=row["assigned_to"],
        created_at=row["created_at"],
        resolved_at=row["resolved_at"],
        lease=lease_for(viewer, ticket_id=row["id"], assigned_to=row["assigned_to"], epoch=epoch) if epoch else None,
    )


def _decision(row: asyncpg.Record) -> Decision:
    return Decision(
        complexity=Complexity(row["complexity"]),
        probability=row["probability"],
        reasons=[Reason(**reason) for reason in json.loads(row["reasons"])],
        language=row["language"],
        route=row["route"],
        policy_version=row["policy_version"],
        skills=row["skills"],
        target_s=row["target_s"],
    )


def _conversation_card(row: asyncpg.Record) -> ConversationCard:
    return ConversationCard(**{**row, "reply_to": handle_from_json(row["reply_to"])})


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(**{**row, "attachments": json.loads(row["attachments"] or "[]")})


def _happening(row: asyncpg.Record) -> Happening:
    return Happening(**{**row, "state": TicketState(row["state"]), "data": json.loads(row["data"])})


def _teams(viewer: Viewer) -> list[str] | None:
    return None if viewer.teams is None else list(viewer.teams)


def _status(key: MessageKey, received: asyncpg.Record | None, refused: asyncpg.Record | None) -> MessageStatus | None:
    refusal = Refusal(**refused) if refused else None
    if received is None and refusal is None:
        return None
    return MessageStatus(
        channel=key.channel,
        account=key.account,
        id=key.external_id,
        outcome=received["outcome"] if received else "unprocessable",
        received_at=received["received_at"] if received else None,
        ticket_id=received["ticket_id"] if received else None,
        unprocessable=refusal,
    )
