"""The outbox in memory: passes the contract of outboxes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from router.flow.run.outbox import OutboxEntry


@dataclass
class FakeOutbox:
    """Implements `router.flow.run.outbox.OutboxStore` for one relay at a time; `entries` are (conversation, entry)."""

    entries: list[tuple[int, OutboxEntry]] = field(default_factory=list)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["FakeOutbox"]:
        before = list(self.entries)
        try:
            yield self
        except BaseException:
            self.entries = before
            raise

    async def oldest(self, limit: int) -> Sequence[OutboxEntry]:
        oldest: dict[int, OutboxEntry] = {}
        for conversation_id, entry in sorted(self.entries, key=lambda waiting: waiting[1].id):
            oldest.setdefault(conversation_id, entry)
        return sorted(oldest.values(), key=lambda entry: entry.id)[:limit]

    async def sent(self, ids: Sequence[int]) -> None:
        self.entries = [waiting for waiting in self.entries if waiting[1].id not in ids]
