"""Takes batches of deliveries to the store: load the world, decide each message, record all, in one transaction.

A bad payload never holds up a good one: if it cannot be parsed, it is kept with the reason. `batch` deals with outages
and with what the store refuses.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from channels.message import Channel, InboundMessage, MessageKey
from router.decide.thread import ticket_number
from router.domain.conversation import ConversationId
from router.flow.intake.batch import Attempts, Settling
from router.flow.intake.changes import Changes, Outcome
from router.flow.intake.opening import Arrival, Opened
from router.flow.intake.reader import Reader, done
from router.flow.intake.suspects import Isolate, hashes_of_redelivered
from router.flow.intake.take_in import take_in
from router.flow.intake.turns import Turn, Turns
from router.flow.intake.unprocessable import Unprocessable
from router.flow.intake.world import Found, Ids, World
from router.flow.run.bus import Delivery
from router.flow.run.transitions import Transitions, Turned
from router.metrics import Metrics, begin_at_zero
from router.policy.model import Policy

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to load for a batch. `threads` and `references` are pairs of account and Message-ID.

    `keys` have the fingerprints of the messages that came under them.
    """

    messages: int
    keys: frozenset[tuple[MessageKey, bytes]]
    handles: frozenset[str]
    tokened: frozenset[ConversationId]
    threads: frozenset[tuple[str, str]]
    references: frozenset[tuple[str, str]]
    ticket_numbers: frozenset[int]


class IntakeTransaction(Protocol):
    """One transaction; everything it has loaded stays locked until it ends."""

    @property
    def found(self) -> Found: ...

    @property
    def ids(self) -> Ids: ...

    async def record(self, changes: Changes, finished: Sequence[bytes]) -> Sequence[Unprocessable]:
        """Write everything; `finished` are the hashes of deliveries whose attempts end with this commit.

        Return the unprocessable deliveries that are new: each is kept once for a stage and reason, until it is
        replayed.
        """


class IntakeStore(Attempts, Protocol):
    """What intake needs from the database. Raises `StoreUnavailable`, `Raced` and `DataError`."""

    def transaction(self, wanted: Wanted) -> AbstractAsyncContextManager[IntakeTransaction]:
        """Begin a transaction with everything in `wanted` locked and loaded."""


class Receiver:
    """Gives a consumer its `open` and `settle`, or `take` if it does not open ahead."""

    def __init__(
        self,
        *,
        store: IntakeStore,
        policy: Callable[[], Policy],
        reader: Reader,
        metrics: Metrics,
        isolate: Isolate,
    ) -> None:
        """`isolate` settles one delivery in a process of its own, and returns false if that process died.

        It raises `StoreUnavailable` if it could not try.
        """
        self._store = store
        self._policy = policy
        self._reader = reader
        self._metrics = metrics
        self._transitions = Transitions(metrics)
        self._turns = Turns()
        self._isolate = isolate
        begin_at_zero(metrics.received, Channel, Outcome)
        begin_at_zero(metrics.unprocessable, [*Channel, _UNKNOWN], ["receive", "record", "process"])
        begin_at_zero(metrics.retries, ["race", "outage", "batch_failed"])
        begin_at_zero(metrics.stage, ["decide", "record"])

    async def take(self, deliveries: Sequence[Delivery]) -> None:
        """Return when every delivery is settled and may be acknowledged."""
        await self.settle([self.open(delivery) for delivery in deliveries])

    def open(self, delivery: Delivery) -> "asyncio.Future[Opened]":
        """Start to open it while earlier batches wait for the database.

        A redelivered one may have killed a process before. It stays closed until its attempt is on record.
        """
        return done(Opened(delivery)) if delivery.redelivered else self._reader.open(delivery)

    async def settle(self, openings: Sequence["asyncio.Future[Opened]"]) -> None:
        """Return when everything in the deliveries is settled and may be acknowledged.

        The next batch may be handed over before that: the two overlap as far as their order allows.
        """
        turn = self._turns.next()
        settling = Settling(
            turn=turn,
            store=self._store,
            record=partial(self._record, turn),
            reader=self._reader,
            isolate=self._isolate,
            retries=self._metrics.retries,
        )
        try:
            await settling.settle([await opening for opening in openings])
        except BaseException:
            turn.fail()
            raise
        turn.end()

    async def _record(self, turn: Turn, batch: Sequence[Opened]) -> None:
        """Load, decide and record in one transaction, then count what was committed."""
        arrivals = [arrival for each in batch for arrival in each.arrivals]
        policy = self._policy()
        await turn.may_lock()
        async with self._store.transaction(_wanted(arrivals)) as transaction:
            turn.has_locked.tell(True)
            world = World(transaction.found, transaction.ids)
            with self._metrics.stage.labels("decide").time():
                outcomes = [
                    take_in(arrival, each.delivery, world, policy) for each in batch for arrival in each.arrivals
                ]
            world.changes.unprocessable.extend(Unprocessable(each.delivery, each.flaw) for each in batch if each.flaw)
            await turn.may_write()
            with self._metrics.stage.labels("record").time():
                kept = await transaction.record(world.changes, list(hashes_of_redelivered(batch)))
        self._count(batch, outcomes, world.now)
        self._report(world.changes)
        for new in kept:
            self._metrics.unprocessable.labels(_channel(new), new.flaw.stage).inc()

    def _count(self, batch: Sequence[Opened], outcomes: Sequence[Outcome], now: datetime) -> None:
        metrics = self._metrics
        metrics.batch_size.observe(len(outcomes))
        channels = (arrival.message.channel for each in batch for arrival in each.arrivals)
        for (channel, outcome), count in Counter(zip(channels, outcomes, strict=True)).items():
            metrics.received.labels(channel, outcome).inc(count)
        published = [each.delivery.published_at for each in batch for _ in each.arrivals if each.delivery.published_at]
        for published_at in published:
            metrics.ingest_lag.observe(max(0.0, (now - published_at).total_seconds()))

    def _report(self, changes: Changes) -> None:
        for line in changes.history:
            if line.state is not line.was:
                ticket = changes.tickets[line.ticket_id]
                turned = Turned(ticket.id, line.was, ticket.assigned_to, ticket.queue, ticket.channel)
                self._transitions.report(line.kind, turned, by="intake", reason=line.reason)


def _channel(kept: Unprocessable) -> str:
    """Return the channel as a metric label, from a closed set."""
    named = kept.flaw.key.channel if kept.flaw.key else kept.delivery.format.partition(".")[0]
    return named if named in set(Channel) else _UNKNOWN


def _wanted(arrivals: Sequence[Arrival]) -> Wanted:
    messages = [arrival.message for arrival in arrivals]
    return Wanted(
        messages=len(messages),
        keys=frozenset((arrival.message.key, arrival.fingerprint) for arrival in arrivals),
        handles=frozenset(key for message in messages for key in _handle_keys(message)),
        tokened=frozenset(arrival.tokened for arrival in arrivals if arrival.tokened),
        threads=frozenset((message.account, root) for message in messages if (root := message.thread_root)),
        references=frozenset((message.account, id_) for message in messages for id_ in message.answers),
        ticket_numbers=frozenset(number for message in messages if (number := ticket_number(message.subject))),
    )


def _handle_keys(message: InboundMessage) -> Iterator[str]:
    yield message.sender.key
    yield from (handle.key for handle in message.also)
    if message.reply_to:  # who may turn out to be the author
        yield message.reply_to.key
