"""The product as its users move tickets. PostgreSQL's clock cannot be moved: what it stores grows older instead."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from channels.message import InboundMessage
from router.domain.actor import Actor
from router.domain.agent import Agent, Role
from router.flow.assign.claims import Claims
from router.flow.assign.offers import Dispatcher, Offers
from router.flow.assign.picking import Picking
from router.flow.assign.presence import Presences
from router.flow.assign.timers import TicketTimers
from router.flow.intake.held import Held
from router.flow.intake.opening import Opener
from router.flow.work.compose import MailIdentity
from router.flow.work.desk import Desk
from router.flow.work.lead import Lead
from router.metrics import Metrics
from router.policy.model import Policy
from router.postgres.assign.claims import PostgresClaims
from router.postgres.assign.offers import PostgresDispatch, PostgresOffers
from router.postgres.assign.picking import PostgresPicking
from router.postgres.assign.presence import PostgresPresence
from router.postgres.assign.timers import PostgresTimers
from router.postgres.database import Database
from router.postgres.intake.held import PostgresHeld
from router.postgres.intake.receive import PostgresIntake
from router.postgres.work.desk import PostgresDesk
from router.postgres.work.lead import PostgresLead
from tests.making.agents import an_agent
from tests.making.intake import MAILROOM, SECRET, a_receiver
from tests.making.passing_time import pass_time
from tests.making.running import running

ADMIN = Actor(role=Role.ADMIN)
TIMES = frozenset(
    {"enqueued_at", "due_at", "relax_at", "reserved_until", "state_until", "resolved_at", "last_customer_at"}
)
FORGET_ALL = """
    truncate agent, customer, skill_group, received, message, payload, ticket_event, outbox, unprocessable, audit
    cascade"""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is stored: rows of tickets and presence by id, new lines of the history, tickets of each message."""

    now: datetime
    tickets: Mapping[int, Mapping[str, Any]]
    presence: Mapping[int, Mapping[str, Any]]
    events: Sequence[Mapping[str, Any]]
    messages: Sequence[tuple[str, int]]


class Product:
    """Everything that moves tickets, put together as the processes of a deployment do it."""

    def __init__(self, database: Database, policy: Policy) -> None:
        self._database = database
        self._elapsed = timedelta(0)
        self._last_event = 0
        metrics = Metrics(CollectorRegistry())

        def current() -> Policy:
            return policy

        mail = MailIdentity(secret=SECRET, domain="mail.acme.example")
        self._receiver = a_receiver(PostgresIntake(database), policy=current, metrics=metrics)
        opener = Opener(MAILROOM.open, SECRET, lambda: policy.triage.languages)
        self.held = Held(store=PostgresHeld(database), opener=opener, policy=current, metrics=metrics)
        self.claims = Claims(PostgresClaims(database), metrics, policy=current)
        self.dispatcher = Dispatcher(store=PostgresDispatch(database), policy=current, metrics=metrics)
        self.offers = Offers(store=PostgresOffers(database), metrics=metrics)
        self.picking = Picking(store=PostgresPicking(database), policy=current, metrics=metrics)
        self.desk = Desk(store=PostgresDesk(database), policy=current, mail=mail, metrics=metrics)
        self.lead = Lead(store=PostgresLead(database), policy=current, metrics=metrics)
        self.presences = Presences(PostgresPresence(database), current, metrics, clock=self._clock)
        self.timers = TicketTimers(store=PostgresTimers(database), policy=current, metrics=metrics)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Begin with nothing stored, and serve whoever asks for a ticket."""
        await self._database.execute("test", FORGET_ALL)
        async with running(self.claims.run()):
            yield

    async def hire(self, name: str, *, teams: Sequence[str], skills: Sequence[str], limit: int) -> Agent:
        """An agent with room for so much, who is there."""
        agent = await an_agent(self._database, name, teams=teams, skills=skills, limit=limit)
        await self.presences.seen(agent.id)
        return agent

    async def receive(self, messages: Sequence[InboundMessage]) -> None:
        await self._receiver.take([MAILROOM.deliver(message) for message in messages])

    async def ask(self, agents: Collection[Agent]) -> list[Any]:
        """What they are given who ask at the same time, or why not; in the same order."""
        asking = (self.claims.next(agent.id, timedelta(0)) for agent in agents)
        return await asyncio.gather(*asking, return_exceptions=True)

    async def pass_time(self, by: timedelta) -> None:
        """Let it be later: everything that has a time is longer ago, or sooner."""
        await pass_time(self._database, by)
        self._elapsed += by

    def stored(self, moment: datetime | None) -> datetime | None:
        """The time as the product has it to be told."""
        return moment and moment - self._elapsed

    async def see_messages(self) -> Mapping[str, int]:
        """The ticket of each message."""
        return dict(await self._pairs("select external_id, ticket_id from received"))

    async def see_holders(self, state: str) -> Mapping[int, int]:
        """Who holds which tickets in this state."""
        return dict(await self._pairs("select id, assigned_to from ticket where state = $1", state))

    async def _pairs(self, sql: str, *arguments: object) -> list[tuple[Any, Any]]:
        return [tuple(row) for row in await self._database.fetch("test", sql, *arguments)]

    async def see(self) -> Seen:
        """Look at everything; lines of the history that were seen before are not seen again."""
        async with self._database.transaction("test", read_only=True) as connection:
            tickets = await connection.fetch("select * from ticket order by id")
            presence = await connection.fetch("select * from presence")
            events = await connection.fetch("select * from ticket_event where id > $1 order by id", self._last_event)
            messages = await connection.fetch("select external_id, ticket_id from message where direction = 'in'")
            now = await connection.fetchval("select clock_timestamp()")
        self._last_event = max((event["id"] for event in events), default=self._last_event)
        return Seen(
            now=now + self._elapsed,
            tickets={row["id"]: self._later(row) for row in tickets},
            presence={row["agent_id"]: {**row, "seen_at": row["seen_at"] + self._elapsed} for row in presence},
            events=[{**event, "data": json.loads(event["data"])} for event in events],
            messages=[tuple(row) for row in messages],
        )

    def _later(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """The row in the time that the clock would show."""
        return {key: value + self._elapsed if value and key in TIMES else value for key, value in row.items()}

    def _clock(self) -> float:
        return time.monotonic() + self._elapsed.total_seconds()
