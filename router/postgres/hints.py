"""Wakes waiting loops with PostgreSQL's NOTIFY. It is only a hint: every waiting loop also polls."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import asyncpg
import structlog

from router.domain.history import HistoryKind
from router.flow.run.transitions import Before
from router.metrics import Metrics
from router.postgres.database import Connection, in_words
from router.postgres.statements import load

SQL = load("hints")

QUEUED = "frontdesk_queued"
"""New tickets wait: the loops that can assign them look at once."""
AGENTS = "frontdesk_agents"
"""Agents have gained or lost tickets: their streams look at once."""

TOPICS: Mapping[HistoryKind, Sequence[str]] = {
    HistoryKind.RECEIVE: [],
    HistoryKind.QUEUE: [QUEUED, AGENTS],
    HistoryKind.REASSIGN: [QUEUED, AGENTS],
    HistoryKind.RELAX: [QUEUED],
    HistoryKind.OFFER: [AGENTS],
    HistoryKind.ACCEPT: [],
    HistoryKind.DECLINE: [QUEUED, AGENTS],
    HistoryKind.EXPIRE: [QUEUED, AGENTS],
    HistoryKind.RELEASE: [QUEUED, AGENTS],
    HistoryKind.REPLY: [],
    HistoryKind.NOTE: [],
    HistoryKind.SNOOZE: [],
    HistoryKind.WRAP_UP: [],
    HistoryKind.RESOLVE: [AGENTS],
    HistoryKind.MERGE: [],
    HistoryKind.ABANDON: [],
}
"""Whom each transition wakes. `AGENTS` holds only if an agent had the ticket, or has it now."""

CONNECT_S = 5.0
PAUSE_S = 5.0
CHECK_EVERY_S = 15.0

log = structlog.get_logger(__name__)


def topics(kind: HistoryKind, *, with_agent: bool = False) -> list[str]:
    """Return the topics that follow from a transition; `with_agent` if an agent had the ticket, or has it now."""
    return [topic for topic in TOPICS[kind] if with_agent or topic != AGENTS]


async def hint(connection: Connection, *topics: str) -> None:
    """Wake the loops of every process that wait for these topics, once this transaction commits."""
    await connection.execute(SQL["hint"], topics)


async def after(connection: Connection, kind: HistoryKind, *tickets: Before) -> None:
    """Give the hints that follow from the transition of these tickets.

    An agent who ends their own ticket wakes nobody: the answer says what became of it.
    """
    with_agent = any(ticket.assigned_to is not None for ticket in tickets)
    if tickets and (followed := topics(kind, with_agent=with_agent)):
        await hint(connection, *followed)


class Hints:
    """A process's one connection that listens for all its loops; it reconnects by itself.

    The connection must be direct: LISTEN receives nothing through a pooler in transaction mode.
    """

    def __init__(self, dsn: str, metrics: Metrics) -> None:
        self._dsn = dsn
        self._metrics = metrics
        self._wakers: dict[str, list[Callable[[], None]]] = {}

    def tell(self, wake: Callable[[], None], topic: str) -> None:
        """Call `wake` at each notification; only what is asked for before `run` starts is listened for."""
        self._wakers.setdefault(topic, []).append(wake)

    def subscribe(self, topic: str) -> asyncio.Event:
        """Return an event that is set at each notification; clear it before looking, wait for it after."""
        event = asyncio.Event()
        self.tell(event.set, topic)
        return event

    @property
    def are_awaited(self) -> bool:
        """Whether anybody waits for a notification."""
        return bool(self._wakers)

    async def run(self) -> NoReturn:
        """Listen until cancelled."""
        while True:
            try:
                await self._listen()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
                log.warning("no notifications from the database: only polling", reason=in_words(exc))
            await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1))  # noqa: S311 - jitter

    async def _listen(self) -> NoReturn:
        connection = await asyncpg.connect(self._dsn, timeout=CONNECT_S, command_timeout=CONNECT_S)
        try:
            for topic in self._wakers:
                await connection.add_listener(topic, self._wake)
            while True:  # only a query shows that a connection has died silently
                self._metrics.loop_success.labels("hints").set_to_current_time()
                await asyncio.sleep(CHECK_EVERY_S)
                await connection.execute("select 1")
        finally:
            with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=CONNECT_S)

    def _wake(self, _connection: Any, _pid: int, topic: str, _payload: object) -> None:
        for wake in self._wakers[topic]:
            wake()
