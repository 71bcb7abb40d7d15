"""What the reference consumer writes with: the same rows as the product's store, a plain statement for each row.

Locks and reads are the product's own; only recording is the usual way, one `insert` or `update` after the other.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from router.domain.customer import Contact
from router.flow.changes import Changes, Unprocessable
from router.postgres import rows
from router.postgres.intake import PostgresIntake, PostgresIntakeTransaction

PUT_CUSTOMER = """
    insert into customer (id, name, contacts, reopened_count, created_at) values ($1, $2, $3, $4, $5)
    on conflict (id) do update set contacts = excluded.contacts, reopened_count = excluded.reopened_count"""
PUT_HANDLE = """
    insert into handle (key, kind, value, scope, name, customer_id, verified, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (key) do nothing"""
PUT_TICKET = """
    insert into ticket (
      id, customer_id, channel, subject, state, queue, team, group_id, route, policy_version, complexity, probability,
      reasons, language, skills, target_s, enqueued_at, due_at, last_customer_at, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
    on conflict (id) do update
    set state = excluded.state, enqueued_at = excluded.enqueued_at, due_at = excluded.due_at,
      last_customer_at = excluded.last_customer_at"""
PUT_CONVERSATION = """
    insert into conversation (
      id, customer_id, channel, provider, account, thread_key, reply_to, subject, ticket_id, is_open, participants,
      last_message_at, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    on conflict (id) do update
    set ticket_id = excluded.ticket_id, is_open = excluded.is_open, participants = excluded.participants,
      last_message_at = excluded.last_message_at"""
PUT_MESSAGE = """
    insert into message (
      id, received_at, ticket_id, conversation_id, customer_id, direction, channel, account, external_id, author,
      subject, text, sent_at)
    values ($1, $2, $3, $4, $5, 'in', $6, $7, $8, $9, $10, $11, $12)"""
PUT_REFERENCE = """
    insert into mail_reference (account, message_id, conversation_id) values ($1, $2, $3) on conflict do nothing"""
PUT_EVENT = """
    insert into ticket_event (ticket_id, at, kind, state, actor, data) values ($1, $2, $3, $4, 'intake', $5)"""
PUT_RECEIVED = """
    insert into received (channel, account, external_id, fingerprint, received_at, outcome, ticket_id, message_id)
    values ($1, $2, $3, $4, $5, $6, $7, $8)"""


class PlainIntake(PostgresIntake):
    """The store of a consumer that handles one message a transaction; it knows the groups by heart, like ours."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresIntakeTransaction]:
        async with self._database.transaction("intake") as connection:
            transaction = PlainTransaction(connection, self._ids, self._groups)
            yield transaction
        self._groups |= transaction.found


class PlainTransaction(PostgresIntakeTransaction):
    """One message's transaction."""

    async def record(self, changes: Changes, finished: Sequence[bytes]) -> Sequence[Unprocessable]:
        assert not finished
        assert not changes.unprocessable
        write, now = self._connection.execute, changes.now
        for c in changes.customers.values():
            contacts = [Contact.encode(contact) for contact in c.contacts]
            await write(PUT_CUSTOMER, c.id, c.name, contacts, c.reopened_count, c.created_at)
        for new in changes.handles:
            h = new.handle
            await write(PUT_HANDLE, h.key, h.kind, h.value, h.scope, h.name, new.customer_id, h.verified, now)
        await self._put_tickets(changes)
        for v in changes.conversations.values():
            await write(
                PUT_CONVERSATION, v.id, v.customer_id, v.channel, v.provider, v.account, v.thread_key,
                rows.handle_to_json(v.reply_to), v.subject, v.ticket_id, v.is_open, sorted(v.participants),
                v.last_message_at, v.created_at,
            )  # fmt: skip
        for stored in changes.messages:
            m = stored.message
            await write(
                PUT_MESSAGE, stored.id, now, stored.ticket_id, stored.conversation_id, stored.customer_id, m.channel,
                m.account, m.external_id, m.sender.key, m.subject, m.text, m.sent_at or now,
            )  # fmt: skip
        for reference in changes.references:
            await write(PUT_REFERENCE, *reference)
        for e in changes.events:
            await write(PUT_EVENT, e.ticket_id, now, e.kind, e.state, json.dumps(e.data))
        for r in changes.received:
            key = r.key
            await write(
                PUT_RECEIVED, key.channel, key.account, key.external_id, r.fingerprint, now, r.outcome, r.ticket_id,
                r.message_id,
            )  # fmt: skip
        return []

    async def _put_tickets(self, changes: Changes) -> None:
        for ticket in changes.tickets.values():
            requirement = rows.requirement(ticket)
            group_ids = await self._group_ids(changes)
            triage, routing = ticket.triage, ticket.routing
            reasons = json.dumps([{"signal": r.signal, "weight": r.weight, "words": r.words} for r in triage.reasons])
            await self._connection.execute(
                PUT_TICKET, ticket.id, ticket.customer_id, ticket.channel, ticket.subject, ticket.state, routing.queue,
                routing.team, group_ids[requirement], routing.route, routing.policy_version, triage.complexity,
                triage.probability, reasons, triage.language, list(routing.skills),
                int(routing.target.total_seconds()), ticket.enqueued_at, ticket.due_at, ticket.last_customer_at,
                ticket.created_at,
            )  # fmt: skip
