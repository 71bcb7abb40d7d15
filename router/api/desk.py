"""What agents do with a ticket that they hold. Every write carries the lease as `If-Match`."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field

from channels.text import MAX_TEXT
from router.api.access import PERSONS
from router.api.endpoint import Answer, Endpoint, Model, PossibleAnswer
from router.api.tickets import Id, Name, TicketPath
from router.domain.agent import Lease, Principal
from router.domain.errors import Conflict
from router.flow import desk
from router.flow.desk import Hold

Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT, pattern=r"\S")]


def _number(value: object) -> object:
    # pydantic would take "5" and true for whole numbers, which JSON Schema does not
    if isinstance(value, (str, bool)):
        raise ValueError("must be a whole number")  # noqa: TRY004 - pydantic reports ValueError only
    return value


Number = Annotated[Id, BeforeValidator(_number, json_schema_input_type=Id)]


class Reply(Model):
    """An answer to the customer; `read_up_to` is the one of the page that the agent had before them."""

    text: Text
    conversation: Number | None = None
    read_up_to: Number | None = None


class Note(Model):
    """Something for colleagues only."""

    text: Text


class Transfer(Model):
    """Where the ticket should wait instead, with a note for whoever takes it."""

    queue: Name
    note: Text | None = None


class Resolve(Model):
    """Nothing more is to be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplySent:
    """The answer is on its way; `customer_wrote_since_read` means that something is still unread."""

    message_id: int
    conversation_id: int
    customer_wrote_since_read: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteTaken:
    """The note is in the transcript."""

    message_id: int


class DeskEndpoints:
    """Reply, note, transfer, resolve."""

    def __init__(self, desk: desk.Desk) -> None:
        self._desk = desk

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="POST",
                path="/v1/tickets/{id}/reply",
                summary="Answer the customer, in the conversation where they wrote last or in the one named.",
                handle=self.reply,
                roles=PERSONS,
                answers={201: PossibleAnswer("The answer is on its way.", ReplySent)},
            ),
            Endpoint(
                method="POST",
                path="/v1/tickets/{id}/note",
                summary="Write something that only agents read.",
                handle=self.note,
                roles=PERSONS,
                answers={201: PossibleAnswer("The note is in the transcript.", NoteTaken)},
            ),
            Endpoint(
                method="POST",
                path="/v1/tickets/{id}/transfer",
                summary="Let the ticket wait in another queue, of any team, with the target it had.",
                handle=self.transfer,
                roles=PERSONS,
                answers={204: PossibleAnswer("The ticket has left you.")},
            ),
            Endpoint(
                method="POST",
                path="/v1/tickets/{id}/resolve",
                summary="End the work on the ticket.",
                handle=self.resolve,
                roles=PERSONS,
                answers={204: PossibleAnswer("The ticket is resolved.")},
            ),
        ]

    async def reply(self, who: Principal, path: TicketPath, lease: Lease, body: Reply) -> Answer:
        sent = await self._desk.reply(
            _hold(who, path, lease), body.text, conversation_id=body.conversation, read_up_to=body.read_up_to
        )
        content = ReplySent(
            message_id=sent.message_id,
            conversation_id=sent.conversation_id,
            customer_wrote_since_read=sent.customer_wrote_since_read,
        )
        return Answer(status=201, content=content)

    async def note(self, who: Principal, path: TicketPath, lease: Lease, body: Note) -> Answer:
        message_id = await self._desk.note(_hold(who, path, lease), body.text)
        return Answer(status=201, content=NoteTaken(message_id=message_id))

    async def transfer(self, who: Principal, path: TicketPath, lease: Lease, body: Transfer) -> Answer:
        await self._desk.transfer(_hold(who, path, lease), body.queue, note=body.note)
        return Answer(status=204)

    async def resolve(self, who: Principal, path: TicketPath, lease: Lease, body: Resolve) -> Answer:
        del body  # it has nothing to say, and anything else in it has been refused
        await self._desk.resolve(_hold(who, path, lease))
        return Answer(status=204)


def _hold(who: Principal, path: TicketPath, lease: Lease) -> Hold:
    assert who.agent, "the endpoint is for persons"
    if lease.ticket_id != path.id:
        raise Conflict("The lease in If-Match is that of another ticket.")
    return Hold(agent=who.agent, lease=lease)
