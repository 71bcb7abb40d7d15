"""The agents connected to this process: looks at all of them together and tells each what has changed.

A store reads their situations, `situation` finds the changes, and the API sends them.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import Protocol

import structlog

from router.domain.agent import Person, TokenId
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.domain.errors import Unavailable
from router.flow.run.loops import hinted
from router.flow.see.situation import Event, Situation, changes
from router.metrics import Metrics
from router.policy.model import Policy

POLL_S = 1.0
"""How often to look at everybody who is connected when there is no hint."""
OUTAGE_S = 2.0

Staying = Callable[[AgentId], AbstractContextManager[object]]
"""Counts an agent as present until the context ends."""

log = structlog.get_logger(__name__)


class SituationStore(Protocol):
    """Knows what agents hold."""

    async def situations(self, tokens: Collection[TokenId], capacity: Capacity) -> Mapping[TokenId, Situation]:
        """Return the situations of the agents behind these tokens, in one statement, without tokens that have ended.

        `capacity` applies to agents without their own. Raises `StoreUnavailable`.
        """


class Connection:
    """One client of an agent: what it was last told, and the latest situation.

    For a slow client, only the latest situation is kept: it gets the sum of what it missed.
    """

    def __init__(self, token_id: TokenId, agent_id: AgentId) -> None:
        self.token_id = token_id
        self.agent_id = agent_id
        self.has_ended = False
        self._told: Situation | None = None
        self._now: Situation | None = None
        self._is_stale = asyncio.Event()
        self._versions = count(1)

    def show(self, situation: Situation | None) -> None:
        """Set the latest situation; None means that the client may no longer ask."""
        if situation is None:
            self.end()
        elif situation != self._now:
            self._now = situation
            self._is_stale.set()

    def end(self) -> None:
        """End the news."""
        self.has_ended = True
        self._is_stale.set()

    async def news(self) -> Sequence[tuple[int, Event]]:
        """Wait for news and return it with version numbers that rise by one; return nothing after the end."""
        await self._is_stale.wait()
        self._is_stale.clear()
        if self.has_ended or self._now is None:
            return []
        told, self._told = self._told, self._now
        return [(next(self._versions), event) for event in changes(told, self._now)]


class Streams:
    """The connected agents of one process; `run` looks at all of them once a second, and when `hint` is set.

    An agent who connects is looked at immediately, together with others who connected meanwhile. When a token ends, its
    streams end with the next look.
    """

    def __init__(
        self,
        *,
        store: SituationStore,
        staying: Staying,
        policy: Callable[[], Policy],
        metrics: Metrics,
        hint: asyncio.Event,
        poll_s: float = POLL_S,
    ) -> None:
        self._store = store
        self._staying = staying
        self._policy = policy
        self._metrics = metrics
        self._hint = hint
        self._poll_s = poll_s
        self._connections: set[Connection] = set()
        self._to_look_at: set[TokenId] = set()
        self._work = asyncio.Event()
        self._has_ended = False

    @contextmanager
    def connected(self, who: Person) -> Iterator[Connection]:
        """Count the agent as connected, and so as present, until the context ends."""
        connection = Connection(who.token_id, who.agent.id)
        with self._counted(connection), self._staying(who.agent.id):
            self._look_at([connection])
            if self._has_ended:
                connection.end()
            yield connection

    def open_of(self, agent_id: AgentId) -> int:
        """Count the agent's open streams in this process."""
        return sum(connection.agent_id == agent_id for connection in self._connections)

    async def run(self) -> None:
        """Look and tell until cancelled, then end every stream."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._poll())
                tasks.create_task(self._serve())
        finally:
            self.end()

    def end(self) -> None:
        """End every stream, including those opened from now on."""
        self._has_ended = True
        for connection in self._connections:
            connection.end()

    @contextmanager
    def _counted(self, connection: Connection) -> Iterator[None]:
        self._connections.add(connection)
        self._metrics.streams.inc()
        try:
            yield
        finally:
            self._connections.discard(connection)
            self._metrics.streams.dec()

    def _look_at(self, connections: Collection[Connection]) -> None:
        self._to_look_at.update(connection.token_id for connection in connections)
        self._work.set()

    async def _poll(self) -> None:
        while True:
            self._hint.clear()
            self._look_at(self._connections)
            await hinted(self._hint, within_s=self._poll_s)

    async def _serve(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            tokens, self._to_look_at = self._to_look_at, set()
            try:
                await self._tell(tokens)
            except Unavailable as exc:
                log.warning("streams are waiting for the database", reason=str(exc))
                await asyncio.sleep(OUTAGE_S)
            else:
                self._metrics.loop_success.labels("streams").set_to_current_time()

    async def _tell(self, tokens: Collection[TokenId]) -> None:
        if not tokens:
            return
        with self._metrics.stream_poll.time():
            situations = await self._store.situations(tokens, self._policy().assignment.capacity)
            for connection in self._connections:
                if connection.token_id in tokens:
                    connection.show(situations.get(connection.token_id))
