"""Settles a suspect delivery in a separate process, so that it can harm no other process."""

import asyncio
import base64
import json
import os
import resource
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

import structlog

from router.domain.errors import StoreUnavailable
from router.flow.run.bus import Delivery
from router.local.bounds import lower
from router.local.pipes import ChildLost, end, lost

log = structlog.get_logger(__name__)

DEADLINE_S = 60.0
MEMORY_BYTES = 2 * 1024**3
CPU_S = 30
COMMAND = (sys.executable, "-m", "router", "isolate")


class Child:
    """Runs `command` with the delivery on its standard input.

    Exit status 0 means that the delivery is settled, EX_TEMPFAIL (sysexits.h) that the child could not try. Any other
    status, a signal or a missed deadline means that the delivery is to blame.
    """

    def __init__(self, command: Sequence[str] = COMMAND, *, deadline_s: float = DEADLINE_S) -> None:
        self._command = command
        self._deadline_s = deadline_s

    async def settle(self, delivery: Delivery) -> bool:
        """Return whether the child settled the delivery; kill it if it hangs past the deadline.

        Raises `StoreUnavailable` if trying again later is right.
        """
        try:
            status = await self._status(delivery)
        except ChildLost as exc:
            raise StoreUnavailable(f"cannot try a suspect now: its process {exc}") from exc
        log.info("child ended", format=delivery.format, status=status)
        if status == os.EX_TEMPFAIL:
            raise StoreUnavailable("cannot try a suspect now: its process found no database, or wrong settings")
        return status == 0

    async def _status(self, delivery: Delivery) -> int | None:
        with lost("cannot be started"):
            process = await asyncio.create_subprocess_exec(*self._command, stdin=asyncio.subprocess.PIPE)
        try:
            async with asyncio.timeout(self._deadline_s):
                with suppress(ChildLost), lost("hangs"):  # one that does not read may still end well: its status counts
                    await process.communicate(write(delivery))
                await process.wait()
        except TimeoutError:
            log.warning("child hangs", format=delivery.format)
        finally:
            await end(process)
        return process.returncode


def limit() -> None:
    """Limit this process to `MEMORY_BYTES` of address space and `CPU_S` seconds of a core."""
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
    """Read what `write` wrote; the delivery no longer counts as redelivered."""
    fields = json.loads(document)
    published_at = fields.pop("published_at")
    return Delivery(
        **{**fields, "body": base64.b64decode(fields["body"])},
        published_at=datetime.fromisoformat(published_at) if published_at else None,
    )
