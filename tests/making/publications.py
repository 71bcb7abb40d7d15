"""Publications with good defaults, and publishing while the bus may be away."""

import asyncio
from typing import Any

from router.domain.errors import BusUnavailable
from router.flow.run.bus import Exchange, Publication, Publisher

PUBLISHED_WITHIN_S = 60


def a_publication(body: str | bytes = "hello", **changes: Any) -> Publication:
    defaults: dict[str, Any] = {
        "exchange": Exchange.INBOUND,
        "routing_key": "sms.message.v1",
        "format": "message.v1",
        "body": body.encode() if isinstance(body, str) else body,
    }
    return Publication(**(defaults | changes))


async def publish_when_possible(publisher: Publisher, body: bytes) -> None:
    async with asyncio.timeout(PUBLISHED_WITHIN_S):
        while True:
            try:
                return await publisher.publish(a_publication(body))
            except BusUnavailable:
                await asyncio.sleep(0.1)
