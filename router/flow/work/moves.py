"""What moves a ticket through its life, both for agents at the desk and for leads with their tools.

Everybody takes locks in one order: agents, customer, conversations, tickets, each by id.
"""

from collections.abc import Collection, Mapping
from typing import Protocol

from router.domain.actor import Actor, Teams
from router.domain.agent import Agent
from router.domain.customer import AgentId, Customer, CustomerId
from router.domain.history import HistoryKind
from router.domain.ticket import TicketId, TicketNow, TicketState
from router.domain.wait import Requirement, Wait


class Directory(Protocol):
    """Finds the people that tickets can move to."""

    async def agent_named(self, name: str) -> Agent | None:
        """Return the agent of that name, unless retired."""

    async def skills_in_team(self, requirement: Requirement) -> bool: ...


class Moves(Directory, Protocol):
    """One transaction on tickets. Writes raise `Conflict` if the ticket has changed since it was read."""

    async def lock_agents(self, agents: Collection[AgentId]) -> None: ...

    async def lock_customer(self, customer_id: CustomerId) -> Customer: ...

    async def ticket(self, ticket_id: TicketId, teams: Teams) -> TicketNow | None: ...

    async def lock_tickets(self, tickets: Collection[TicketId], teams: Teams) -> Mapping[TicketId, TicketNow]: ...

    async def note(self, ticket: TicketNow, by: Actor, text: str) -> int: ...

    async def enqueue(
        self, ticket: TicketNow, wait: Wait, by: Actor, *, kind: HistoryKind = HistoryKind.QUEUE, **why: object
    ) -> None:
        """Make the locked ticket wait, even if somebody holds it. Locks the groups after the ticket."""

    async def end(
        self,
        ticket: TicketNow,
        state: TicketState,
        by: Actor,
        *,
        kind: HistoryKind = HistoryKind.RESOLVE,
        **why: object,
    ) -> None: ...

    async def remember(self, *customers: Customer) -> None:
        """Write the contacts of customers whose rows are locked."""
