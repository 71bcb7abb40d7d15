"""Agents' writes in PostgreSQL: each is a guarded update, with its line of history in the same transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import asyncpg
from pydantic import TypeAdapter

from channels.message import Channel, OutboundMessage
from router.domain.actor import Actor
from router.domain.history import HistoryKind
from router.domain.ticket import TicketNow, TicketState
from router.flow.assign.hold import Hold
from router.flow.work.compose import Addressed
from router.flow.work.desk import Replied
from router.postgres import rows
from router.postgres.database import Database
from router.postgres.statements import load
from router.postgres.ticket_rows import guard
from router.postgres.work.moves import PostgresMoves

SQL = load("work/desk")
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
        """Note that the holder has the ticket on screen; does nothing if the lease is over."""
        await self._database.execute("desk", SQL["see_ticket"], hold.lease.ticket_id, hold.lease.epoch, hold.agent.id)


class PostgresWork(PostgresMoves):
    """One transaction; its writes raise `Conflict` if the lease is over by then."""

    async def conversation(self, ticket: TicketNow, conversation_id: int | None) -> Addressed | None:
        row = await self._connection.fetchrow(SQL["conversation"], ticket.id, conversation_id)
        if row is None:
            return None
        mails: list[asyncpg.Record] = []
        if row["channel"] == Channel.EMAIL:
            mails = await self._connection.fetch(SQL["mail_ids"], ticket.id, row["id"])
        return _addressed(row, mails)

    async def reply(self, hold: Hold, ticket: TicketNow, answer: OutboundMessage, *, read_up_to: int | None) -> Replied:
        """Record an answer and put it into the outbox; locks the conversation before the ticket, as everywhere."""
        await self._guarded(SQL["touch_conversation"], answer.conversation_id, ticket.id)
        answered = await self._guarded(SQL["reply_to_ticket"], *guard(ticket), read_up_to)
        await self._insert_reply(hold, ticket, answer)
        await self._put_in_outbox(answer)
        ids = {"message": answer.message_id, "conversation": answer.conversation_id}
        await self.event(ticket, HistoryKind.REPLY, TicketState.ASSIGNED, hold.actor, **ids)
        return Replied(
            message_id=answer.message_id,
            conversation_id=answer.conversation_id,
            customer_wrote_since_read=answered["wrote_since"],
            first_reply_after_s=answered["first_reply_after_s"],
        )

    async def snooze(self, ticket: TicketNow, by: Actor, until: datetime | None) -> None:
        """Put the ticket aside; the event remembers its holder, for whom it is reserved when it wakes."""
        await self._guarded(SQL["snooze_ticket"], *guard(ticket), until)
        data = {"queue": ticket.queue, "agent": ticket.assigned_to, "until": until and until.isoformat()}
        await self.event(ticket, HistoryKind.SNOOZE, TicketState.SNOOZED, by, **data, lease_epoch=ticket.epoch)

    async def wrap_up(self, ticket: TicketNow, by: Actor, lasts: timedelta, **why: object) -> None:
        await self._guarded(SQL["wrap_up_ticket"], *guard(ticket), lasts)
        data = {"queue": ticket.queue, "lasts_s": lasts.total_seconds()}
        await self.event(ticket, HistoryKind.WRAP_UP, TicketState.WRAP_UP, by, **data, **why)

    async def lock_conversations(self, ticket: TicketNow) -> None:
        await self._connection.execute(SQL["lock_conversations"], ticket.id)

    async def merge(self, ticket: TicketNow, into: TicketNow, by: Actor) -> None:
        """Move all messages to the other ticket and end this one; both tickets are locked."""
        for statement in ("move_conversations", "move_messages", "hear_of_merged", "point_to_merged"):
            await self._connection.execute(SQL[statement], ticket.id, into.id)
        await self.end(ticket, TicketState.RESOLVED, by, kind=HistoryKind.MERGE, into=into.id)
        await self.event(into, HistoryKind.MERGE, into.state, by, merged=ticket.id, queue=ticket.queue)

    async def _insert_reply(self, hold: Hold, ticket: TicketNow, answer: OutboundMessage) -> None:
        await self._connection.execute(
            SQL["insert_reply"],
            answer.message_id, ticket.id, answer.conversation_id, ticket.customer_id, answer.channel, answer.account,
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
