"""The reference consumer's store: the same rows and locks as the product's store, but one plain statement for each
lookup and each row.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from router.domain.conversation import ConversationId
from router.domain.customer import Contact, CustomerId, KnownHandle
from router.domain.ticket import TicketId
from router.flow.intake.changes import Changes, Received
from router.flow.intake.receive import Wanted
from router.flow.intake.unprocessable import Unprocessable
from router.flow.intake.world import Found
from router.postgres import rows
from router.postgres.database import Connection
from router.postgres.intake import records
from router.postgres.intake.receive import PostgresIntake, PostgresIntakeTransaction, lock_keys

LOCK_HANDLES = "select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key"
FIND_CONVERSATIONS = """
    select id from conversation where id = any ($1::bigint[])
    union
    select id from conversation where account = $2 and thread_key = $3 and channel = 'email'
    union
    select conversation_id from mail_reference where account = $2 and message_id = any ($4::text[])
    union
    select id from conversation where ticket_id = any ($5::bigint[])"""
LOCK_CUSTOMERS = """
    select id, created_at, name, tier, is_blocked, contacts, reopened_count, last_agent_id
    from customer
    where id = any (array(
      select coalesce(customer.merged_into, customer.id)
      from handle join customer on customer.id = handle.customer_id where handle.key = any ($1::text[])
      union
      select coalesce(customer.merged_into, customer.id)
      from conversation join customer on customer.id = conversation.customer_id
      where conversation.id = any ($2::bigint[])))
    order by id
    for no key update"""
LOCK_CONVERSATIONS = """
    select
      id,
      (select coalesce(owner.merged_into, owner.id) from customer as owner where owner.id = conversation.customer_id)
        as customer_id,
      channel, provider, account, thread_key, reply_to, subject, ticket_id, is_open, participants, last_message_at,
      created_at
    from conversation
    where id = any (array(
      select found.id from unnest($1::bigint[]) as found (id)
      union
      select ours.id from conversation as ours
      where ours.customer_id = any ($2::bigint[]) and ours.is_open and ours.channel <> 'email'))
    order by id
    for no key update"""
LOCK_TICKETS = """
    select
      id, customer_id, channel, subject, state, queue, team, route, policy_version, complexity, probability, language,
      skills, target_s, enqueued_at, due_at, reserved_for, reserved_until, last_customer_at, reopened_count,
      created_at, resolved_at, assigned_to, relax_at, relaxed, first_reply_at
    from ticket
    where id = any (array(
      select found.id from unnest($1::bigint[]) as found (id)
      union
      select latest.id
      from unnest($2::bigint[]) as wanted (customer_id)
      cross join lateral (
        select mine.id from ticket as mine
        where mine.customer_id = wanted.customer_id and mine.is_open
        order by mine.id desc
        limit 20
      ) as latest))
    order by id
    for no key update"""
GET_HANDLES = """
    select handle.key, coalesce(customer.merged_into, customer.id) as customer_id, handle.verified
    from handle join customer on customer.id = handle.customer_id
    where handle.key = any ($1::text[])"""
GET_REFERENCES = """
    select account, message_id, conversation_id from mail_reference
    where account = $1 and message_id = any ($2::text[])"""
GET_RECEIVED = """
    select fingerprint, outcome, ticket_id, message_id from received
    where channel = $1 and account = $2 and external_id = $3"""
GET_IDS = """
    select
      clock_timestamp() as now, nextval('customer_ids') as customer, nextval('conversation_ids') as conversation,
      nextval('ticket_ids') as ticket, nextval('message_ids') as message"""
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


class FourIds:
    """One new id of each kind: a message never needs more."""

    def __init__(self, row: asyncpg.Record) -> None:
        self._row = row

    def customer(self) -> CustomerId:
        return CustomerId(self._row["customer"])

    def conversation(self) -> ConversationId:
        return ConversationId(self._row["conversation"])

    def ticket(self) -> TicketId:
        return TicketId(self._row["ticket"])

    def message(self) -> int:
        return int(self._row["message"])


class PlainIntake(PostgresIntake):
    """The store of a consumer that handles one message per transaction; it caches the groups, like ours."""

    @asynccontextmanager
    async def transaction(self, wanted: Wanted) -> AsyncIterator[PostgresIntakeTransaction]:
        async with self._database.transaction("intake") as connection:
            found, ids = await _load(connection, wanted)
            transaction = PlainTransaction(connection, found, ids, self._groups)
            yield transaction
        self._groups |= transaction.new_groups


async def _load(connection: Connection, wanted: Wanted) -> tuple[Found, FourIds]:
    read = connection.fetch
    [(key, _)] = wanted.keys
    handles, references = list(wanted.handles), [id_ for _, id_ in wanted.references]
    await connection.execute(LOCK_HANDLES, lock_keys(wanted))
    led_to: list[int] = []
    if wanted.tokened or wanted.threads or wanted.references or wanted.ticket_numbers:
        root = next((root for _, root in wanted.threads), None)
        numbers = list(wanted.ticket_numbers)
        evidence = await read(FIND_CONVERSATIONS, list(wanted.tokened), key.account, root, references, numbers)
        led_to = [row["id"] for row in evidence]
    customers = await read(LOCK_CUSTOMERS, handles, led_to)
    ids = [row["id"] for row in customers]
    owned = await read(GET_HANDLES, handles) if customers else []
    conversations = await read(LOCK_CONVERSATIONS, led_to, ids) if customers else []
    current = [row["ticket_id"] for row in conversations if row["ticket_id"]]
    tickets = await read(LOCK_TICKETS, current, ids) if customers else []
    [new] = await read(GET_IDS)
    referred = await read(GET_REFERENCES, key.account, references) if references else []
    received = await read(GET_RECEIVED, key.channel, key.account, key.external_id)
    found = Found(
        now=new["now"],
        customers=[rows.customer(row) for row in customers],
        handles=[KnownHandle(**row) for row in owned],
        conversations=[rows.conversation(row) for row in conversations],
        tickets=[rows.ticket(row) for row in tickets],
        references={(row["account"], row["message_id"]): row["conversation_id"] for row in referred},
        received=[Received(key=key, **row) for row in received],
    )
    return found, FourIds(new)


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
                json.dumps(records.handle_fields(v.reply_to)), v.subject, v.ticket_id, v.is_open,
                sorted(v.participants), v.last_message_at, v.created_at,
            )  # fmt: skip
        for stored in changes.messages:
            m = stored.message
            await write(
                PUT_MESSAGE, stored.id, now, stored.ticket_id, stored.conversation_id, stored.customer_id, m.channel,
                m.account, m.external_id, m.sender.key, m.subject, m.text, m.sent_at or now,
            )  # fmt: skip
        for reference in changes.references:
            await write(PUT_REFERENCE, *reference)
        for e in changes.history:
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
            wait, asked = ticket.wait, ticket.wait.requirement
            group_ids = await self._group_ids(changes)
            triage = ticket.triage
            reasons = json.dumps([{"signal": r.signal, "weight": r.weight, "words": r.words} for r in triage.reasons])
            await self._connection.execute(
                PUT_TICKET, ticket.id, ticket.customer_id, ticket.channel, ticket.subject, ticket.state, asked.queue,
                asked.team, group_ids[asked], ticket.route, ticket.policy_version, triage.complexity,
                triage.probability, reasons, triage.language, list(asked.skills),
                int(ticket.target.total_seconds()), wait.enqueued_at, wait.due_at, ticket.last_customer_at,
                ticket.created_at,
            )  # fmt: skip
