"""Agents' writes in PostgreSQL: every one is a guarded update with its line of history in the same transaction."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from pydantic import TypeAdapter

from channels.message import Channel, OutboundMessage
from router.domain.customer import Customer
from router.domain.errors import Conflict
from router.domain.ticket import Requirement, TicketState
from router.flow.desk import Addressed, HeldTicket, Hold, Replied
from router.postgres import groups, rows
from router.postgres.database import Connection, Database
from router.postgres.statements import load

SQL = load("desk")
_REPLY_V1 = TypeAdapter(OutboundMessage)


class PostgresDesk:
    """Opens transactions at the desk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def work(self) -> AsyncIterator["PostgresWork"]:
        """Yield one transaction."""
        async with self._database.transaction("desk") as connection:
            yield PostgresWork(connection)

    async def see(self, hold: Hold) -> None:
        """Note that the holder has the ticket on screen; nothing happens if the lease is over."""
        await self._database.execute("desk", SQL["see_ticket"], *_lease(hold), hold.agent.id)


class PostgresWork:
    """One transaction; its writes raise `Conflict` if the lease was over when they came to it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def ticket(self, hold: Hold) -> HeldTicket | None:
        row = await self._connection.fetchrow(SQL["ticket"], hold.lease.ticket_id, list(hold.agent.teams))
        return None if row is None else _held(row)

    async def conversation(self, hold: Hold, conversation_id: int | None) -> Addressed | None:
        row = await self._connection.fetchrow(SQL["conversation"], hold.lease.ticket_id, conversation_id)
        if row is None:
            return None
        mails: list[asyncpg.Record] = []
        if row["channel"] == Channel.EMAIL:
            mails = await self._connection.fetch(SQL["mail_ids"], hold.lease.ticket_id, row["id"])
        return _addressed(row, mails)

    async def lock_agent(self, hold: Hold) -> None:
        await self._connection.execute(SQL["lock_agent"], hold.agent.id)

    async def lock_customer(self, customer_id: int) -> Customer:
        row = await self._connection.fetchrow(SQL["lock_customer"], customer_id)
        assert row is not None, "a foreign key keeps a ticket's customer"
        return rows.customer(row)

    async def reply(self, hold: Hold, held: HeldTicket, answer: OutboundMessage, *, read_up_to: int | None) -> Replied:
        """Record an answer and put it on its way; the conversation is locked before the ticket, as everywhere."""
        await self._guarded("touch_conversation", answer.conversation_id, held.id)
        ticket = await self._guarded("reply_to_ticket", *_guard(hold), read_up_to)
        await self._insert_reply(hold, held, answer)
        await self._put_in_outbox(answer)
        ids = {"message_id": answer.message_id, "conversation_id": answer.conversation_id}
        await self._event(hold, "reply", TicketState.ASSIGNED, ids)
        return Replied(
            **ids,
            customer_wrote_since_read=ticket["wrote_since"],
            first_reply_after_s=ticket["first_reply_after_s"],
        )

    async def note(self, hold: Hold, held: HeldTicket, text: str) -> int:
        """Record a note and return its message id."""
        await self._guarded("note_on_ticket", *_guard(hold))
        message_id: int = await self._connection.fetchval(
            SQL["insert_note"],
            held.id, held.customer_id, held.requirement.channel, hold.agent.name, hold.agent.id, text,
        )  # fmt: skip
        await self._event(hold, "note", TicketState.ASSIGNED, {"message_id": message_id})
        return message_id

    async def skills_in_team(self, requirement: Requirement) -> bool:
        found: bool = await self._connection.fetchval(
            SQL["team_has_skills"], requirement.team, list(requirement.skills)
        )
        return found

    async def transfer(self, hold: Hold, held: HeldTicket, to: Requirement) -> None:
        """Begin a new wait; the lock on the groups comes after that on the ticket, as everywhere."""
        await self._guarded("lock_ticket", *_guard(hold))
        group_id = (await groups.ensure(self._connection, [to]))[to]
        await self._guarded("transfer_ticket", *_guard(hold), to.queue, to.team, list(to.skills), group_id)
        moved = {"reason": "transferred", "from": held.requirement.queue, "queue": to.queue, "team": to.team}
        await self._event(hold, "queue", TicketState.QUEUED, moved)

    async def resolve(self, hold: Hold, held: HeldTicket, customer: Customer) -> None:
        """End the ticket and write the digest of its customer, whose row is locked."""
        await self._guarded("resolve_ticket", *_guard(hold), customer.id)
        contacts = [contact.encode() for contact in customer.contacts]
        await self._connection.execute(SQL["update_customer"], customer.id, contacts, customer.last_agent_id)
        await self._event(hold, "resolve", TicketState.RESOLVED, {"queue": held.requirement.queue})

    async def _guarded(self, statement: str, *arguments: object) -> asyncpg.Record:
        row: asyncpg.Record | None = await self._connection.fetchrow(SQL[statement], *arguments)
        if row is None:
            raise Conflict("The ticket has moved on since you read it: read it again.")
        return row

    async def _insert_reply(self, hold: Hold, held: HeldTicket, answer: OutboundMessage) -> None:
        await self._connection.execute(
            SQL["insert_reply"],
            answer.message_id, held.id, answer.conversation_id, held.customer_id, answer.channel, answer.account,
            answer.token_id, hold.agent.name, hold.agent.id, answer.subject, answer.text,
        )  # fmt: skip
        if answer.token_id:
            await self._connection.execute(
                SQL["insert_reference"], answer.account, answer.token_id, answer.conversation_id
            )

    async def _put_in_outbox(self, answer: OutboundMessage) -> None:
        await self._connection.execute(
            SQL["insert_outbox"],
            answer.conversation_id,
            f"{answer.channel}.reply",
            answer.account,
            str(answer.message_id),
            _REPLY_V1.dump_json(answer),
        )

    async def _event(self, hold: Hold, kind: str, state: TicketState, data: dict[str, Any]) -> None:
        actor = f"agent:{hold.agent.id}"
        await self._connection.execute(SQL["insert_event"], hold.lease.ticket_id, kind, state, actor, json.dumps(data))


def _lease(hold: Hold) -> tuple[int, int]:
    return hold.lease.ticket_id, hold.lease.epoch


def _guard(hold: Hold) -> tuple[int, int, int, list[str]]:
    return *_lease(hold), hold.agent.id, list(hold.agent.teams)


def _held(row: asyncpg.Record) -> HeldTicket:
    return HeldTicket(
        id=row["id"],
        customer_id=row["customer_id"],
        state=TicketState(row["state"]),
        assigned_to=row["assigned_to"],
        epoch=row["lease_epoch"],
        requirement=Requirement(
            queue=row["queue"],
            team=row["team"],
            skills=tuple(row["skills"]),
            channel=row["channel"],
            weight=row["weight"],
        ),
    )


def _addressed(row: asyncpg.Record, mails: list[asyncpg.Record]) -> Addressed:
    return Addressed(
        conversation_id=row["id"],
        message_id=row["message_id"],
        channel=Channel(row["channel"]),
        provider=row["provider"],
        account=row["account"],
        reply_to=rows.handle_from_json(row["reply_to"]),
        subject=row["subject"],
        thread_key=row["thread_key"],
        mail_ids=tuple(mail["external_id"] for mail in reversed(mails)),
        answers=next((mail["external_id"] for mail in mails if mail["direction"] == "in"), None),
    )
