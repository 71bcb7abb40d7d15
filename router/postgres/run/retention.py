"""Makes partitions ahead of time, drops old ones and deletes old rows. `flow.run.loops` decides when."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from router.flow.run.bus import UNFETCHED_REPLIES_LAST
from router.postgres.database import Database
from router.postgres.statements import load

SQL = load("run/retention")
log = structlog.get_logger(__name__)

MAINTAIN_EVERY_S = 3600.0
MONTHS_AHEAD = 3
# 1 MiB, about 5,000 received keys: a short transaction. With blocks, no piece reads again what another has read. A
# limit would skip over more and more dead rows, and a BRIN index no longer helps once space has been reused.
BLOCKS_AT_ONCE = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long to keep growing data. `received` is also how long a repeated message is recognised."""

    messages: timedelta
    raw: timedelta
    events: timedelta
    received: timedelta
    unprocessable: timedelta
    attempts: timedelta = timedelta(days=1)
    unfetched_replies: timedelta = UNFETCHED_REPLIES_LAST

    @property
    def of_partitions(self) -> Mapping[str, timedelta]:
        """Return the age limit of each partitioned table; a month goes when all of it is older."""
        return {"message": self.messages, "payload": self.raw, "ticket_event": self.events}

    @property
    def of_rows(self) -> Mapping[str, timedelta]:
        """Return the age limit of each table whose rows go one by one."""
        defaults = {f"{table}_default": age for table, age in self.of_partitions.items()}
        return defaults | {
            "received": self.received,
            "namesake": self.received,
            "audit": self.events,
            "refusal": self.events,
            "unprocessable": self.unprocessable,
            "attempt": self.attempts,
            "bus_delivery": self.unfetched_replies,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """What one round did: partitions by name, and rows by table."""

    made: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    pruned: Mapping[str, int] = field(default_factory=dict)


async def maintain(database: Database, retention: Retention) -> Maintenance:
    """Do one round by the database's clock, in many short transactions. Several processes may do this at once.

    Raises `StoreUnavailable` if it cannot get a lock or the database is away; the next round continues from there.
    """
    made = await _partitions(database, "ensure_partitions", MONTHS_AHEAD)
    dropped = [
        name
        for table, age in retention.of_partitions.items()
        for name in await _partitions(database, "drop_partitions", table, age)
    ]
    pruned = Counter({table: await _prune(database, table, age) for table, age in retention.of_rows.items()})
    done = Maintenance(made=tuple(made), dropped=tuple(dropped), pruned=+pruned)
    if done != Maintenance():
        log.info("maintained", made=done.made, dropped=done.dropped, pruned=dict(done.pruned))
    return done


async def _partitions(database: Database, statement: str, *arguments: object) -> list[str]:
    return [row["partition"] for row in await database.fetch("retention", SQL[statement], *arguments)]


async def _prune(database: Database, table: str, age: timedelta) -> int:
    (size,) = await database.fetch("retention", SQL["count_blocks"], table)
    pruned = 0
    for first in range(0, size["blocks"], BLOCKS_AT_ONCE):
        statement = SQL[f"prune_{table}"]
        (deleted,) = await database.fetch("retention", statement, age, first, first + BLOCKS_AT_ONCE)
        pruned += deleted["rows"]
    return pruned
