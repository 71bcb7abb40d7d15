"""Agents ask for their next ticket: all who wait in this process are served together, in one transaction a round.

Leaves reading and taking to a store, and who is given what to `decide.offer`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from router.decide.offer import Asking, Head, Match, depths, offer
from router.domain.agent import Lease
from router.domain.customer import AgentId
from router.domain.errors import FrontdeskError
from router.domain.ticket import TicketId
from router.metrics import Metrics

POLL_S = 1.0
"""How often everybody who waits is looked at without any hint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A ticket that is an agent's now, under `lease`, after a wait that ended before its due time or did not."""

    agent_id: AgentId
    lease: Lease
    queue: str
    channel: str
    waited_s: float
    met_target: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a round came to; what is `lost` somebody else had taken or was writing to."""

    unseen: Sequence[Assignment]
    taken: Sequence[Assignment]
    lost: Sequence[Match]


class ClaimRound(Protocol):
    """One transaction in which nobody else gives anything to the agents it was begun for."""

    async def asking(self) -> tuple[Sequence[Assignment], Sequence[Asking]]:
        """Who has a ticket assigned and never seen (the oldest), and in the agents' order everybody else."""

    async def heads(self, depths: Mapping[int, int], *, passing_over: Collection[TicketId]) -> Sequence[Head]:
        """What waits in these groups, each as deep as `depths` says; due first comes first."""

    async def take(self, matches: Sequence[Match]) -> Sequence[Assignment]:
        """Assign what is still queued, with its event; what somebody else holds or has taken is left out."""


class ClaimStore(Protocol):
    """Where tickets wait."""

    def round(self, agents: Collection[AgentId]) -> AbstractAsyncContextManager[ClaimRound]:
        """Begin a round; what it took is durable once the context ends. Raises `StoreUnavailable`."""


class Request:
    """An agent who waits: one future for each caller, and when the wait is over (the event loop's clock)."""

    def __init__(self) -> None:
        self.callers: set[asyncio.Future[Assignment | None]] = set()
        self.until = 0.0


class Claims:
    """The lane of one process: `run` serves whoever waits in `next`, round after round.

    There is no timer: a round takes all who came during the last one. Nobody waits for a hint alone: `wake` is only
    quicker than the look that everybody gets once a second. A ticket that was lost to another process is passed over
    until the next look, so that whoever lost it gets another one at once.
    """

    def __init__(self, store: ClaimStore, metrics: Metrics, *, poll_s: float = POLL_S) -> None:
        self._store = store
        self._metrics = metrics
        self._poll_s = poll_s
        self._requests: dict[AgentId, Request] = {}
        self._to_try: set[AgentId] = set()
        self._lost: set[TicketId] = set()
        self._work = asyncio.Event()
        self._has_ended = False

    async def next(self, agent_id: AgentId, wait: timedelta) -> Assignment | None:
        """Return what the agent has not seen yet, or else the ticket due first, or None once `wait` is over.

        None may come up to a second late. Asking again is safe: until the ticket is seen, the answer is the same, and
        a caller who went away loses nothing. Two callers of one agent get one answer; the later one says how long.
        Raises `StoreUnavailable`.
        """
        if self._has_ended:
            return None
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Assignment | None] = loop.create_future()
        request = self._requests.setdefault(agent_id, Request())
        request.callers.add(answer)
        request.until = loop.time() + wait.total_seconds()
        self._try([agent_id])
        try:
            return await answer
        finally:
            request.callers.discard(answer)
            if not request.callers and self._requests.get(agent_id) is request:
                del self._requests[agent_id]

    def wake(self) -> None:
        """Look again for everybody who waits: a ticket may have been queued."""
        self._try(self._requests)

    async def run(self) -> None:
        """Serve until cancelled, and end then."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._poll())
                tasks.create_task(self._serve())
        finally:
            self.end()

    def end(self) -> None:
        """Tell whoever waits, and whoever asks from now on, that there is nothing."""
        self._has_ended = True
        for agent_id in list(self._requests):
            self._answer(agent_id, None)

    def _try(self, agents: Collection[AgentId]) -> None:
        self._to_try.update(agents)
        self._work.set()

    async def _poll(self) -> None:
        while True:
            self._lost.clear()
            self.wake()
            await asyncio.sleep(self._poll_s)

    async def _serve(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            tried, self._to_try = self._to_try, set()
            # the requests are in order of arrival, what is to be tried is in none
            if agents := [agent_id for agent_id in self._requests if agent_id in tried]:
                await self._serve_together(agents)
            self._metrics.loop_success.labels("claims").set_to_current_time()

    async def _serve_together(self, agents: Sequence[AgentId]) -> None:
        try:
            given = await self._round(agents)
        except FrontdeskError as exc:
            self._fail(agents, exc)
        else:
            self._settle(agents, given)

    async def _round(self, agents: Sequence[AgentId]) -> Given:
        async with self._store.round(agents) as claim_round:
            unseen, asking = await claim_round.asking()
            matches = offer(asking, await claim_round.heads(depths(asking), passing_over=self._lost))
            taken = await claim_round.take(matches)
        winners = {assignment.agent_id for assignment in taken}
        lost = [match for match in matches if match.agent_id not in winners]
        return Given(unseen=unseen, taken=taken, lost=lost)

    def _settle(self, agents: Collection[AgentId], given: Given) -> None:
        for assignment in (*given.unseen, *given.taken):
            self._answer(assignment.agent_id, assignment)
        losers = {match.agent_id for match in given.lost}
        self._lost.update(match.ticket_id for match in given.lost)
        self._try(losers)
        self._end_waits(set(agents) - losers)
        self._observe(given.taken)

    def _end_waits(self, agents: Collection[AgentId]) -> None:
        now = asyncio.get_running_loop().time()
        for agent_id in agents:
            if agent_id in self._requests and self._requests[agent_id].until <= now:
                self._answer(agent_id, None)

    def _answer(self, agent_id: AgentId, assignment: Assignment | None) -> None:
        for answer in self._callers(agent_id):
            answer.set_result(assignment)

    def _fail(self, agents: Collection[AgentId], exc: FrontdeskError) -> None:
        for agent_id in agents:
            for answer in self._callers(agent_id):
                answer.set_exception(exc)

    def _callers(self, agent_id: AgentId) -> list[asyncio.Future[Assignment | None]]:
        """Whoever waits for this agent's answer and is still there; nobody does after this."""
        request = self._requests.pop(agent_id, None)
        return [answer for answer in request.callers if not answer.done()] if request else []

    def _observe(self, taken: Sequence[Assignment]) -> None:
        by_place = defaultdict(list)
        for assignment in taken:
            by_place[assignment.queue, assignment.channel].append(assignment)
        for place, assignments in by_place.items():
            wait = self._metrics.wait.labels(*place)
            for assignment in assignments:
                wait.observe(assignment.waited_s)
            met = sum(assignment.met_target for assignment in assignments)
            self._metrics.answered.labels(*place, "true").inc(met)
            self._metrics.answered.labels(*place, "false").inc(len(assignments) - met)
