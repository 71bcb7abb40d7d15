"""Takes batches of deliveries to the store: load the world, decide each message, record all, in one transaction.

A bad payload never holds up a good one: what cannot be parsed is kept with its reason, a batch that the store refuses
is halved until the offender stands alone, and an outage is waited out with nothing acknowledged.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

import prometheus_client
import stamina
import structlog

from channels.message import InboundMessage, MessageKey
from router.decide.thread import ticket_number
from router.domain.conversation import ConversationId
from router.domain.errors import Raced, StoreUnavailable
from router.flow.bus import Delivery
from router.flow.changes import Changes, Outcome, Unprocessable
from router.flow.intake import Arrival, take_in
from router.flow.parcels import Parcel, Reader, Reading, Refusal, parcel, refused
from router.flow.suspects import Isolate, chunks, fingerprint, hashes_of_redelivered, is_cornered, survives_alone
from router.flow.turns import ComesAgain, Overtaken, Turn, Turns
from router.flow.world import Ids, Snapshot, World, mail_references, thread_root
from router.metrics import Metrics
from router.policy.model import Policy

log = structlog.get_logger()

_RACES_BEFORE_BLAME = 3
_OUTAGES_BEFORE_HALVING = 2

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a batch needs to know. `threads` and `references` are pairs of account and Message-ID."""

    messages: int
    keys: frozenset[MessageKey]
    handles: frozenset[str]
    tokened: frozenset[ConversationId]
    threads: frozenset[tuple[str, str]]
    references: frozenset[tuple[str, str]]
    ticket_numbers: frozenset[int]


class IntakeTransaction(Protocol):
    """One transaction: load locks what it returns until the end."""

    async def load(self, wanted: Wanted) -> tuple[Snapshot, Ids]: ...

    async def record(self, changes: Changes, finished: Sequence[bytes]) -> Sequence[Unprocessable]:
        """Write everything; `finished` are the hashes of deliveries whose attempts are over with this commit.

        Returns those of the unprocessable that are new: the same delivery is kept once for each stage and reason, until
        it is replayed.
        """


class IntakeStore(Protocol):
    """What intake needs of the database. Raises `StoreUnavailable`, `Raced` and `DataError`."""

    def transaction(self) -> AbstractAsyncContextManager[IntakeTransaction]: ...

    async def attempts(self, hashes: Sequence[bytes]) -> Mapping[bytes, int]:
        """How often the processing of each of these was begun and not finished; absent is never."""

    async def begin_attempts(self, hashes: Sequence[bytes]) -> None:
        """Commit that the processing of these begins now."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A delivery that is being read, or stays closed."""

    delivery: Delivery
    reading: "asyncio.Future[Reading] | None"

    async def parcel(self) -> Parcel:
        return parcel(self.delivery, await self.reading) if self.reading else Parcel(delivery=self.delivery)


class Receiver:
    """The `open` and `settle` of a consumer, and the `take` of one that does not open ahead."""

    def __init__(
        self,
        *,
        store: IntakeStore,
        policy: Callable[[], Policy],
        reader: Reader,
        metrics: Metrics,
        isolate: Isolate,
    ) -> None:
        """`isolate` settles one delivery in a process of its own, or says that it died.

        It raises `StoreUnavailable` where it could not try.
        """
        self._store = store
        self._policy = policy
        self._reader = reader
        self._metrics = metrics
        self._turns = Turns()
        self._isolate = isolate

    async def take(self, deliveries: Sequence[Delivery]) -> None:
        """Return when every delivery is settled and may be acknowledged."""
        await self.settle([self.open(delivery) for delivery in deliveries])

    def open(self, delivery: Delivery) -> Opening:
        """Begin to read while earlier batches wait for the database.

        What was delivered before may have killed a process: it stays closed until its attempt is on record.
        """
        return Opening(delivery, None if delivery.redelivered else self._reader.read(delivery))

    async def settle(self, openings: Sequence[Opening]) -> None:
        """Return when everything in the deliveries is settled and may be acknowledged.

        The next batch may be handed over meanwhile: the two overlap as far as their order allows.
        """
        turn = self._turns.next()
        try:
            await self._settle_all([await opening.parcel() for opening in openings], turn)
        except BaseException:
            turn.fail()
            raise
        turn.end()

    async def _settle_all(self, parcels: Sequence[Parcel], turn: Turn) -> None:
        hashes = list(hashes_of_redelivered(parcels))
        if not hashes:
            await self._settle(parcels, turn)
            return
        await turn.begin_anew()
        attempts = await self._outlast(lambda: self._store.attempts(hashes))
        for chunk, begun in chunks(parcels, attempts):
            await self._retake(chunk, begun, turn)

    async def _retake(self, parcels: Sequence[Parcel], begun: int, turn: Turn) -> None:
        """Settle what may have killed a process before, after committing that it is begun again."""
        if is_cornered(begun):
            await self._settle_suspect(parcels[0], begun, turn)
            return
        hashes = list(hashes_of_redelivered(parcels))
        await self._outlast(lambda: self._store.begin_attempts(hashes))
        await self._settle([await self._opened(each) for each in parcels], turn)

    async def _opened(self, closed: Parcel) -> Parcel:
        delivery = closed.delivery
        return parcel(delivery, await self._reader.read(delivery)) if delivery.redelivered else closed

    async def _settle_suspect(self, unopened: Parcel, begun: int, turn: Turn) -> None:
        suspect = unopened.delivery
        survives = await survives_alone(
            begun=begun,
            begin=lambda: self._outlast(lambda: self._store.begin_attempts([fingerprint(suspect)])),
            isolate=lambda: self._outlast(lambda: self._isolate(suspect)),
        )
        if survives:
            await self._outlast(lambda: self._record([unopened], turn))  # which ends its attempts
        else:
            await self._keep(unopened, turn, "process", "kills_its_process", "its processing ended a process each time")

    async def _settle(self, parcels: Sequence[Parcel], turn: Turn) -> None:
        """Settle all or, where some cannot be, halve until the offender stands alone and is kept as unprocessable."""
        try:
            await self._outlast(self._recording(parcels, turn))
        except ComesAgain:
            raise
        except Exception as exc:  # noqa: BLE001 - the outermost loop: what is not an outage is the payload's fault
            if len(parcels) > 1:
                middle = len(parcels) // 2
                await self._settle(parcels[:middle], turn)
                await self._settle(parcels[middle:], turn)
                return
            log.warning("unprocessable", stage="record", error=type(exc).__name__)
            await self._keep(parcels[0], turn, "record", "cannot_be_recorded", f"{type(exc).__name__}: {exc}")

    def _recording(self, parcels: Sequence[Parcel], turn: Turn) -> Callable[[], Awaitable[None]]:
        """Record; what looks like an outage again and again, while the store answers, is a batch too large for it."""
        outages = 0

        async def record() -> None:
            nonlocal outages
            if outages >= _OUTAGES_BEFORE_HALVING and len(parcels) > 1:
                await self._store.attempts([])
                raise _TooLarge
            try:
                await self._record(parcels, turn)
            except Exception as exc:
                outages += isinstance(exc, StoreUnavailable)
                await turn.begin_anew()
                raise

        return record

    async def _keep(self, opened: Parcel, turn: Turn, stage: str, reason: str, detail: str) -> None:
        key = next((arrival.message.key for arrival in opened.arrivals), None)
        kept = refused(opened.delivery, Refusal(stage, reason, detail, key))
        await self._outlast(lambda: self._record([kept], turn))

    async def _outlast(self, work: Callable[[], Awaitable[T]]) -> T:
        """Repeat through outages for as long as they last, and through races a few times."""
        async for attempt in stamina.retry_context(
            on=_worth_repeating(self._metrics.retries),
            attempts=None,
            timeout=None,
            wait_initial=0.05,
            wait_max=5.0,
            wait_jitter=0.1,
        ):
            with attempt:
                return await work()
        raise AssertionError("retry_context ends by returning or raising")

    async def _record(self, parcels: Sequence[Parcel], turn: Turn) -> None:
        """Load, decide, record: one transaction, then the metrics of what has been committed."""
        arrivals = [arrival for parcel in parcels for arrival in parcel.arrivals]
        policy = self._policy()
        await turn.may_lock()
        async with self._store.transaction() as transaction:
            snapshot, ids = await transaction.load(_wanted(arrivals))
            turn.has_locked.tell(True)
            world = World(snapshot, ids)
            with self._metrics.stage.labels("decide").time():
                outcomes = [take_in(arrival, world, policy) for arrival in arrivals]
            world.changes.unprocessable.extend(unprocessable for parcel in parcels for unprocessable in parcel.refused)
            await turn.may_write()
            with self._metrics.stage.labels("record").time():
                kept = await transaction.record(world.changes, list(hashes_of_redelivered(parcels)))
        self._count(arrivals, outcomes, world)
        for new in kept:
            self._metrics.unprocessable.labels(_channel(new), new.stage).inc()

    def _count(self, arrivals: Sequence[Arrival], outcomes: Sequence[Outcome], world: World) -> None:
        metrics = self._metrics
        metrics.batch_size.observe(len(arrivals))
        received = Counter(zip((arrival.message.channel for arrival in arrivals), outcomes, strict=True))
        for (channel, outcome), count in received.items():
            metrics.received.labels(channel, outcome).inc(count)
        for arrival in arrivals:
            if arrival.delivery.published_at:
                metrics.ingest_lag.observe(max(0.0, (world.now - arrival.delivery.published_at).total_seconds()))
        for event in world.changes.events:
            ticket = world.changes.tickets[event.ticket_id]
            place = ticket.routing.queue, ticket.channel
            if event.kind == "queue":
                metrics.queued.labels(*place, event.data["reason"]).inc()
            elif event.kind == "abandon":
                metrics.abandoned.labels(*place).inc()
                if event.data["was"] == "offered":
                    metrics.offers.labels(ticket.routing.queue, "withdrawn").inc()


class _TooLarge(Exception):
    """The store answers, but does not get through with this batch."""


def _worth_repeating(retries: prometheus_client.Counter) -> Callable[[Exception], bool]:
    races = 0

    def decide(exc: Exception) -> bool:
        nonlocal races
        if isinstance(exc, Overtaken):
            return True
        races += isinstance(exc, Raced)
        repeats = isinstance(exc, StoreUnavailable) or (isinstance(exc, Raced) and races <= _RACES_BEFORE_BLAME)
        if repeats:
            retries.labels("race" if isinstance(exc, Raced) else "outage").inc()
        return repeats

    return decide


def _channel(kept: Unprocessable) -> str:
    """The channel for a metric label, from a closed set."""
    named = kept.key.channel if kept.key else kept.delivery.format.partition(".")[0]
    return named if named in {"email", "chat", "sms", "social"} else "unknown"


def _wanted(arrivals: Sequence[Arrival]) -> Wanted:
    messages = [arrival.message for arrival in arrivals]
    return Wanted(
        messages=len(messages),
        keys=frozenset(message.key for message in messages),
        handles=frozenset(key for message in messages for key in _handle_keys(message)),
        tokened=frozenset(arrival.tokened for arrival in arrivals if arrival.tokened),
        threads=frozenset((message.account, root) for message in messages if (root := thread_root(message))),
        references=frozenset((message.account, id_) for message in messages for id_ in mail_references(message)),
        ticket_numbers=frozenset(number for message in messages if (number := ticket_number(message.subject))),
    )


def _handle_keys(message: InboundMessage) -> Iterator[str]:
    yield message.sender.key
    yield from (handle.key for handle in message.also)
