"""Waiting tickets in memory: passes the contract of claim stores, for tests of the lane."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from router.decide.offer import Asking, Head, Match
from router.domain.agent import Agent, Lease
from router.domain.customer import AgentId
from router.domain.errors import StoreUnavailable
from router.domain.ticket import Requirement, TicketId
from router.flow.claims import Assignment
from tests.tickets import NOON

WAITED = timedelta(minutes=30)


@dataclass(kw_only=True)
class WaitingTicket:
    id: TicketId
    requirement: Requirement
    due_at: datetime
    held_by: AgentId | None = None
    epoch: int = 0
    is_seen: bool = False
    is_locked: bool = False


@dataclass(kw_only=True)
class FakeClaims:
    """Agents and tickets as dictionaries. `is_down` lets every round fail; `rounds` are the agents of each round."""

    agents: dict[AgentId, Agent] = field(default_factory=dict)
    tickets: dict[TicketId, WaitingTicket] = field(default_factory=dict)
    locks: dict[AgentId, asyncio.Lock] = field(default_factory=dict)
    rounds: list[list[AgentId]] = field(default_factory=list)
    is_down: bool = False
    gate: asyncio.Event | None = None

    async def agent(self, *, teams: Collection[str] = ("simple",), skills: Collection[str] = ()) -> AgentId:
        agent_id = AgentId(len(self.agents) + 1)
        agent = Agent(id=agent_id, name=f"agent {agent_id}", teams=frozenset(teams), skills=frozenset(skills))
        self.agents[agent_id] = agent
        self.locks[agent_id] = asyncio.Lock()
        return agent_id

    async def queue(self, requirement: Requirement, *, due_in: timedelta = timedelta(hours=1)) -> TicketId:
        ticket_id = TicketId(len(self.tickets) + 1)
        self.tickets[ticket_id] = WaitingTicket(id=ticket_id, requirement=requirement, due_at=NOON + due_in)
        return ticket_id

    @property
    def requirements(self) -> list[Requirement]:
        return sorted({ticket.requirement for ticket in self.tickets.values()}, key=str)

    async def see(self, ticket_id: TicketId) -> None:
        self.tickets[ticket_id].is_seen = True

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

    async def asking(self) -> tuple[Sequence[Assignment], Sequence[Asking]]:
        held = [ticket for ticket in self.store.tickets.values() if ticket.held_by in self.agents]
        unseen = {ticket.held_by: assignment(ticket) for ticket in reversed(held) if not ticket.is_seen}
        others = [agent_id for agent_id in self.agents if agent_id not in unseen]
        return list(unseen.values()), [Asking(agent_id, self._groups(agent_id)) for agent_id in others]

    async def heads(self, depths: Mapping[int, int], *, passing_over: Collection[TicketId]) -> Sequence[Head]:
        first = [head for group, depth in depths.items() for head in self._line(group, passing_over)[:depth]]
        return sorted(first, key=lambda head: (self.store.tickets[head[1]].due_at, head[1]))

    async def take(self, matches: Sequence[Match]) -> Sequence[Assignment]:
        free = [match for match in matches if self._is_free(self.store.tickets[match.ticket_id])]
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

    def _groups(self, agent_id: AgentId) -> list[int]:
        requirements = self.store.requirements
        return [n for n, wanted in enumerate(requirements) if self.store.agents[agent_id].may_take(wanted)]

    def _line(self, group: int, passing_over: Collection[TicketId]) -> list[Head]:
        requirement = self.store.requirements[group]
        waiting = [t for t in self.store.tickets.values() if t.requirement == requirement and t.held_by is None]
        waiting.sort(key=lambda ticket: (ticket.due_at, ticket.id))
        return [(group, ticket.id) for ticket in waiting if ticket.id not in passing_over]

    def _is_free(self, ticket: WaitingTicket) -> bool:
        return ticket.held_by is None and not ticket.is_locked


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
