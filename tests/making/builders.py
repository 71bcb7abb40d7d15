"""Rows with good defaults, straight in the database: customers, tickets, conversations, messages, agents, tokens."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from channels.message import Handle, HandleKind
from router.domain.agent import Agent, Lease, Role
from router.domain.customer import Contact
from router.domain.ticket import TicketId
from router.domain.wait import Requirement
from router.postgres import groups
from router.postgres.database import Database
from router.postgres.run.retention import Retention
from router.postgres.work.tokens import Tokens
from tests.making.moments import NOON

ADA = Handle(kind=HandleKind.EMAIL, value="ada@example.com", name="Ada Example", verified=True)
TARGET = timedelta(hours=4)
OFFER_LASTS = timedelta(seconds=20)
RETENTION = Retention(
    messages=timedelta(days=730),
    raw=timedelta(days=90),
    events=timedelta(days=730),
    received=timedelta(days=90),
    unprocessable=timedelta(days=90),
)
REASONS = [{"signal": "legal", "weight": 2.0, "words": "mentions a lawyer"}]


async def a_token(database: Database, role: Role, *, agent: Agent | None = None) -> str:
    """The secret of a new token."""
    name = f"{role} {agent.name if agent else ''}".strip()
    return await Tokens(database).create(name, role, agent_name=agent.name if agent else None)


async def a_customer(
    database: Database, *handles: Handle, name: str = "Ada Example", contacts: Sequence[Contact] = ()
) -> int:
    insert_customer = """
        insert into customer (id, name, contacts, created_at)
        values (nextval('customer_ids'), $1, $2, $3)
        returning id"""
    insert_handle = """
        insert into handle (key, kind, value, scope, customer_id, verified, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)"""
    async with database.transaction("test") as connection:
        encoded = [contact.encode() for contact in contacts]
        customer_id: int = await connection.fetchval(insert_customer, name, encoded, NOON)
        for handle in handles:
            row = (handle.key, handle.kind, handle.value, handle.scope, customer_id, handle.verified, NOON)
            await connection.execute(insert_handle, *row)
    return customer_id


async def a_ticket(
    database: Database,
    *,
    customer_id: int | None = None,
    queue: str = "general",
    team: str = "frontline",
    skills: tuple[str, ...] = (),
    channel: str = "email",
    subject: str | None = "Invoice 4711",
    held_by: Agent | None = None,
    state: str | None = None,
    enqueued_at: datetime = NOON,
    target: timedelta = TARGET,
    complexity: str = "simple",
) -> Lease:
    """A waiting ticket, or one that `held_by` holds; the lease is good in that case."""
    insert = """
        insert into ticket (
          id, customer_id, channel, subject, state, queue, team, group_id, route, policy_version, complexity,
          probability, reasons, skills, target_s, enqueued_at, due_at, assigned_to, assigned_at, lease_epoch,
          last_customer_at, created_at, resolved_at)
        values (
          nextval('ticket_ids'), $1, $2, $3, $4, $5, $6, $7, 'rest', 'v1', $17, 0.25, $8, $9, $10, $11, $12,
          $13, $14, $15, $11, $11, $16)
        returning id"""
    state = state or ("assigned" if held_by else "queued")
    customer_id = customer_id or await a_customer(database)
    requirement = Requirement(queue=queue, team=team, skills=skills, channel=channel)
    async with database.transaction("test") as connection:
        group_id = (await groups.ensure(connection, [requirement]))[requirement]
        ticket_id = await connection.fetchval(
            insert,
            customer_id, channel, subject, state, queue, team, group_id, json.dumps(REASONS), list(skills),
            int(target.total_seconds()), enqueued_at, enqueued_at + target, held_by and held_by.id,
            enqueued_at if held_by else None, 1 if held_by else 0, enqueued_at if state == "resolved" else None,
            complexity,
        )  # fmt: skip
    return Lease(TicketId(ticket_id), 1)


async def an_offer(database: Database, agent: Agent, **ticket: Any) -> Lease:
    """A ticket that has just been offered to the agent, for `OFFER_LASTS`."""
    offer = "update ticket set assigned_at = now(), state_until = now() + $2::interval where id = $1"
    lease = await a_ticket(database, held_by=agent, state="offered", **ticket)
    await database.execute("test", offer, lease.ticket_id, OFFER_LASTS)
    return lease


async def a_conversation(
    database: Database,
    lease: Lease,
    *,
    channel: str = "email",
    account: str = "support@acme.example",
    reply_to: Handle = ADA,
    thread_key: str | None = None,
    subject: str | None = "Invoice 4711",
) -> int:
    """A conversation of the ticket's customer that the ticket holds."""
    insert = """
        insert into conversation (
          id, customer_id, channel, provider, account, thread_key, reply_to, subject, ticket_id, last_message_at,
          created_at)
        select nextval('conversation_ids'), customer_id, $2, 'acme', $3, $4, $5, $6, id, $7, $7
        from ticket
        where id = $1
        returning id"""
    row = {"kind": reply_to.kind, "value": reply_to.value, "scope": reply_to.scope, "name": reply_to.name}
    async with database.transaction("test") as connection:
        conversation_id: int = await connection.fetchval(
            insert, lease.ticket_id, channel, account, thread_key, json.dumps(row), subject, NOON
        )
    return conversation_id


async def a_message(
    database: Database,
    conversation_id: int,
    text: str = "Where is my refund?",
    *,
    external_id: str | None = None,
    direction: str = "in",
    sent_at: datetime = NOON,
    message_id: int | None = None,
) -> int:
    """A message of a conversation, received now, under the conversation's ticket; one from outside is its last word."""
    insert = """
        insert into message (
          id, received_at, ticket_id, conversation_id, customer_id, direction, channel, account, external_id, author,
          text, sent_at)
        select
          coalesce($6, nextval('message_ids')), clock_timestamp(), ticket_id, id, customer_id, $2, channel, account, $3,
          'email:ada@example.com', $4, $5
        from conversation
        where id = $1
        returning id"""
    hear = """
        update ticket
        set last_customer_at = clock_timestamp()
        from conversation
        where conversation.id = $1 and ticket.id = conversation.ticket_id"""
    async with database.transaction("test") as connection:
        stored: int = await connection.fetchval(
            insert, conversation_id, direction, external_id, text, sent_at, message_id
        )
        if direction == "in":
            await connection.execute(hear, conversation_id)
    return stored
