"""What agents do with a ticket they hold. Every request carries the lease in `If-Match`."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field

from channels.refusal import whole_number
from channels.text import MAX_TEXT, NOT_BLANK
from router.api.endpoint import Answer, Endpoint, Model, PossibleAnswer
from router.api.tickets import Id, Name, TicketPath
from router.domain.agent import PERSONS, Lease, Person
from router.domain.errors import Conflict
from router.domain.ticket import TicketId
from router.flow.assign.hold import Hold
from router.flow.work.desk import Desk
from router.flow.work.transfer import Destination

Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT, pattern=NOT_BLANK)]


Number = Annotated[Id, BeforeValidator(whole_number, json_schema_input_type=Id)]


class Reply(Model):
    """An answer to the customer; `read_up_to` is the value from the page that the agent read."""

    text: Text
    conversation: Number | None = None
    read_up_to: Number | None = None


class Note(Model):
    """A note for colleagues only."""

    text: Text


class Transfer(Model):
    """Where the ticket should wait instead: in a queue or for an agent. The note is for the next agent."""

    queue: Name | None = None
    agent: Name | None = None
    note: Text | None = None

    def destination(self) -> Destination:
        """Raises `Invalid` unless either a queue or an agent is named."""
        return Destination(queue=self.queue, agent=self.agent, note=self.note)


def _date_and_time(value: object) -> object:
    # pydantic would read 0 and "0" as the start of 1970
    if isinstance(value, str) and "T" in value.upper():
        return value
    raise ValueError("must be a date and time with its zone, such as 2026-03-02T12:00:00Z")


DateAndTime = Annotated[AwareDatetime, BeforeValidator(_date_and_time, json_schema_input_type=AwareDatetime)]


class Snooze(Model):
    """When to wake the ticket, or else when the customer writes. `read_up_to` comes from the page the agent read."""

    until: DateAndTime | None = None
    read_up_to: Number | None = None


class End(Model):
    """`read_up_to` comes from the page the agent read: if the customer has written since, the ticket stays open."""

    read_up_to: Number | None = None


class Merge(End):
    """The ticket that takes over this one's messages; `read_up_to` comes from this one's page."""

    into: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplySent:
    """The answer is on its way; `customer_wrote_since_read` means that the agent has not read everything yet."""

    message_id: int
    conversation_id: int
    customer_wrote_since_read: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteTaken:
    """The note is in the transcript."""

    message_id: int


class DeskEndpoints:
    """Reply, note, transfer, snooze, resolve, finish, abandon, merge."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def endpoints(self) -> list[Endpoint]:
        return [
            _write(
                "reply",
                "Answer the customer, in the conversation you name or else where they wrote last.",
                self.reply,
                {201: PossibleAnswer("The answer is on its way.", ReplySent)},
            ),
            _write(
                "note",
                "Write a note that only agents read.",
                self.note,
                {201: PossibleAnswer("The note is in the transcript.", NoteTaken)},
            ),
            _write(
                "transfer",
                "Move the ticket to another queue, of any team, or to an agent; its target stays.",
                self.transfer,
                {204: PossibleAnswer("You no longer hold the ticket.")},
            ),
            _write(
                "snooze",
                "Set the ticket aside until a date, or until the customer writes.",
                self.snooze,
                {204: PossibleAnswer("The ticket sleeps, and you have room for another.")},
            ),
            _write(
                "resolve",
                "End the contact. If the queue has a wrap-up, you keep the ticket until it is over.",
                self.resolve,
                {204: PossibleAnswer("The ticket is resolved, or in wrap-up.")},
            ),
            _write(
                "finish",
                "End the wrap-up early.",
                self.finish,
                {204: PossibleAnswer("The ticket is resolved.")},
            ),
            _write(
                "abandon",
                "End a ticket whose customer has left, in queues that allow it.",
                self.abandon,
                {204: PossibleAnswer("The ticket is abandoned.")},
            ),
            _write(
                "merge",
                "Move the messages to another open ticket of the same customer, and end this one.",
                self.merge,
                {204: PossibleAnswer("The other ticket has all the messages.")},
            ),
        ]

    async def reply(self, who: Person, path: TicketPath, lease: Lease, body: Reply) -> Answer:
        sent = await self._desk.reply(
            hold_of(who, path, lease), body.text, conversation_id=body.conversation, read_up_to=body.read_up_to
        )
        content = ReplySent(
            message_id=sent.message_id,
            conversation_id=sent.conversation_id,
            customer_wrote_since_read=sent.customer_wrote_since_read,
        )
        return Answer(status=201, content=content)

    async def note(self, who: Person, path: TicketPath, lease: Lease, body: Note) -> Answer:
        message_id = await self._desk.note(hold_of(who, path, lease), body.text)
        return Answer(status=201, content=NoteTaken(message_id=message_id))

    async def transfer(self, who: Person, path: TicketPath, lease: Lease, body: Transfer) -> Answer:
        await self._desk.transfer(hold_of(who, path, lease), body.destination())
        return Answer(status=204)

    async def snooze(self, who: Person, path: TicketPath, lease: Lease, body: Snooze) -> Answer:
        await self._desk.snooze(hold_of(who, path, lease), until=body.until, read_up_to=body.read_up_to)
        return Answer(status=204)

    async def resolve(self, who: Person, path: TicketPath, lease: Lease, body: End) -> Answer:
        await self._desk.resolve(hold_of(who, path, lease), read_up_to=body.read_up_to)
        return Answer(status=204)

    async def finish(self, who: Person, path: TicketPath, lease: Lease) -> Answer:
        await self._desk.finish(hold_of(who, path, lease))
        return Answer(status=204)

    async def abandon(self, who: Person, path: TicketPath, lease: Lease, body: End) -> Answer:
        await self._desk.abandon(hold_of(who, path, lease), read_up_to=body.read_up_to)
        return Answer(status=204)

    async def merge(self, who: Person, path: TicketPath, lease: Lease, body: Merge) -> Answer:
        await self._desk.merge(hold_of(who, path, lease), TicketId(body.into), read_up_to=body.read_up_to)
        return Answer(status=204)


def _write(
    word: str, summary: str, handle: Callable[..., Awaitable[Answer]], answers: Mapping[int, PossibleAnswer]
) -> Endpoint:
    return Endpoint(
        method="POST",
        path=f"/v1/tickets/{{id}}/{word}",
        summary=summary,
        handle=handle,
        roles=PERSONS,
        answers=answers,
    )


def hold_of(who: Person, path: TicketPath, lease: Lease) -> Hold:
    """Return the person's word that they hold the path's ticket under the lease."""
    if lease.ticket_id != path.id:
        raise Conflict("The lease in If-Match belongs to another ticket.")
    return Hold(agent=who.agent, lease=lease)
