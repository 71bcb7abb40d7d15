"""Ids for what intake makes, reserved one batch at a time. If a transaction fails, its ids are never used again."""

from collections import deque

import asyncpg

from router.domain.conversation import ConversationId
from router.domain.customer import CustomerId
from router.domain.ticket import TicketId

_KINDS = ("customer", "conversation", "ticket", "message")


class ReservedIds:
    """The ids that a process has reserved and not used yet; implements `router.flow.intake.world.Ids`.

    Batches that overlap take from the same line, so that what is decided later has higher ids.
    """

    def __init__(self) -> None:
        self._left: dict[str, deque[int]] = {kind: deque() for kind in _KINDS}
        self._promised = 0

    def promise(self, messages: int) -> list[int]:
        """Return how many of each kind to reserve, so that these messages have enough besides all other promises.

        One message makes at most one row of each kind.
        """
        self._promised += messages
        return [max(0, self._promised - len(left)) for left in self._left.values()]

    def keep(self, reserved: asyncpg.Record) -> None:
        """Add reserved ids: a column for each kind."""
        for kind in _KINDS:
            self._left[kind].extend(reserved[kind])

    def redeem(self, messages: int) -> None:
        """Take a promise back: these messages need no more ids."""
        self._promised -= messages

    def customer(self) -> CustomerId:
        return CustomerId(self._left["customer"].popleft())

    def conversation(self) -> ConversationId:
        return ConversationId(self._left["conversation"].popleft())

    def ticket(self) -> TicketId:
        return TicketId(self._left["ticket"].popleft())

    def message(self) -> int:
        return self._left["message"].popleft()
