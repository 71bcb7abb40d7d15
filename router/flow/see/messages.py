"""What became of a message, as its integration sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import quote

from channels.message import MessageKey


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageStatus:
    """What became of a message: intake's outcome or `erased`, and the latest refusal under its key.

    `others` are the latest ten other messages with the same key, newest first.
    """

    channel: str
    account: str
    id: str
    outcome: str
    received_at: datetime | None = None
    ticket_id: int | None = None
    unprocessable: "Unprocessed | None" = None
    others: "Sequence[Namesake]" = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Namesake:
    """What became of a message whose id another one had first."""

    outcome: str
    received_at: datetime
    ticket_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unprocessed:
    """Why a payload could not be processed, as `frontdesk unprocessable` shows it."""

    at: datetime
    stage: str
    reason: str
    detail: str


def status_path(key: MessageKey) -> str:
    """Return the path of the API where the message's status can be asked for."""
    return "/v1/messages/" + "/".join(quote(part, safe="") for part in key)


class MessageStatuses(Protocol):
    """Finds what became of messages."""

    async def message(self, key: MessageKey) -> MessageStatus | None: ...
