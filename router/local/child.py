"""Settles a suspect delivery in a process of its own, so that whatever it does to that process is done to no other."""

import asyncio
import base64
import json
import sys
from collections.abc import Sequence
from datetime import datetime

import structlog

from router.flow.bus import Delivery

log = structlog.get_logger(__name__)

DEADLINE_S = 60.0
COMMAND = (sys.executable, "-m", "router", "isolate")


class Child:
    """Runs `command` with the delivery on its standard input; exit status 0 means that it is settled."""

    def __init__(self, command: Sequence[str] = COMMAND, *, deadline_s: float = DEADLINE_S) -> None:
        self._command = command
        self._deadline_s = deadline_s

    async def settle(self, delivery: Delivery) -> bool:
        """Return whether the child has settled the delivery; one that hangs past the deadline is killed."""
        process = await asyncio.create_subprocess_exec(*self._command, stdin=asyncio.subprocess.PIPE)
        try:
            async with asyncio.timeout(self._deadline_s):
                await process.communicate(write(delivery))
        except TimeoutError:
            log.warning("child hangs", format=delivery.format)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        log.info("child ended", format=delivery.format, status=process.returncode)
        return process.returncode == 0


def write(delivery: Delivery) -> bytes:
    """The delivery as one JSON document."""
    return json.dumps(
        {
            "body": base64.b64encode(delivery.body).decode(),
            "format": delivery.format,
            "account": delivery.account,
            "trace_id": delivery.trace_id,
            "published_at": delivery.published_at and delivery.published_at.isoformat(),
            "routing_key": delivery.routing_key,
        }
    ).encode()


def read(document: bytes) -> Delivery:
    """What `write` wrote; the delivery does not count as redelivered any more."""
    fields = json.loads(document)
    published_at = fields.pop("published_at")
    return Delivery(
        **{**fields, "body": base64.b64decode(fields["body"])},
        published_at=datetime.fromisoformat(published_at) if published_at else None,
    )
