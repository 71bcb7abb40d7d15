"""Serves agents who ask for their next ticket: all who wait in this process together, one transaction per round.

While one round is written, the next one reads and chooses. `decide.claim` decides who gets what; a store reads and
takes.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Protocol

from router.decide.claim import Asking, Head, Match, assign, deeper, depths, emptied
from router.domain.agent import Lease, TokenId
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.domain.errors import FrontdeskError, Refused, TokenEnded
from router.domain.ticket import TicketId
from router.flow.run.transitions import Transitions
from router.flow.see.obstacles import why_nothing
from router.metrics import Metrics
from router.policy.model import Policy, QueueMode

POLL_S = 1.0
"""How often to look for everybody who waits when there is no hint."""

TOGETHER = 100
"""The most agents that one round serves: enough to share its cost, and the others overlap with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A ticket that an agent now holds under `lease`, and whether its wait ended before its due time."""

    agent_id: AgentId
    lease: Lease
    queue: str
    channel: str
    waited_s: float
    met_target: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """How each of a round's agents stands, and which of the tokens shown have `ended`.

    `unseen` are the tickets assigned and never seen (the oldest of each agent). Everybody else is `asking`, in order of
    arrival, including those who get nothing new.
    """

    ended: Set[TokenId]
    unseen: Sequence[Assignment]
    asking: Sequence[Asking]

    def withheld(self) -> Mapping[AgentId, Refused]:
        """Return what to tell the agents who get nothing new."""
        asking = ((agent.agent_id, agent.readiness) for agent in self.asking)
        return {
            agent_id: Refused(why_nothing(found, readiness.status, readiness.cause))
            for agent_id, readiness in asking
            if (found := readiness.obstacle)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The result of a round; somebody else had taken the `lost` tickets or was writing to them."""

    roll: Roll
    withheld: Mapping[AgentId, Refused]
    taken: Sequence[Assignment]
    lost: Sequence[Match]


class ClaimRound(Protocol):
    """One transaction in which nobody else gives its agents tickets or takes them away."""

    async def roll(self, default: Capacity, shown: Collection[TokenId]) -> Roll:
        """Return how the agents stand, and which of the tokens `shown` have ended.

        The `default` capacity fills in what an agent does not set.
        """

    async def heads(
        self,
        depths: Mapping[int, int],
        *,
        reserved_for: Collection[AgentId],
        passing_over: Collection[TicketId],
        outside: Collection[str],
    ) -> Sequence[Head]:
        """Return what waits in these groups, as deep as `depths` says, or is reserved for these agents; due first.

        Of an agent's reserved tickets, returns the first of each channel. Leaves out queues in `outside`.
        """

    async def take(self, matches: Sequence[Match], *, asked: int, policy_version: str) -> Sequence[Assignment]:
        """Assign what still waits there, with an event that says why; `asked` is how many agents asked.

        Leaves out what somebody else holds, has taken, moved or reserved.
        """


class ClaimStore(Protocol):
    """The store where tickets wait."""

    async def have(self, agent_id: AgentId, tickets: Collection[TicketId]) -> None:
        """Note that the agent has those of the tickets on screen that are theirs. Raises `StoreUnavailable`."""

    def round(self, agents: Collection[AgentId]) -> AbstractAsyncContextManager[ClaimRound]:
        """Begin a round; what it took is durable once the context ends. Raises `StoreUnavailable`."""


class Request:
    """A waiting agent: each caller's future and token, and when the wait is over (by the event loop's clock)."""

    def __init__(self) -> None:
        self.callers: dict[asyncio.Future[Assignment | None], TokenId | None] = {}
        self.until = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """A round under way: its agents, and the tickets it has chosen, each with its group."""

    agents: Sequence[AgentId]
    chosen: dict[TicketId, int] = field(default_factory=dict)
    has_chosen: asyncio.Event = field(default_factory=asyncio.Event)

    def choose(self, matches: Iterable[Match]) -> None:
        self.chosen.update((match.ticket_id, match.group) for match in matches)
        self.has_chosen.set()


class Claims:
    """The lane of one process: `run` serves everybody who waits in `next`, round after round.

    There is no timer: a round takes all agents who came since the previous one began, and begins once that one has
    chosen. Nobody depends on hints: `wake` is only faster than the look that everybody gets once a second. A ticket
    lost to another process is passed over until the next look, so that the agent who lost it gets another one at once.
    """

    def __init__(
        self, store: ClaimStore, metrics: Metrics, *, policy: Callable[[], Policy], poll_s: float = POLL_S
    ) -> None:
        self._store = store
        self._policy = policy
        self._metrics = metrics
        self._transitions = Transitions(metrics)
        self._poll_s = poll_s
        self._requests: dict[AgentId, Request] = {}
        self._to_try: set[AgentId] = set()
        self._under_way: list[Round] = []
        self._in_full: Collection[int] = ()
        self._lost: set[TicketId] = set()
        self._work = asyncio.Event()
        self._has_ended = False

    async def next(self, agent_id: AgentId, wait: timedelta, token_id: TokenId | None = None) -> Assignment | None:
        """Return the agent's ticket that they have not seen yet, or else the one due first; None once `wait` is over.

        None may come up to a second late. It is safe to ask again: until the ticket is seen, the answer is the same,
        and a caller who went away loses nothing. Two callers of one agent get one answer; the later one sets the wait.
        An agent without room waits as if nothing were there. Raises `Refused` for an agent who must not get anything
        new, `TokenEnded` within a second after the token ends, and `StoreUnavailable`.
        """
        if self._has_ended:
            return None
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Assignment | None] = loop.create_future()
        request = self._requests.setdefault(agent_id, Request())
        request.callers[answer] = token_id
        request.until = loop.time() + wait.total_seconds()
        self._try([agent_id])
        try:
            return await answer
        finally:
            del request.callers[answer]
            if not request.callers and self._requests.get(agent_id) is request:
                del self._requests[agent_id]

    async def have(self, agent_id: AgentId, tickets: Collection[TicketId]) -> None:
        """Take the agent's word that they have these tickets, so that `next` gives none of them again."""
        await self._store.have(agent_id, tickets)

    def wake(self) -> None:
        """Look again for everybody who waits: a ticket may have been queued."""
        self._try(self._requests)

    async def run(self) -> None:
        """Serve until cancelled, then end."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._poll())
                tasks.create_task(self._serve())
        finally:
            self.end()

    def end(self) -> None:
        """Answer everybody who waits, and everybody who asks from now on, with nothing."""
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
        async with asyncio.TaskGroup() as rounds:
            before: asyncio.Task[None] | None = None
            while True:
                begun = Round(await self._who_asks())
                self._under_way.append(begun)
                serving = rounds.create_task(self._serve_together(begun))
                await begun.has_chosen.wait()
                if before:
                    await before  # two rounds at once are enough: later agents share the next one
                before = serving

    async def _who_asks(self) -> Sequence[AgentId]:
        """Wait for agents to try, and return them in order of arrival; no agent is in two rounds."""
        while True:
            await self._work.wait()
            self._work.clear()
            self._metrics.loop_success.labels("claims").set_to_current_time()
            served = {agent_id for begun in self._under_way for agent_id in begun.agents}
            # the requests are in order of arrival; the agents to try have no order
            free = [agent_id for agent_id in self._requests if agent_id in self._to_try and agent_id not in served]
            agents = free[:TOGETHER]
            self._to_try.difference_update(agents)
            if len(agents) < len(free):
                self._work.set()
            if agents:
                return agents

    async def _serve_together(self, begun: Round) -> None:
        try:
            given = await self._round(begun)
        except FrontdeskError as exc:
            self._fail(begun.agents, exc)
        else:
            self._settle(begun.agents, given)
        finally:
            begun.has_chosen.set()
            self._under_way.remove(begun)
            self._work.set()  # for agents to try who came meanwhile

    async def _round(self, begun: Round) -> Given:
        policy = self._policy()
        async with self._store.round(begun.agents) as claim_round:
            roll = await claim_round.roll(policy.assignment.capacity, self._shown(begun.agents))
            withheld = roll.withheld()
            waiting = [agent for agent in roll.asking if agent.agent_id not in withheld and not agent.is_full]
            asking = [agent for agent in waiting if self._may_ask(agent.agent_id, roll.ended)]
            matches = await self._matches(claim_round, asking, policy) if asking else []
            begun.choose(matches)
            taken = await claim_round.take(matches, asked=len(asking), policy_version=policy.version) if matches else []
        winners = {assignment.agent_id for assignment in taken}
        lost = [match for match in matches if match.agent_id not in winners]
        return Given(roll=roll, withheld=withheld, taken=taken, lost=lost)

    def _shown(self, agents: Collection[AgentId]) -> Collection[TokenId]:
        """Return the tokens of the callers who wait for these agents' answers."""
        requests = [self._requests[agent_id] for agent_id in agents if agent_id in self._requests]
        return [token_id for request in requests for token_id in request.callers.values() if token_id]

    def _may_ask(self, agent_id: AgentId, ended: Set[TokenId]) -> bool:
        """Whether a caller whose token has not ended still waits for the agent's answer."""
        request = self._requests.get(agent_id)
        return request is not None and any(token_id not in ended for token_id in request.callers.values())

    async def _matches(self, claim_round: ClaimRound, asking: Sequence[Asking], policy: Policy) -> Sequence[Match]:
        read = partial(self._heads, claim_round, asking, policy)
        first = depths(asking, in_full=self._in_full)
        matches = assign(asking, await read(first))
        if more := deeper(asking, first, matches):
            matches = assign(asking, await read({**first, **more}))
        self._in_full = emptied(asking, matches)
        return matches

    async def _heads(
        self, claim_round: ClaimRound, asking: Sequence[Asking], policy: Policy, depths: Mapping[int, int]
    ) -> Sequence[Head]:
        """Return what is left to choose from: what the previous round has chosen does not show as taken yet."""
        chosen = {ticket_id: group for begun in self._under_way for ticket_id, group in begun.chosen.items()}
        gone = Counter(chosen.values())
        heads = await claim_round.heads(
            {group: depth + gone[group] for group, depth in depths.items()},
            reserved_for=[agent.agent_id for agent in asking],
            passing_over=self._lost,
            outside=[name for name, queue in policy.queues.items() if queue.mode is QueueMode.PUSH],
        )
        return [head for head in heads if head[-1] not in chosen] if chosen else heads

    def _settle(self, agents: Collection[AgentId], given: Given) -> None:
        for agent_id, refused in given.withheld.items():
            self._fail([agent_id], refused)
        self._dismiss(agents, given.roll.ended)
        for assignment in (*given.roll.unseen, *given.taken):
            self._answer(assignment.agent_id, assignment)
        losers = {match.agent_id for match in given.lost}
        self._lost.update(match.ticket_id for match in given.lost)
        self._try(losers)
        self._end_waits(set(agents) - losers)
        self._transitions.assigned(*given.taken)

    def _dismiss(self, agents: Collection[AgentId], ended: Set[TokenId]) -> None:
        """Turn away callers whose token has ended; the agent's other callers keep waiting."""
        for agent_id in agents if ended else ():
            request = self._requests.get(agent_id, Request())
            for answer, token_id in request.callers.items():
                if token_id in ended and not answer.done():
                    answer.set_exception(TokenEnded())

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
        """Remove and return the callers who still wait for this agent's answer."""
        request = self._requests.pop(agent_id, None)
        return [answer for answer in request.callers if not answer.done()] if request else []
