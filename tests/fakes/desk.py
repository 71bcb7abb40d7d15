"""The desk in memory: passes the contract of desk stores."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from channels.message import OutboundMessage
from router.domain.actor import Actor
from router.domain.conversation import Conversation, ConversationId
from router.domain.errors import Conflict
from router.domain.history import HistoryKind
from router.domain.ticket import TicketNow, TicketState
from router.flow.assign.hold import Hold
from router.flow.work.compose import Addressed
from router.flow.work.desk import Replied
from tests.fakes.moves import FakeMoves, microseconds
from tests.fakes.tables import FakeDatabase, MessageRow, TicketRow


class FakeDesk:
    """Implements `router.flow.work.desk.DeskStore`."""

    def __init__(self, database: FakeDatabase) -> None:
        self._database = database

    @asynccontextmanager
    async def work(self) -> AsyncIterator["FakeWork"]:
        async with self._database.transaction():
            yield FakeWork(self._database)

    async def see(self, hold: Hold) -> None:
        tickets = self._database.tables.tickets
        row = tickets.get(hold.lease.ticket_id)
        if row and (row.epoch, row.assigned_to) == (hold.lease.epoch, hold.agent.id):
            tickets[row.id] = replace(row, is_seen=True)


class FakeWork(FakeMoves):
    """Implements `router.flow.work.desk.Work`."""

    async def conversation(self, ticket: TicketNow, conversation_id: int | None) -> Addressed | None:
        of_ticket = [each for each in self._tables.conversations.values() if each.ticket_id == ticket.id]
        wanted = [each for each in of_ticket if conversation_id in (None, each.id)]
        if not wanted:
            return None
        return self._addressed(max(wanted, key=lambda each: (self._last_inbound(each), each.id)))

    async def reply(self, hold: Hold, ticket: TicketNow, answer: OutboundMessage, *, read_up_to: int | None) -> Replied:
        conversation = self._tables.conversations[ConversationId(answer.conversation_id)]
        if conversation.ticket_id != ticket.id:
            raise Conflict("The ticket has moved on since you read it: read it again.")
        row, now = self._guarded(ticket), self._tables.now
        replied = Replied(
            message_id=answer.message_id,
            conversation_id=answer.conversation_id,
            customer_wrote_since_read=self._wrote_since(row, read_up_to),
            first_reply_after_s=None if row.first_reply_at else (now - row.created_at).total_seconds(),
        )
        self._tables.write(
            ticket_id=ticket.id,
            direction="out",
            text=answer.text,
            conversation_id=conversation.id,
            external_id=answer.token_id,
        )
        self._tables.outbox.append(answer)
        answered = replace(row, first_reply_at=row.first_reply_at or now, is_seen=True)
        self._tables.tell(answered, HistoryKind.REPLY, hold.actor)
        return replied

    async def snooze(self, ticket: TicketNow, by: Actor, until: datetime | None) -> None:
        row = self._guarded(ticket)
        wait = row.wait._replace(reserved_for=row.assigned_to, reserved_until=None)
        asleep = replace(row.waits_again(wait), state=TicketState.SNOOZED, state_until=until)
        self._tables.tell(asleep, HistoryKind.SNOOZE, by)

    async def wrap_up(self, ticket: TicketNow, by: Actor, lasts: timedelta, **why: Any) -> None:
        ends_at = self._tables.now + lasts
        row = replace(self._guarded(ticket), state=TicketState.WRAP_UP, state_until=ends_at)
        self._tables.tell(row, HistoryKind.WRAP_UP, by, **why)

    async def lock_conversations(self, ticket: TicketNow) -> None:
        self._database.wait_for_lock()

    async def merge(self, ticket: TicketNow, into: TicketNow, by: Actor) -> None:
        tables = self._tables
        left, taking = self._guarded(ticket), self._guarded(into)
        for conversation in list(tables.conversations.values()):
            if conversation.ticket_id == left.id:
                tables.conversations[conversation.id] = conversation._replace(ticket_id=taking.id)
        tables.messages = [
            replace(message, ticket_id=taking.id) if message.ticket_id == left.id else message
            for message in tables.messages
        ]
        first_replies = [at for at in (left.first_reply_at, taking.first_reply_at) if at]
        taking = replace(
            taking,
            last_customer_at=max(left.last_customer_at, taking.last_customer_at),
            first_reply_at=min(first_replies, default=None),
        )
        await self.end(ticket, TicketState.RESOLVED, by, kind=HistoryKind.MERGE)
        tables.tell(taking, HistoryKind.MERGE, by)

    def _inbound(self, conversation_id: int) -> list[MessageRow]:
        return [
            message
            for message in self._tables.messages
            if (message.conversation_id, message.direction) == (conversation_id, "in")
        ]

    def _last_inbound(self, conversation: Conversation) -> int:
        """The place of the customer's last message in the order of all; 0 if there is none."""
        return max((message.id for message in self._inbound(conversation.id)), default=0)

    def _addressed(self, conversation: Conversation) -> Addressed:
        mails = [
            message
            for message in self._tables.messages
            if message.conversation_id == conversation.id and message.external_id
        ]
        inbound = [mail.external_id for mail in mails if mail.direction == "in"]
        return Addressed(
            conversation_id=conversation.id,
            message_id=self._tables.next_message_id,
            channel=conversation.channel,
            provider=conversation.provider,
            account=conversation.account,
            reply_to=conversation.reply_to,
            subject=conversation.subject,
            thread_key=conversation.thread_key,
            mail_ids=tuple(mail.external_id or "" for mail in mails),
            answers=inbound[-1] if inbound else None,
        )

    def _wrote_since(self, row: TicketRow, read_up_to: int | None) -> bool:
        if read_up_to is not None:
            return microseconds(row.last_customer_at) > read_up_to
        answered = [m.received_at for m in self._tables.messages if (m.ticket_id, m.direction) == (row.id, "out")]
        read = [at for at in (row.assigned_at, *answered) if at]
        return row.last_customer_at > max(read)
