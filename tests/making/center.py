"""A contact center that can be furnished: PostgreSQL, or the fakes that stand for it."""

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Protocol

from router.domain.agent import Agent, Lease, Status
from router.domain.customer import Customer, CustomerId
from router.domain.ticket import TicketId, TicketState
from router.domain.triage import Complexity
from router.flow.assign.offers import OfferStore
from router.flow.assign.picking import PickingStore
from router.flow.work.agents import AgentStore
from router.flow.work.desk import DeskStore
from router.flow.work.lead import LeadStore
from router.postgres.assign.offers import PostgresOffers
from router.postgres.assign.picking import PostgresPicking
from router.postgres.database import Database
from router.postgres.work.agents import PostgresAgents
from router.postgres.work.desk import PostgresDesk
from router.postgres.work.lead import PostgresLead
from tests.making.agents import an_agent, declare
from tests.making.builders import a_conversation, a_customer, a_message, a_ticket, an_offer
from tests.making.passing_time import pass_time


class Center(Protocol):
    """Stores, and what happens before a test asks them for something."""

    agents: AgentStore
    offers: OfferStore
    desk: DeskStore
    lead: LeadStore
    picking: PickingStore

    async def agent(self, name: str = ..., *, teams: Collection[str] = ..., skills: Collection[str] = ...) -> Agent: ...

    async def declare(self, agent: Agent, status: Status, reason: str | None = ...) -> None: ...

    async def drain(self, agent: Agent) -> None: ...

    async def customer(self) -> CustomerId: ...

    async def ticket(
        self,
        *,
        held_by: Agent | None = ...,
        state: TicketState | None = ...,
        customer_id: CustomerId | None = ...,
        queue: str = ...,
        team: str = ...,
        skills: tuple[str, ...] = ...,
        channel: str = ...,
        waited: timedelta = ...,
        complexity: Complexity = ...,
    ) -> Lease:
        """A ticket that waits, or that an agent holds, after it waited so long; it is due `TARGET` after that began."""

    async def offer(self, agent: Agent, **ticket: Any) -> Lease:
        """A ticket that has just been offered to the agent, for `OFFER_LASTS`."""

    async def reserve(self, ticket_id: TicketId, agent: Agent) -> None: ...

    async def conversation(self, lease: Lease, *, channel: str = ...) -> int: ...

    async def message(self, conversation_id: int, text: str, *, external_id: str | None = ...) -> int:
        """The customer writes this, just now."""

    async def pass_time(self, by: timedelta) -> None: ...

    async def messages(self, ticket_id: TicketId) -> list[tuple[str, str]]:
        """Direction and text of all that was written in the ticket, oldest first."""

    async def outbox(self) -> list[str]:
        """The texts that are on their way, oldest first."""

    async def digest(self, customer_id: CustomerId) -> Customer: ...

    async def history(self, ticket_id: TicketId) -> list[tuple[str, str, str, str | None]]:
        """Kind, state, actor and reason of each line of the ticket's history."""

    async def audit(self) -> list[tuple[str, str, str]]:
        """Actor, action and subject of each change to anything but tickets."""


class PostgresCenter:
    """PostgreSQL, furnished."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.agents: AgentStore = PostgresAgents(database)
        self.offers: OfferStore = PostgresOffers(database)
        self.desk: DeskStore = PostgresDesk(database)
        self.lead: LeadStore = PostgresLead(database)
        self.picking: PickingStore = PostgresPicking(database)

    async def agent(
        self, name: str = "Grace", *, teams: Collection[str] = ("frontline",), skills: Collection[str] = ()
    ) -> Agent:
        agent = await an_agent(self._database, name, teams=teams, skills=skills)
        await self._database.execute("test", "delete from audit")
        return agent

    async def declare(self, agent: Agent, status: Status, reason: str | None = None) -> None:
        await declare(self._database, agent.id, status, reason)

    async def drain(self, agent: Agent) -> None:
        await self._database.execute("test", "update agent set is_draining = true where id = $1", agent.id)

    async def customer(self) -> CustomerId:
        return CustomerId(await a_customer(self._database))

    async def ticket(self, *, waited: timedelta = timedelta(0), **given: Any) -> Lease:
        return await a_ticket(self._database, enqueued_at=await self._now() - waited, **given)

    async def offer(self, agent: Agent, *, waited: timedelta = timedelta(0), **given: Any) -> Lease:
        return await an_offer(self._database, agent, enqueued_at=await self._now() - waited, **given)

    async def reserve(self, ticket_id: TicketId, agent: Agent) -> None:
        await self._database.execute("test", RESERVE, ticket_id, agent.id)

    async def conversation(self, lease: Lease, *, channel: str = "email") -> int:
        return await a_conversation(self._database, lease, channel=channel)

    async def message(self, conversation_id: int, text: str, *, external_id: str | None = None) -> int:
        sent_at = await self._now()
        return await a_message(self._database, conversation_id, text, external_id=external_id, sent_at=sent_at)

    async def pass_time(self, by: timedelta) -> None:
        await pass_time(self._database, by)

    async def history(self, ticket_id: TicketId) -> list[tuple[str, str, str, str | None]]:
        lines = await self._database.fetch("test", HISTORY, ticket_id)
        return [tuple(line) for line in lines]

    async def messages(self, ticket_id: TicketId) -> list[tuple[str, str]]:
        return [tuple(message) for message in await self._database.fetch("test", MESSAGES, ticket_id)]

    async def outbox(self) -> list[str]:
        rows = await self._database.fetch("test", "select body from outbox order by id")
        return [json.loads(row["body"])["text"] for row in rows]

    async def digest(self, customer_id: CustomerId) -> Customer:
        async with self.lead.work() as work:
            return await work.lock_customer(customer_id)

    async def audit(self) -> list[tuple[str, str, str]]:
        lines = await self._database.fetch("test", "select actor, action, subject from audit order by id")
        return [tuple(line) for line in lines]

    async def _now(self) -> datetime:
        [row] = await self._database.fetch("test", "select now()")
        now: datetime = row["now"]
        return now


RESERVE = "update ticket set reserved_for = $2, reserved_until = now() + interval '1 hour' where id = $1"
MESSAGES = "select direction, text from message where ticket_id = $1 order by received_at, id"
HISTORY = """
select kind, state, actor, data ->> 'reason'
from ticket_event
where ticket_id = $1
order by id"""
