"""Settles one batch of deliveries completely, whatever goes wrong. `receive` runs the transactions.

If the store refuses a batch, it is halved until the offender stands alone. An outage is waited out, and nothing is
acknowledged meanwhile. A delivery that may have killed a process is cornered.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import prometheus_client
import stamina
import structlog

from router.domain.errors import Raced, StoreUnavailable
from router.flow.intake.opening import Opened
from router.flow.intake.reader import Reader
from router.flow.intake.suspects import Isolate, chunks, hash_of, hashes_of_redelivered, is_cornered, survives_alone
from router.flow.intake.turns import ComesAgain, Overtaken, Turn
from router.flow.intake.unprocessable import Flaw, FlawedMessage

log = structlog.get_logger()

_RACES_BEFORE_BLAME = 3
_OUTAGES_BEFORE_HALVING = 2

T = TypeVar("T")


class Attempts(Protocol):
    """Counts deliveries that were started and never finished, by hash. Raises `StoreUnavailable`."""

    async def attempts(self, hashes: Sequence[bytes]) -> Mapping[bytes, int]:
        """Return how often each of these was started and not finished; if never, it is absent."""

    async def begin_attempts(self, hashes: Sequence[bytes]) -> None:
        """Commit that the processing of these starts now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """A turn, and the means to settle its deliveries: `record` takes some of them in, in one transaction."""

    turn: Turn
    store: Attempts
    record: Callable[[Sequence[Opened]], Awaitable[None]]
    reader: Reader
    isolate: Isolate
    retries: prometheus_client.Counter

    async def settle(self, batch: Sequence[Opened]) -> None:
        """Return when everything in the batch is settled; raises `ComesAgain` if the batch before comes again."""
        hashes = list(hashes_of_redelivered(batch))
        if not hashes:
            await self._settle(batch)
            return
        await self.turn.begin_anew()
        attempts = await self._outlast(lambda: self.store.attempts(hashes))
        for chunk, begun in chunks(batch, attempts):
            await self._retake(chunk, begun)

    async def _retake(self, batch: Sequence[Opened], begun: int) -> None:
        """Commit that deliveries which may have killed a process are started again, then settle them."""
        if is_cornered(begun):
            await self._settle_suspect(batch[0], begun)
            return
        hashes = list(hashes_of_redelivered(batch))
        await self._outlast(lambda: self.store.begin_attempts(hashes))
        await self._settle([await self._opened(each) for each in batch])

    async def _opened(self, closed: Opened) -> Opened:
        delivery = closed.delivery
        if not delivery.redelivered:
            return closed
        return await self.reader.open(delivery)

    async def _settle_suspect(self, closed: Opened, begun: int) -> None:
        suspect = closed.delivery
        survives = await survives_alone(
            begun=begun,
            begin=lambda: self._outlast(lambda: self.store.begin_attempts([hash_of(suspect)])),
            isolate=lambda: self._outlast(lambda: self.isolate(suspect)),
        )
        if survives:
            await self._outlast(lambda: self.record([closed]))  # this also ends its attempts
        else:
            await self._keep(closed, "process", "kills_its_process", "its processing ended a process each time")

    async def _settle(self, batch: Sequence[Opened]) -> None:
        """Settle all of it. If that fails, halve until the offender stands alone, and keep it as unprocessable."""
        try:
            await self._outlast(self._recording(batch))
        except ComesAgain:
            raise
        except Exception as exc:  # noqa: BLE001 - the outermost loop: if it is no outage, the payload is at fault
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._settle(batch[:middle])
                await self._settle(batch[middle:])
                return
            log.warning("unprocessable", stage="record", error=type(exc).__name__)
            await self._keep(batch[0], "record", "cannot_be_recorded", f"{type(exc).__name__}: {exc}")

    def _recording(self, batch: Sequence[Opened]) -> Callable[[], Awaitable[None]]:
        """Return what records the batch; if outages repeat while the store answers, it blames the batch's size."""
        outages = 0

        async def record() -> None:
            nonlocal outages
            if outages >= _OUTAGES_BEFORE_HALVING and len(batch) > 1:
                await self.store.attempts([])
                raise _TooLarge
            try:
                await self.record(batch)
            except Exception as exc:
                outages += isinstance(exc, StoreUnavailable)
                await self.turn.begin_anew()
                raise

        return record

    async def _keep(self, opened: Opened, stage: str, reason: str, detail: str) -> None:
        keys = [arrival.message.key for arrival in opened.arrivals]
        further = tuple(FlawedMessage(key, detail) for key in keys[1:])
        flawed = Opened(opened.delivery, flaw=Flaw(stage, reason, detail, next(iter(keys), None), further))
        await self._outlast(lambda: self.record([flawed]))

    async def _outlast(self, work: Callable[[], Awaitable[T]]) -> T:
        """Repeat through outages for as long as they last, and through races a few times.

        The first attempt does without stamina, because hardly any batch needs it. Stamina makes sixty objects in cycles
        for each call, which only the garbage collector frees: 30 ms at a time.
        """
        is_worth_repeating = _worth_repeating(self.retries)
        try:
            return await work()
        except Exception as exc:
            if not is_worth_repeating(exc):
                raise
        async for attempt in stamina.retry_context(
            on=is_worth_repeating,
            attempts=None,
            timeout=None,
            wait_initial=0.05,
            wait_max=5.0,
            wait_jitter=0.1,
        ):
            with attempt:
                return await work()
        raise AssertionError("retry_context ends by returning or raising")


class _TooLarge(Exception):
    """The store answers, but cannot finish this batch."""


def _worth_repeating(retries: prometheus_client.Counter) -> Callable[[Exception], bool]:
    races = 0

    def decide(exc: Exception) -> bool:
        nonlocal races
        if isinstance(exc, Overtaken):
            return True
        races += isinstance(exc, Raced)
        repeats = isinstance(exc, StoreUnavailable) or (isinstance(exc, Raced) and races <= _RACES_BEFORE_BLAME)
        if isinstance(exc, StoreUnavailable):
            log.warning("batch waits", flow="intake", reason=str(exc), then="its transaction is repeated")
        if repeats:
            retries.labels("race" if isinstance(exc, Raced) else "outage").inc()
        return repeats

    return decide
