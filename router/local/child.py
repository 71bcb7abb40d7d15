"""Settles a suspect delivery in a process of its own, so that whatever it does to that process is done to no other."""

import asyncio
import base64
import json
import os
import resource
import sys
from collections.abc import Sequence
from datetime import datetime

import structlog

from router.domain.errors import StoreUnavailable
from router.flow.run.bus import Delivery
from router.local.bounds import lower

log = structlog.get_logger(__name__)

DEADLINE_S = 60.0
MEMORY_BYTES = 2 * 1024**3
CPU_S = 30
COMMAND = (sys.executable, "-m", "router", "isolate")


class Child:
    """Runs `command` with the delivery on its standard input.

    Exit status 0 means that it is settled, EX_TEMPFAIL (sysexits.h) that the child could not try. Signals, the deadline
    and every other status are the delivery's fault.
    """

    def __init__(self, command: Sequence[str] = COMMAND, *, deadline_s: float = DEADLINE_S) -> None:
        self._command = command
        self._deadline_s = deadline_s

    async def settle(self, delivery: Delivery) -> bool:
        """Return whether the child has settled the delivery; one that hangs past the deadline is killed.

        Raises `StoreUnavailable` where trying again later is right.
        """
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
        if process.returncode == os.EX_TEMPFAIL:
            raise StoreUnavailable("a suspect cannot be tried now: its process found no database, or wrong settings")
        return process.returncode == 0


def limit() -> None:
    """Bound what this process may use from now on: `MEMORY_BYTES` of addresses, `CPU_S` seconds of a core."""
    lower(resource.RLIMIT_AS, MEMORY_BYTES)
    lower(resource.RLIMIT_CPU, CPU_S)


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
