"""Corners deliveries that may have ended their process. The more often one was started and not finished, the fewer
neighbours share its transaction. In the end it is tried alone, in a process of its own. `batch` does the settling.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence

from router.flow.intake.opening import Opened
from router.flow.run.bus import Delivery

Isolate = Callable[[Delivery], Awaitable[bool]]

# How many deliveries share a transaction, by how often they were started before and not finished. A payload that kills
# its process is cornered after three more deaths, and its neighbours are through long before.
_CHUNK_AFTER_ATTEMPTS = (10_000, 14, 1)
# A death counts against a delivery only if this process saw it from outside, and it takes two. Other things end
# processes too (an operator, a node that is drained), and may hit an innocent delivery any number of times.
_DEATHS_ALONE = 2
# If isolation does not help, for example because the kernel ends the whole container, this many attempts are enough.
_ATTEMPTS_AT_MOST = 30


def is_cornered(begun: int) -> bool:
    """Return whether a delivery was started so often that it must be tried in a process of its own."""
    return begun >= len(_CHUNK_AFTER_ATTEMPTS)


async def survives_alone(
    *, begun: int, begin: Callable[[], Awaitable[None]], isolate: Callable[[], Awaitable[bool]]
) -> bool:
    """Return whether it was settled in a process of its own.

    `begin` counts each attempt before it is made, so that the next process knows if the suspect ends this one too.
    """
    tries = min(_DEATHS_ALONE, _ATTEMPTS_AT_MOST - begun)
    for _ in range(tries):
        await begin()
        if await isolate():
            return True
    return False


def chunks(batch: Sequence[Opened], attempts: Mapping[bytes, int]) -> Iterator[tuple[Sequence[Opened], int]]:
    """Cut a batch, in order, into runs of equally suspect deliveries; the more suspect, the shorter the run."""
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
    """Return the SHA-256 of a delivery as it came; it identifies one that was started before, even if malformed."""
    return hashlib.sha256(
        f"{delivery.format}\x00{delivery.account}\x00".encode(errors="surrogatepass") + delivery.body
    ).digest()
