"""Answers to offers in memory: passes the contract of offer stores."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from router.domain.agent import Lease
from router.domain.history import HistoryKind
from router.domain.ticket import TicketState
from router.flow.assign.claims import Assignment
from router.flow.assign.hold import Hold
from router.flow.assign.offers import Accepted, OfferedTicket
from router.flow.run.transitions import Turned
from tests.fakes.tables import FakeDatabase, Tables, TicketRow, turned


class FakeOffers:
    """Implements `router.flow.assign.offers.OfferStore`."""

    def __init__(self, database: FakeDatabase) -> None:
        self._database = database

    @asynccontextmanager
    async def answering(self, hold: Hold) -> AsyncIterator["FakeAnswering"]:
        async with self._database.transaction():
            yield FakeAnswering(self._database, hold)


class FakeAnswering:
    """Implements `router.flow.assign.offers.Answering`."""

    def __init__(self, database: FakeDatabase, hold: Hold) -> None:
        self._database = database
        self._hold = hold

    async def ticket(self) -> OfferedTicket | None:
        row = self._row()
        self._database.wait_for_lock()
        return row and OfferedTicket(
            state=row.state,
            assigned_to=row.assigned_to,
            epoch=row.epoch,
            has_expired=row.state_until is not None and row.state_until <= self._tables.now,
        )

    async def accept(self) -> Accepted | None:
        row, now = self._offer(), self._tables.now
        if row is None:
            return None
        assert row.assigned_at
        accepted = replace(
            row,
            state=TicketState.ASSIGNED,
            assigned_at=now,
            state_until=None,
            epoch=row.epoch + 1,
            is_seen=True,
        )
        self._tables.tell(accepted, HistoryKind.ACCEPT, self._hold.actor)
        assignment = Assignment(
            agent_id=self._hold.agent.id,
            lease=Lease(row.id, accepted.epoch),
            queue=row.requirement.queue,
            channel=row.requirement.channel,
            waited_s=(now - row.wait.enqueued_at).total_seconds(),
            met_target=now <= row.wait.due_at,
        )
        return Accepted(assignment=assignment, after_s=(now - row.assigned_at).total_seconds())

    async def decline(self) -> Turned | None:
        row = self._offer()
        if row is None:
            return None
        self._tables.declined[row.id, self._hold.agent.id] = row.wait.enqueued_at
        self._tables.tell(row.waits_again(), HistoryKind.DECLINE, self._hold.actor)
        return turned(row)

    @property
    def _tables(self) -> Tables:
        return self._database.tables

    def _row(self) -> TicketRow | None:
        row = self._tables.tickets.get(self._hold.lease.ticket_id)
        return row if row and row.team in self._hold.agent.teams else None

    def _offer(self) -> TicketRow | None:
        """The ticket, if it is still offered under the lease."""
        row = self._row()
        if row is None or row.state is not TicketState.OFFERED or row.state_until is None:
            return None
        is_held = (row.assigned_to, row.epoch) == (self._hold.agent.id, self._hold.lease.epoch)
        return row if is_held and row.state_until > self._tables.now else None
