"""Takes messages from integrations over HTTP: publishes them, answers once they are durable, tells their status."""

import asyncio
from dataclasses import dataclass
from typing import Annotated
from uuid import uuid4

from pydantic import Field

from channels import formats, handles
from channels.canonical import MessageV1
from channels.message import Channel, InboundMessage, MessageKey
from router.api.access import INTEGRATIONS
from router.api.endpoint import Answer, Endpoint, Model, PossibleAnswer
from router.api.room import Room
from router.domain.errors import NotFound
from router.flow.run.bus import Exchange, Publication, Publisher
from router.flow.see.messages import MessageStatus, MessageStatuses, status_path

# an AMQP short string has at most 255 bytes; intake reads a longer account from the message itself
_LONGEST_PROPERTY = 255

_LARGE = 16 * 1024
"""From this many bytes on, parsing HTML can take tens of milliseconds, and every agent would wait for it."""


class MessagePath(Model):
    """The key of a message. Each part is percent-encoded, slashes too."""

    channel: Channel
    account: Annotated[str, Field(min_length=1, max_length=255)]
    id: Annotated[str, Field(min_length=1, max_length=512)]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageAccepted:
    """The message is durable; ask `status_url` what became of it."""

    channel: str
    account: str
    id: str
    status_url: str


class MessageEndpoints:
    """Publishes messages, and tells what became of them."""

    def __init__(self, *, publisher: Publisher, reading: MessageStatuses, room: Room) -> None:
        self._publisher = publisher
        self._reading = reading
        self._room = room

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="POST",
                path="/v1/messages",
                summary="Send in a customer's message. The same id again means the same message.",
                handle=self.publish,
                roles=INTEGRATIONS,
                raw_model=MessageV1,
                answers={
                    202: PossibleAnswer("The message is durable.", MessageAccepted),
                    429: PossibleAnswer.problem("Too many messages are being published.", "Retry-After"),
                },
            ),
            Endpoint(
                method="GET",
                path="/v1/messages/{channel}/{account}/{id}",
                summary="Tell what became of a message.",
                handle=self.status,
                roles=INTEGRATIONS,
                answers={200: PossibleAnswer("What became of it.", MessageStatus)},
            ),
        ]

    async def publish(self, raw: bytes) -> Answer:
        message = _read(raw) if len(raw) < _LARGE else await asyncio.to_thread(_read, raw)
        with self._room.taken():
            await self._publisher.publish(_publication(message, raw))
        return Answer(status=202, content=_accepted(message))

    async def status(self, path: MessagePath) -> Answer:
        key = MessageKey(path.channel, handles.account(path.account), path.id.strip("<> "))
        status = await self._reading.message(key)
        if status is None:
            raise NotFound("There is no message with this key yet; it may still be on its way: ask again.")
        return Answer(content=status)


def _read(raw: bytes) -> InboundMessage:
    return formats.parse(formats.CANONICAL, raw, None).messages[0]


def _publication(message: InboundMessage, raw: bytes) -> Publication:
    return Publication(
        exchange=Exchange.INBOUND,
        routing_key=formats.routing_key(message.channel, formats.CANONICAL),
        format=formats.CANONICAL,
        body=raw,
        account=message.account if len(message.account.encode()) <= _LONGEST_PROPERTY else None,
        message_id=uuid4().hex,
    )


def _accepted(message: InboundMessage) -> MessageAccepted:
    key = message.key
    return MessageAccepted(channel=key.channel, account=key.account, id=key.external_id, status_url=status_path(key))
