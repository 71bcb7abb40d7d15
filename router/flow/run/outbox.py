"""Hands replies from the outbox to the bus, in order within each conversation. Consumers send them out."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import NoReturn, Protocol

import structlog

from router.domain.errors import Unavailable
from router.flow.run.bus import Exchange, Publication, Publisher
from router.metrics import Metrics

log = structlog.get_logger(__name__)

BATCH = 100
IDLE_S = 0.5
OUTAGE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEntry:
    """One reply on its way; `id` orders the replies of a conversation."""

    id: int
    routing_key: str
    format: str
    account: str
    message_id: str
    body: bytes


class OutboxTransaction(Protocol):
    """The oldest unsent reply of each conversation, reserved until the transaction ends."""

    async def oldest(self, limit: int) -> Sequence[OutboxEntry]: ...

    async def sent(self, ids: Sequence[int]) -> None: ...


class OutboxStore(Protocol):
    """Where replies wait for the bus."""

    def transaction(self) -> AbstractAsyncContextManager[OutboxTransaction]: ...


class Relay:
    """Publishes the outbox, at least once: a crash after the confirm sends a reply again, with the same id."""

    def __init__(self, *, store: OutboxStore, publisher: Publisher, metrics: Metrics) -> None:
        self._store = store
        self._publisher = publisher
        self._metrics = metrics

    async def run(self) -> NoReturn:
        """Relay until cancelled, and wait out outages."""
        while True:
            try:
                handed_over = await self.relay()
            except Unavailable as exc:
                log.warning("outbox waits", reason=str(exc))
                await asyncio.sleep(OUTAGE_S)
                continue
            self._metrics.loop_success.labels("outbox").set_to_current_time()
            if not handed_over:
                await asyncio.sleep(IDLE_S)

    async def relay(self) -> int:
        """Hand over one round, at most one reply per conversation; return how many the bus has confirmed.

        Raises `Unavailable` if the bus or the database was away. What was confirmed before that has left the outbox.
        """
        async with self._store.transaction() as transaction:
            entries = await transaction.oldest(BATCH)
            results = await asyncio.gather(*map(self._publish, entries), return_exceptions=True)
            confirmed = [entry.id for entry, result in zip(entries, results, strict=True) if result is None]
            await transaction.sent(confirmed)
        for entry, result in zip(entries, results, strict=True):
            if result is not None:
                self._failed(entry, result)
        return len(confirmed)

    def _failed(self, entry: OutboxEntry, reason: BaseException) -> None:
        """Raise an outage. A reply that fails for a reason of its own stays in the outbox and holds up no other."""
        if isinstance(reason, Unavailable) or not isinstance(reason, Exception):
            raise reason
        self._metrics.replies_failed.inc()
        log.error("reply cannot be handed over", outbox=entry.id, error=type(reason).__name__)

    async def _publish(self, entry: OutboxEntry) -> None:
        await self._publisher.publish(
            Publication(
                exchange=Exchange.OUTBOUND,
                routing_key=entry.routing_key,
                format=entry.format,
                body=entry.body,
                account=entry.account,
                message_id=entry.message_id,
            )
        )
