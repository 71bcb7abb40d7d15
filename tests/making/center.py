"""A contact center that can be furnished: PostgreSQL, or the fakes that stand for it."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Protocol

from router.domain.agent import Agent, Lease, Status
from router.domain.customer import CustomerId
from router.domain.ticket import TicketId, TicketState
from router.flow.assign.offers import OfferStore
from router.flow.work.agents import AgentStore
from router.postgres.assign.offers import PostgresOffers
from router.postgres.database import Database
from router.postgres.work.agents import PostgresAgents
from tests.making.agents import an_agent, declare
from tests.making.builders import a_customer, a_ticket, an_offer
from tests.making.passing_time import pass_time


class Center(Protocol):
    """Stores, and what happens before a test asks them for something."""

    agents: AgentStore
    offers: OfferStore

    async def agent(self, name: str = ..., *, teams: Collection[str] = ..., skills: Collection[str] = ...) -> Agent: ...

    async def declare(self, agent: Agent, status: Status, reason: str | None = ...) -> None: ...

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
    ) -> Lease:
        """A ticket that waits, or that an agent holds, after it waited so long; it is due `TARGET` after that began."""

    async def offer(self, agent: Agent, **ticket: Any) -> Lease:
        """A ticket that has just been offered to the agent, for `OFFER_LASTS`."""

    async def pass_time(self, by: timedelta) -> None: ...

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

    async def agent(
        self, name: str = "Grace", *, teams: Collection[str] = ("frontline",), skills: Collection[str] = ()
    ) -> Agent:
        agent = await an_agent(self._database, name, teams=teams, skills=skills)
        await self._database.execute("test", "delete from audit")
        return agent

    async def declare(self, agent: Agent, status: Status, reason: str | None = None) -> None:
        await declare(self._database, agent.id, status, reason)

    async def customer(self) -> CustomerId:
        return CustomerId(await a_customer(self._database))

    async def ticket(self, *, waited: timedelta = timedelta(0), **given: Any) -> Lease:
        return await a_ticket(self._database, enqueued_at=await self._now() - waited, **given)

    async def offer(self, agent: Agent, *, waited: timedelta = timedelta(0), **given: Any) -> Lease:
        return await an_offer(self._database, agent, enqueued_at=await self._now() - waited, **given)

    async def pass_time(self, by: timedelta) -> None:
        await pass_time(self._database, by)

    async def history(self, ticket_id: TicketId) -> list[tuple[str, str, str, str | None]]:
        lines = await self._database.fetch("test", HISTORY, ticket_id)
        return [tuple(line) for line in lines]

    async def audit(self) -> list[tuple[str, str, str]]:
        lines = await self._database.fetch("test", "select actor, action, subject from audit order by id")
        return [tuple(line) for line in lines]

    async def _now(self) -> datetime:
        [row] = await self._database.fetch("test", "select now()")
        now: datetime = row["now"]
        return now


HISTORY = """
select kind, state, actor, data ->> 'reason'
from ticket_event
where ticket_id = $1
order by id"""
