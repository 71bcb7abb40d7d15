"""Agents ask for their next ticket: all who wait in this process are served together, in one transaction a round.

Leaves reading and taking to a store, and who is given what to `decide.offer`.
"""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from router.decide.offer import Asking, Line, Match, offer
from router.domain.agent import Lease
from router.domain.customer import AgentId
from router.domain.errors import Unavailable
from router.metrics import Metrics

POLL_S = 1.0
"""How often everybody who waits is looked at without any hint."""

CONTENTION_PAUSE_S = 0.01
"""How long a round that lost everything to another process lets that one finish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A ticket that is an agent's now, under `lease`; the wait ran from `enqueued_at` to `assigned_at`."""

    agent_id: AgentId
    lease: Lease
    queue: str
    channel: str
    enqueued_at: datetime
    due_at: datetime
    assigned_at: datetime

    @property
    def waited(self) -> timedelta:
        """From the beginning of the wait to the assignment."""
        return self.assigned_at - self.enqueued_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a round came to; `losers` were to have tickets that somebody else had taken meanwhile."""

    unseen: Sequence[Assignment]
    taken: Sequence[Assignment]
    losers: frozenset[AgentId]


class ClaimRound(Protocol):
    """One transaction in which nobody else gives anything to the agents it was begun for."""

    async def unseen(self) -> Sequence[Assignment]:
        """What was assigned to these agents and never seen by them: at most one each, the oldest."""

    async def waiting(self, agents: Sequence[AgentId]) -> tuple[Sequence[Asking], Sequence[Line]]:
        """Who of `agents` may be given what, in their order; deep enough that one agent each takes one ticket."""

    async def take(self, matches: Sequence[Match]) -> Sequence[Assignment]:
        """Assign what is still queued, with its event; what somebody else holds or has taken is left out."""


class ClaimStore(Protocol):
    """Where tickets wait."""

    def round(self, agents: Collection[AgentId]) -> AbstractAsyncContextManager[ClaimRound]:
        """Begin a round; what it took is durable once the context ends. Raises `StoreUnavailable`."""


class Request:
    """An agent who waits, and everybody who waits for the agent's answer."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[Assignment | None] = asyncio.get_running_loop().create_future()
        self.callers = 0
        self.until = 0.0


class Claims:
    """The lane of one process: `run` serves whoever waits in `next`, round after round.

    There is no timer: a round takes all who came during the last one. Nobody waits for a hint alone: `wake` is only
    quicker than the look that everybody gets once a second.
    """

    def __init__(self, store: ClaimStore, metrics: Metrics, *, poll_s: float = POLL_S) -> None:
        self._store = store
        self._metrics = metrics
        self._poll_s = poll_s
        self._requests: dict[AgentId, Request] = {}
        self._to_try: set[AgentId] = set()
        self._work = asyncio.Event()

    async def next(self, agent_id: AgentId, wait: timedelta) -> Assignment | None:
        """Return what the agent has not seen yet, or else the ticket due first, or None once `wait` is over.

        None may come up to a second late. Asking again is safe: until the ticket is seen, the answer is the same, and
        a caller who went away loses nothing. Two callers of one agent get one answer; the later one says how long.
        Raises `StoreUnavailable`.
        """
        request = self._requests.setdefault(agent_id, Request())
        request.callers += 1
        request.until = asyncio.get_running_loop().time() + wait.total_seconds()
        self._try([agent_id])
        try:
            return await asyncio.shield(request.answer)
        finally:
            request.callers -= 1
            if not request.callers and self._requests.get(agent_id) is request:
                del self._requests[agent_id]

    def wake(self) -> None:
        """Look again for everybody who waits: a ticket may have been queued."""
        self._try(self._requests)

    async def run(self) -> None:
        """Serve until cancelled; then whoever still waits is told that there is nothing."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._poll())
                tasks.create_task(self._serve())
        finally:
            for agent_id in list(self._requests):
                self._answer(agent_id, None)

    def _try(self, agents: Collection[AgentId]) -> None:
        if agents:
            self._to_try.update(agents)
            self._work.set()

    async def _poll(self) -> None:
        while True:
            self.wake()
            self._work.set()
            await asyncio.sleep(self._poll_s)

    async def _serve(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            tried, self._to_try = self._to_try, set()
            # the requests are in order of arrival; what is to be tried is in none
            agents = [agent_id for agent_id in self._requests if agent_id in tried]
            try:
                await self._round(agents)
            except Unavailable as exc:
                self._fail(agents, exc)
            else:
                self._metrics.loop_success.labels("claims").set_to_current_time()

    async def _round(self, agents: Sequence[AgentId]) -> None:
        if not agents:
            return
        given = await self._give(agents)
        for assignment in (*given.unseen, *given.taken):
            self._answer(assignment.agent_id, assignment)
        self._observe(given.taken)
        self._end_waits(set(agents) - given.losers, late_s=0)
        if given.losers:
            self._end_waits(given.losers, late_s=self._poll_s)
            self._try(given.losers)
            if not given.taken:
                await asyncio.sleep(CONTENTION_PAUSE_S)

    async def _give(self, agents: Sequence[AgentId]) -> Given:
        async with self._store.round(agents) as claim_round:
            unseen = await claim_round.unseen()
            served = {assignment.agent_id for assignment in unseen}
            matches = offer(*await claim_round.waiting([agent for agent in agents if agent not in served]))
            taken = await claim_round.take(matches)
        winners = {assignment.agent_id for assignment in taken}
        losers = frozenset(match.agent_id for match in matches) - winners
        return Given(unseen=unseen, taken=taken, losers=losers)

    def _end_waits(self, agents: Collection[AgentId], *, late_s: float) -> None:
        now = asyncio.get_running_loop().time()
        for agent_id in agents:
            if agent_id in self._requests and self._requests[agent_id].until + late_s <= now:
                self._answer(agent_id, None)

    def _answer(self, agent_id: AgentId, assignment: Assignment | None) -> None:
        if request := self._requests.pop(agent_id, None):
            request.answer.set_result(assignment)

    def _fail(self, agents: Collection[AgentId], exc: Unavailable) -> None:
        for agent_id in agents:
            if request := self._requests.pop(agent_id, None):
                request.answer.set_exception(exc)

    def _observe(self, taken: Sequence[Assignment]) -> None:
        for assignment in taken:
            where = (assignment.queue, assignment.channel)
            within_target = "true" if assignment.assigned_at <= assignment.due_at else "false"
            self._metrics.answered.labels(*where, within_target).inc()
            self._metrics.wait.labels(*where).observe(assignment.waited.total_seconds())
