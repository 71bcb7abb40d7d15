"""Ids for what intake makes, reserved for a batch at a time. An id of a transaction that failed is never used again."""

from collections import deque
from datetime import datetime

from router.domain.conversation import ConversationId
from router.domain.customer import CustomerId
from router.domain.ticket import TicketId
from router.postgres.database import Connection
from router.postgres.statements import load

SQL = load("intake")
_KINDS = ("customer", "conversation", "ticket", "message")


class ReservedIds:
    """What a process has reserved and not used yet; implements `router.flow.world.Ids`."""

    def __init__(self) -> None:
        self._left: dict[str, deque[int]] = {kind: deque() for kind in _KINDS}

    async def reserve(self, connection: Connection, messages: int) -> datetime:
        """Have at least `messages` ids of each kind at hand: one message makes at most one row of each.

        Returns the database's time, which comes along.
        """
        missing = [max(0, messages - len(self._left[kind])) for kind in _KINDS]
        row = await connection.fetchrow(SQL["reserve_ids"], *missing)
        assert row is not None
        for kind in _KINDS:
            self._left[kind].extend(row[kind])
        now: datetime = row["now"]
        return now

    def customer(self) -> CustomerId:
        return CustomerId(self._left["customer"].popleft())

    def conversation(self) -> ConversationId:
        return ConversationId(self._left["conversation"].popleft())

    def ticket(self) -> TicketId:
        return TicketId(self._left["ticket"].popleft())

    def message(self) -> int:
        return self._left["message"].popleft()
