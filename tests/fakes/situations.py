"""What agents have in hand, in memory: enough of a store for streams without a database."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from router.domain.agent import Status, TokenId
from router.domain.capacity import Capacity
from router.domain.customer import AgentId
from router.domain.errors import StoreUnavailable
from router.domain.ticket import TicketState
from router.flow.see.situation import Declared, HeldTicket, Load, Situation
from router.flow.see.stream import Streams
from router.metrics import Metrics
from tests.making.intake import POLICY
from tests.making.moments import NOON

HERE = Declared(status=Status.AVAILABLE, reason=None, since=NOON)
IDLE = Situation(presence=HERE, capacity=Load(used=0, limit=10), held={})


def a_held_ticket(
    ticket_id: int = 7, epoch: int = 1, state: TicketState = TicketState.ASSIGNED, **given: object
) -> HeldTicket:
    ticket = HeldTicket(
        id=ticket_id,
        lease=f"{ticket_id}.{epoch}",
        state=state,
        queue="general",
        channel="email",
        until=None,
        last_customer_at=NOON,
    )
    return replace(ticket, **given)


def holding(*tickets: HeldTicket, **given: object) -> Situation:
    """The situation of an agent who holds these tickets and is otherwise idle."""
    return replace(IDLE, held={ticket.id: ticket for ticket in tickets}, **given)


class FakeSituations:
    """The situations by token, each look at them, and how often each agent is present."""

    def __init__(self, situations: Mapping[int, Situation]) -> None:
        self.situations_of = dict(situations)
        self.looks: list[set[TokenId]] = []
        self.present: Counter[AgentId] = Counter()
        self.is_down = False
        self.was_asked = asyncio.Event()

    async def situations(self, tokens: Collection[TokenId], capacity: Capacity) -> Mapping[TokenId, Situation]:
        self.looks.append(set(tokens))
        self.was_asked.set()
        await asyncio.sleep(0)
        if self.is_down:
            raise StoreUnavailable("the database does not answer")
        return {token: self.situations_of[token] for token in tokens if token in self.situations_of}

    @contextmanager
    def staying(self, agent_id: AgentId) -> Iterator[None]:
        self.present[agent_id] += 1
        try:
            yield
        finally:
            self.present[agent_id] -= 1


def fake_streams(
    store: FakeSituations, metrics: Metrics, *, poll_s: float = 0.01, hint: asyncio.Event | None = None
) -> Streams:
    """Streams of the process that `store` stands beside; they are looked at only while `run` runs."""
    return Streams(
        store=store,
        staying=store.staying,
        policy=lambda: POLICY,
        metrics=metrics,
        hint=hint or asyncio.Event(),
        poll_s=poll_s,
    )
