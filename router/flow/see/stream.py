"""The agents that are connected to this process: one look at all of them together, and what each has to be told.

Leaves reading their situations to a store, what changed between two of them to `situation`, and the wire to the API.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import Protocol

import structlog

from router.domain.agent import Principal, TokenId
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.domain.errors import Unavailable
from router.flow.run.loops import hinted
from router.flow.see.situation import Event, Situation, changes
from router.metrics import Metrics
from router.policy.model import Policy

POLL_S = 1.0
"""How often everybody who is connected is looked at without any hint."""
OUTAGE_S = 2.0

Staying = Callable[[AgentId], AbstractContextManager[object]]
"""Takes an agent for present until the context ends."""

log = structlog.get_logger(__name__)


class SituationStore(Protocol):
    """Knows what agents have in hand."""

    async def situations(self, tokens: Collection[TokenId], capacity: Capacity) -> Mapping[TokenId, Situation]:
        """The situations of the agents behind these tokens, in one statement; a token that has ended is left out.

        `capacity` is that of agents who have none of their own. Raises `StoreUnavailable`.
        """


class Connection:
    """One client of an agent: what it was told last, and what is the case by now.

    Nothing is kept for a client that reads slowly but the latest situation: it is told the sum of what it missed.
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
        """This is the case now; None is for those who may no longer ask."""
        if situation is None:
            self.end()
        elif situation != self._now:
            self._now = situation
            self._is_stale.set()

    def end(self) -> None:
        """There will be no more news."""
        self.has_ended = True
        self._is_stale.set()

    async def news(self) -> Sequence[tuple[int, Event]]:
        """Wait for something to tell, and return it with version numbers that rise by one; nothing once it ended."""
        await self._is_stale.wait()
        self._is_stale.clear()
        if self.has_ended or self._now is None:
            return []
        told, self._told = self._told, self._now
        return [(next(self._versions), event) for event in changes(told, self._now)]


class Streams:
    """The connected agents of one process; `run` looks at all of them once a second, and when `hint` is set.

    Whoever connects is looked at at once, together with those who connected meanwhile. The streams of a token that has
    ended end with the next look.
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
    def connected(self, who: Principal) -> Iterator[Connection]:
        """Take the agent for connected, and so for present, until the context ends."""
        assert who.agent, "streams are for persons"
        connection = Connection(who.token_id, who.agent.id)
        with self._counted(connection), self._staying(who.agent.id):
            self._look_at([connection])
            if self._has_ended:
                connection.end()
            yield connection

    def open_of(self, agent_id: AgentId) -> int:
        """How many streams of the agent this process has open."""
        return sum(connection.agent_id == agent_id for connection in self._connections)

    async def run(self) -> None:
        """Look and tell until cancelled, and end every stream then."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._poll())
                tasks.create_task(self._serve())
        finally:
            self.end()

    def end(self) -> None:
        """End every stream, and those that are opened from now on."""
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
                log.warning("streams wait", reason=str(exc))
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
