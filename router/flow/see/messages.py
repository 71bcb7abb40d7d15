"""What became of a message, as its integration sees it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from channels.message import MessageKey


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageStatus:
    """What became of a message: intake's outcome or `erased`, and the latest refusal under its key."""

    channel: str
    account: str
    id: str
    outcome: str
    received_at: datetime | None = None
    ticket_id: int | None = None
    unprocessable: "Unprocessed | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unprocessed:
    """Why a payload could not be processed, as `frontdesk unprocessable` shows it."""

    at: datetime
    stage: str
    reason: str
    detail: str


class MessageStatuses(Protocol):
    """Finds what became of messages."""

    async def message(self, key: MessageKey) -> MessageStatus | None: ...
