"""How the consumers of every bus hand over a batch."""

from collections.abc import Sequence

import structlog

from router.domain.errors import Unavailable
from router.flow.run.bus import T, Take
from router.metrics import Metrics

log = structlog.get_logger(__name__)


async def hand_over(batch: Sequence[T], take: Take[T], metrics: Metrics) -> None:
    """Give `take` the batch. Log and count whatever it raises, and raise `Unavailable`: the batch comes again."""
    try:
        await take(batch)
    except Exception as exc:
        log.exception("batch failed", deliveries=len(batch))
        metrics.retries.labels("batch_failed").inc()
        raise Unavailable(f"a batch of {len(batch)} failed and comes again: {exc}") from exc
