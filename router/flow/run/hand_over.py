"""How the consumers of every bus hand over a batch."""

from collections.abc import Sequence

import structlog

from router.domain.errors import Unavailable
from router.flow.run.bus import T, Take
from router.metrics import Metrics

log = structlog.get_logger(__name__)


async def hand_over(batch: Sequence[T], take: Take[T], metrics: Metrics) -> None:
    """Give `take` the batch. Log and count whatever it raises, and raise `Unavailable`: the batch comes again."""
    then = "the bus delivers it again"
    try:
        await take(batch)
    except Unavailable as exc:
        log.warning("batch interrupted", flow="intake", deliveries=len(batch), reason=str(exc), then=then)
        metrics.retries.labels("batch_failed").inc()
        raise
    except Exception as exc:
        log.exception("batch failed", flow="intake", deliveries=len(batch), then=then)
        metrics.retries.labels("batch_failed").inc()
        raise Unavailable(f"a batch of {len(batch)} failed and comes again: {exc}") from exc
