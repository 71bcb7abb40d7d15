"""Messages as they came, and the files in them. The bytes come from strangers, so browsers must download them."""

import asyncio
from typing import Annotated
from urllib.parse import quote

from pydantic import Field

from channels import formats
from channels.errors import Malformed
from channels.message import InboundMessage
from router.api.access import READERS
from router.api.endpoint import Answer, Endpoint, Model, PossibleAnswer
from router.api.tickets import Id
from router.domain.actor import Viewer
from router.domain.agent import Principal
from router.domain.errors import NotFound
from router.flow.see.pages import Original, TicketPages

_BYTES = "application/octet-stream"
# a browser shows these without running anything
_HARMLESS = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"})
_SAVED = ("Content-Disposition", "X-Content-Type-Options")


class MessagePath(Model):
    """A message in a ticket's transcript."""

    id: Id
    message: Id


class AttachmentPath(MessagePath):
    """The file at `place` in the message's `attachments`, counted from 0."""

    place: Annotated[int, Field(ge=0, le=1000)]


class OriginalEndpoints:
    """Serves the raw bytes of messages, as long as they are kept."""

    def __init__(self, reading: TicketPages) -> None:
        self._reading = reading

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/v1/tickets/{id}/messages/{message}/raw",
                summary="Download a message as its provider sent it.",
                handle=self.raw,
                roles=READERS,
                answers={200: PossibleAnswer("The bytes of the message.", bytes, _BYTES, _SAVED)},
            ),
            Endpoint(
                method="GET",
                path="/v1/tickets/{id}/messages/{message}/attachments/{place}",
                summary="Download a file that came inside a message.",
                handle=self.attachment,
                roles=READERS,
                answers={200: PossibleAnswer("The bytes of the file.", bytes, "*/*", _SAVED)},
            ),
        ]

    async def raw(self, who: Principal, path: MessagePath) -> Answer:
        original, _ = await self._original(who, path)
        return _download(original.body, name=f"{path.message}.{original.format}", content_type=_BYTES)

    async def attachment(self, who: Principal, path: AttachmentPath) -> Answer:
        original, message = await self._original(who, path)
        file = await asyncio.to_thread(formats.attachment, original.format, original.body, message, path.place)
        if file is None or file.content is None:
            raise NotFound(f"No file {path.place} came inside the message; fetch one that has a `url` from there.")
        content_type = file.content_type if file.content_type in _HARMLESS else _BYTES
        return _download(file.content, name=file.name, content_type=content_type)

    async def _original(self, who: Principal, path: MessagePath) -> tuple[Original, InboundMessage]:
        original = await self._reading.original(Viewer.of(who), path.id, path.message)
        message = await asyncio.to_thread(_only_message, original) if original else None
        if original is None or message is None:
            raise NotFound(f"No message {path.message} of a ticket {path.id} in your teams is kept as it came.")
        return original, message


def _only_message(original: Original) -> InboundMessage | None:
    """Return the payload's message, unless it holds several: the others may belong to somebody else."""
    try:
        parsed = formats.parse(original.format, original.body, original.account)
    except Malformed:
        return None
    return parsed.messages[0] if len(parsed.messages) == 1 and not parsed.malformed else None


def _download(content: bytes, *, name: str, content_type: str) -> Answer:
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }
    return Answer(content=content, headers=headers, content_type=content_type)
