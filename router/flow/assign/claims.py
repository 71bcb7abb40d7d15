"""Agents ask for their next ticket: all who wait in this process are served together, in one transaction a round.

While one round is written, the next one reads and chooses. Leaves reading and taking to a store, and who is given what
to `decide.offer`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Protocol

from router.decide.offer import Asking, Head, Match, deeper, depths, emptied, offer
from router.domain.agent import Lease, TokenId
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.domain.errors import FrontdeskError, Refused, TokenEnded
from router.domain.ticket import TicketId
from router.flow.assign.answered import count_answered
from router.flow.see.obstacles import why_nothing
from router.metrics import Metrics
from router.policy.model import Policy, QueueMode

POLL_S = 1.0
"""How often everybody who waits is looked at without any hint."""

TOGETHER = 100
"""How many agents one round serves at most: enough to share its cost, and the rest overlap with it."""


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
            agent_id: Refused(why_nothing(found, readiness.status))
            for agent_id, readiness in asking
            if (found := readiness.obstacle)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a round came to; what is `lost` somebody else had taken or was writing to."""

    roll: Roll
    withheld: Mapping[AgentId, Refused]
    taken: Sequence[Assignment]
    lost: Sequence[Match]


class ClaimRound(Protocol):
    """One transaction in which nobody else gives anything to the agents it was begun for, or takes it from them."""

    async def roll(self, default: Capacity, shown: Collection[TokenId]) -> Roll:
        """How the agents stand, and which of the tokens `shown` have ended.

        Each agent has the `default` capacity where nothing else is said of them.
        """

    async def heads(
        self,
        depths: Mapping[int, int],
        *,
        reserved_for: Collection[AgentId],
        passing_over: Collection[TicketId],
        outside: Collection[str],
    ) -> Sequence[Head]:
        """What waits in these groups, each as deep as `depths` says, and for these agents alone; due first comes first.

        Of what is reserved for an agent, the first of each channel. Queues `outside` are left out.
        """

    async def take(self, matches: Sequence[Match], *, asked: int, policy_version: str) -> Sequence[Assignment]:
        """Assign what still waits there, with an event that says why; `asked` is how many agents there were to choose.

        What somebody else holds, has taken, moved or reserved is left out.
        """


class ClaimStore(Protocol):
    """Where tickets wait."""

    def round(self, agents: Collection[AgentId]) -> AbstractAsyncContextManager[ClaimRound]:
        """Begin a round; what it took is durable once the context ends. Raises `StoreUnavailable`."""


class Request:
    """An agent who waits: each caller's future and token, and when the wait is over (the event loop's clock)."""

    def __init__(self) -> None:
        self.callers: dict[asyncio.Future[Assignment | None], TokenId | None] = {}
        self.until = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """A round under way: for whom it is, and the tickets that it has chosen, each with its group."""

    agents: Sequence[AgentId]
    chosen: dict[TicketId, int] = field(default_factory=dict)
    has_chosen: asyncio.Event = field(default_factory=asyncio.Event)

    def choose(self, matches: Iterable[Match]) -> None:
        self.chosen.update((match.ticket_id, match.group) for match in matches)
        self.has_chosen.set()


class Claims:
    """The lane of one process: `run` serves whoever waits in `next`, round after round.

    There is no timer: a round takes all who came since the one before it began, and begins once that one has chosen.
    Nobody waits for a hint alone: `wake` is only quicker than the look that everybody gets once a second. A ticket that
    was lost to another process is passed over until the next look, so that whoever lost it gets another one at once.
    """

    def __init__(
        self, store: ClaimStore, metrics: Metrics, *, policy: Callable[[], Policy], poll_s: float = POLL_S
    ) -> None:
        self._store = store
        self._policy = policy
        self._metrics = metrics
        self._poll_s = poll_s
        self._requests: dict[AgentId, Request] = {}
        self._to_try: set[AgentId] = set()
        self._under_way: list[Round] = []
        self._in_full: Collection[int] = ()
        self._lost: set[TicketId] = set()
        self._work = asyncio.Event()
        self._has_ended = False

    async def next(self, agent_id: AgentId, wait: timedelta, token_id: TokenId | None = None) -> Assignment | None:
        """Return what the agent has not seen yet, or else the ticket due first, or None once `wait` is over.

        None may come up to a second late. Asking again is safe: until the ticket is seen, the answer is the same, and
        a caller who went away loses nothing. Two callers of one agent get one answer; the later one says how long.
        An agent without room waits like one for whom nothing is there. Raises `Refused` for an agent who is not to be
        given anything new, `TokenEnded` within a second of the end of the token shown, and `StoreUnavailable`.
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
        async with asyncio.TaskGroup() as rounds:
            before: asyncio.Task[None] | None = None
            while True:
                begun = Round(await self._who_asks())
                self._under_way.append(begun)
                serving = rounds.create_task(self._serve_together(begun))
                await begun.has_chosen.wait()
                if before:
                    await before  # two rounds at once are enough: more agents share the one that begins then
                before = serving

    async def _who_asks(self) -> Sequence[AgentId]:
        """Return, once there is anybody, who is to be tried, in order of arrival; nobody is in two rounds."""
        while True:
            await self._work.wait()
            self._work.clear()
            self._metrics.loop_success.labels("claims").set_to_current_time()
            served = {agent_id for begun in self._under_way for agent_id in begun.agents}
            # the requests are in order of arrival, what is to be tried is in none
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
            self._work.set()  # who was to be tried meanwhile

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
        """The tokens with which somebody waits for one of these agents' answers."""
        requests = [self._requests[agent_id] for agent_id in agents if agent_id in self._requests]
        return [token_id for request in requests for token_id in request.callers.values() if token_id]

    def _may_ask(self, agent_id: AgentId, ended: Set[TokenId]) -> bool:
        """Whether somebody still waits for the agent's answer whose token has not ended."""
        request = self._requests.get(agent_id)
        return request is not None and any(token_id not in ended for token_id in request.callers.values())

    async def _matches(self, claim_round: ClaimRound, asking: Sequence[Asking], policy: Policy) -> Sequence[Match]:
        read = partial(self._heads, claim_round, asking, policy)
        first = depths(asking, in_full=self._in_full)
        matches = offer(asking, await read(first))
        if more := deeper(asking, first, matches):
            matches = offer(asking, await read({**first, **more}))
        self._in_full = emptied(asking, matches)
        return matches

    async def _heads(
        self, claim_round: ClaimRound, asking: Sequence[Asking], policy: Policy, depths: Mapping[int, int]
    ) -> Sequence[Head]:
        """What is left to choose from: what the round before has chosen is not to be seen as taken yet."""
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
        count_answered(given.taken, self._metrics)

    def _dismiss(self, agents: Collection[AgentId], ended: Set[TokenId]) -> None:
        """Turn away whoever waits with a token that has ended; the agent's other callers wait on."""
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
        """Whoever waits for this agent's answer and is still there; nobody does after this."""
        request = self._requests.pop(agent_id, None)
        return [answer for answer in request.callers if not answer.done()] if request else []
