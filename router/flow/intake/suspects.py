"""Corners deliveries that may have ended their process: the more often one was begun and not finished, the fewer
neighbours share its transaction, until it is tried alone in a process of its own. Leaves settling them to `batch`.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence

from router.flow.intake.opening import Opened
from router.flow.run.bus import Delivery

Isolate = Callable[[Delivery], Awaitable[bool]]

# How many deliveries share a transaction once their processing has begun before without an end: a payload that kills
# its process is cornered in three more deaths, and its neighbours are through long before.
_CHUNK_AFTER_ATTEMPTS = (10_000, 14, 1)
# Only a death that this process has seen from outside tells against a delivery, and it takes two: whatever ends
# processes here (an operator, a node that is drained) may hit an innocent any number of times.
_DEATHS_ALONE = 2
# Unless isolation itself does not help, as where the kernel ends the whole container: then this many are enough.
_ATTEMPTS_AT_MOST = 30


def is_cornered(begun: int) -> bool:
    """Whether a delivery begun so often and never finished is to be tried in a process of its own."""
    return begun >= len(_CHUNK_AFTER_ATTEMPTS)


async def survives_alone(
    *, begun: int, begin: Callable[[], Awaitable[None]], isolate: Callable[[], Awaitable[bool]]
) -> bool:
    """Return whether it was settled in a process of its own; `begin` counts each attempt before it is made.

    Should the suspect end this process as well, the next one knows.
    """
    tries = min(_DEATHS_ALONE, _ATTEMPTS_AT_MOST - begun)
    for _ in range(tries):
        await begin()
        if await isolate():
            return True
    return False


def chunks(batch: Sequence[Opened], attempts: Mapping[bytes, int]) -> Iterator[tuple[Sequence[Opened], int]]:
    """Cut a batch, in its order, into runs of equally suspect deliveries, no longer than suspicion allows."""
    run: list[Opened] = []
    begun_before = 0
    for each in batch:
        begun = attempts.get(hash_of(each.delivery), 0) if each.delivery.redelivered else 0
        limit = _CHUNK_AFTER_ATTEMPTS[begun_before] if begun_before < len(_CHUNK_AFTER_ATTEMPTS) else 1
        if run and (begun != begun_before or len(run) >= limit):
            yield run, begun_before
            run = []
        run.append(each)
        begun_before = begun
    if run:
        yield run, begun_before


def hashes_of_redelivered(batch: Iterable[Opened]) -> Iterator[bytes]:
    return (hash_of(each.delivery) for each in batch if each.delivery.redelivered)


def hash_of(delivery: Delivery) -> bytes:
    """SHA-256 of a delivery as it came: tells one that was begun before, even if it cannot be parsed."""
    return hashlib.sha256(
        f"{delivery.format}\x00{delivery.account}\x00".encode(errors="surrogatepass") + delivery.body
    ).digest()
