"""Waiting tickets in memory: passes the contract of claim stores, for tests of the lane."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from router.decide.claim import Asking, Head, Match, Readiness
from router.domain.agent import Agent, Lease, Status, TokenId
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.domain.errors import StoreUnavailable
from router.domain.ticket import TicketId
from router.domain.wait import Requirement
from router.flow.assign.claims import Assignment, Roll
from tests.making.moments import NOON

WAITED = timedelta(minutes=30)


@dataclass(kw_only=True)
class WaitingTicket:
    id: TicketId
    requirement: Requirement
    due_at: datetime
    reserved_for: AgentId | None = None
    held_by: AgentId | None = None
    epoch: int = 0
    is_seen: bool = False
    is_locked: bool = False


@dataclass(kw_only=True)
class FakeClaims:
    """Agents and tickets as dictionaries; `rounds` are the agents of each round, `reads` how often heads were read.

    `is_down` lets every round fail, `breaks_at_take` only once it has chosen. A closed `gate` holds rounds up before
    they read, a closed `pen` before they write.
    """

    agents: dict[AgentId, Agent] = field(default_factory=dict)
    limits: dict[AgentId, int] = field(default_factory=dict)
    readiness: defaultdict[AgentId, Readiness] = field(default_factory=lambda: defaultdict(Readiness))
    ended: set[TokenId] = field(default_factory=set)
    tokens: int = 0
    tickets: dict[TicketId, WaitingTicket] = field(default_factory=dict)
    requirements: list[Requirement] = field(default_factory=list)
    locks: dict[AgentId, asyncio.Lock] = field(default_factory=dict)
    rounds: list[list[AgentId]] = field(default_factory=list)
    is_down: bool = False
    gate: asyncio.Event | None = None
    pen: asyncio.Event | None = None
    breaks_at_take: bool = False
    reads: int = 0

    async def have(self, agent_id: AgentId, tickets: Collection[TicketId]) -> None:
        for ticket_id in tickets:
            ticket = self.tickets.get(ticket_id)
            if ticket and ticket.held_by == agent_id:
                ticket.is_seen = True

    async def agent(self, *, teams: Collection[str] = ("simple",), skills: Collection[str] = ()) -> AgentId:
        agent_id = AgentId(len(self.agents) + 1)
        agent = Agent(id=agent_id, name=f"agent {agent_id}", teams=frozenset(teams), skills=frozenset(skills))
        self.agents[agent_id] = agent
        self.locks[agent_id] = asyncio.Lock()
        return agent_id

    async def queue(
        self,
        requirement: Requirement,
        *,
        due_in: timedelta = timedelta(hours=1),
        reserved_for: AgentId | None = None,
    ) -> TicketId:
        ticket_id = TicketId(len(self.tickets) + 1)
        self.tickets[ticket_id] = WaitingTicket(
            id=ticket_id, requirement=requirement, due_at=NOON + due_in, reserved_for=reserved_for
        )
        self._know(requirement)
        return ticket_id

    async def reserve(self, ticket_id: TicketId, agent_id: AgentId) -> None:
        self.tickets[ticket_id].reserved_for = agent_id

    async def move(self, ticket_id: TicketId, requirement: Requirement) -> None:
        self.tickets[ticket_id].requirement = requirement
        self._know(requirement)

    async def limit(self, agent_id: AgentId, limit: int) -> None:
        self.limits[agent_id] = limit

    async def declare(self, agent_id: AgentId, status: Status) -> None:
        self.readiness[agent_id] = replace(self.readiness[agent_id], status=status)

    async def leave(self, agent_id: AgentId) -> None:
        self.readiness[agent_id] = replace(self.readiness[agent_id], is_in_a_team=False)

    async def drain(self, agent_id: AgentId) -> None:
        self.readiness[agent_id] = replace(self.readiness[agent_id], is_draining=True)

    async def retire(self, agent_id: AgentId) -> None:
        self.readiness[agent_id] = replace(self.readiness[agent_id], is_retired=True)

    async def token(self, agent_id: AgentId, *, ends_in: timedelta | None = None) -> TokenId:
        assert agent_id in self.agents
        self.tokens += 1
        if ends_in is not None and ends_in <= timedelta(0):
            self.ended.add(TokenId(self.tokens))
        return TokenId(self.tokens)

    async def revoke(self, token_id: TokenId) -> None:
        self.ended.add(token_id)

    async def see(self, ticket_id: TicketId) -> None:
        self.tickets[ticket_id].is_seen = True

    def _know(self, requirement: Requirement) -> None:
        if requirement not in self.requirements:
            self.requirements.append(requirement)

    @asynccontextmanager
    async def round(self, agents: Collection[AgentId]) -> AsyncIterator["FakeRound"]:
        self.rounds.append(list(agents))
        if self.gate:
            await self.gate.wait()
        if self.is_down:
            raise StoreUnavailable
        async with AsyncExitStack() as locked:
            for agent_id in sorted(agents):
                await locked.enter_async_context(self.locks[agent_id])
            fake_round = FakeRound(self, agents)
            try:
                yield fake_round
            except BaseException:
                fake_round.undo()
                raise
            fake_round.commit()


class FakeRound:
    def __init__(self, store: FakeClaims, agents: Collection[AgentId]) -> None:
        self.store = store
        self.agents = agents
        self.taken: list[Match] = []

    async def roll(self, default: Capacity, shown: Collection[TokenId]) -> Roll:
        held = [ticket for ticket in self.store.tickets.values() if ticket.held_by in self.agents]
        unseen = {ticket.held_by: assignment(ticket) for ticket in reversed(held) if not ticket.is_seen}
        others = [agent_id for agent_id in self.agents if agent_id not in unseen]
        return Roll(
            ended=self.store.ended.intersection(shown),
            unseen=list(unseen.values()),
            asking=[self._asking(agent_id, default) for agent_id in others],
        )

    async def heads(
        self,
        depths: Mapping[int, int],
        *,
        reserved_for: Collection[AgentId],
        passing_over: Collection[TicketId],
        outside: Collection[str],
    ) -> Sequence[Head]:
        self.store.reads += 1
        waiting = [
            (
                self.store.requirements.index(ticket.requirement),
                ticket.reserved_for,
                ticket.requirement.channel,
                ticket.id,
            )
            for ticket in sorted(self.store.tickets.values(), key=lambda ticket: (ticket.due_at, ticket.id))
            if ticket.held_by is None
            and ticket.id not in passing_over
            and ticket.requirement.queue not in outside
            and self._is_in_its_team(ticket)
        ]
        seen: Counter[object] = Counter()
        heads = []
        for head in waiting:
            group, agent_id, channel, _ = head
            depth = depths.get(group, 0) if agent_id is None else agent_id in reserved_for
            line = group if agent_id is None else (agent_id, channel)
            seen[line] += 1
            if seen[line] <= depth:
                heads.append(head)
        return heads

    async def take(self, matches: Sequence[Match], *, asked: int, policy_version: str) -> Sequence[Assignment]:
        if self.store.pen:
            await self.store.pen.wait()
        if self.store.breaks_at_take:
            raise StoreUnavailable
        free = [match for match in matches if self._is_free(match)]
        self.taken += free
        for match in free:
            ticket = self.store.tickets[match.ticket_id]
            ticket.is_locked, ticket.epoch = True, ticket.epoch + 1
        return [assignment(self.store.tickets[match.ticket_id], match.agent_id) for match in free]

    def commit(self) -> None:
        for match in self.taken:
            ticket = self.store.tickets[match.ticket_id]
            ticket.held_by, ticket.is_locked = match.agent_id, False

    def undo(self) -> None:
        for match in self.taken:
            ticket = self.store.tickets[match.ticket_id]
            ticket.is_locked, ticket.epoch = False, ticket.epoch - 1

    def _asking(self, agent_id: AgentId, default: Capacity) -> Asking:
        capacity = default.adjusted(limit=self.store.limits.get(agent_id), weights={}, most={})
        held = Counter(t.requirement.channel for t in self.store.tickets.values() if t.held_by == agent_id)
        agent = self.store.agents[agent_id]
        groups = [n for n, wanted in enumerate(self.store.requirements) if agent.may_take(wanted)]
        return Asking(agent_id, groups, capacity, held, self.store.readiness[agent_id])

    def _is_in_its_team(self, ticket: WaitingTicket) -> bool:
        return not ticket.reserved_for or ticket.requirement.team in self.store.agents[ticket.reserved_for].teams

    def _is_free(self, match: Match) -> bool:
        ticket = self.store.tickets[match.ticket_id]
        return (
            ticket.held_by is None
            and not ticket.is_locked
            and self.store.requirements[match.group] == ticket.requirement
            and ticket.reserved_for in (None, match.agent_id)
        )


def assignment(ticket: WaitingTicket, agent_id: AgentId | None = None) -> Assignment:
    holder = agent_id or ticket.held_by
    assert holder
    return Assignment(
        agent_id=holder,
        lease=Lease(ticket.id, ticket.epoch),
        queue=ticket.requirement.queue,
        channel=ticket.requirement.channel,
        waited_s=WAITED.total_seconds(),
        met_target=ticket.due_at >= NOON + WAITED,
    )
