"""Held messages: set aside, because no person seems to have written them, so that no agent sees them. People can look.

A release takes the message in again as a person's. It does not travel over the bus, so nobody outside can ask for it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from channels.message import Channel, MessageKey
from router.domain.actor import Actor
from router.domain.errors import Conflict, NotFound, Refused
from router.domain.ticket import TicketId
from router.flow.intake.changes import Outcome, Received
from router.flow.intake.opening import Arrival, Opener
from router.flow.intake.receive import IntakeTransaction, Wanted, report, wanted_for
from router.flow.intake.take_in import take_in
from router.flow.intake.world import Ids, World
from router.flow.run.bus import Delivery
from router.flow.run.transitions import Transitions
from router.metrics import Metrics, begin_at_zero
from router.policy.model import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldMessage:
    """A message that is held. `reason` says why, `author` is the key of the sender's handle."""

    id: int
    at: datetime
    reason: str
    channel: str
    account: str
    external_id: str
    author: str
    subject: str | None
    text: str

    @property
    def key(self) -> MessageKey:
        return MessageKey(self.channel, self.account, self.external_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """What became of a held message: intake's outcome, and the ticket that it belongs to now."""

    outcome: str
    ticket_id: TicketId


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSearch:
    """A page of held messages: the newest `limit` with an id below `before`, held for this `reason` if it is given."""

    limit: int
    before: int | None = None
    reason: str | None = None


class ReleaseTransaction(IntakeTransaction, Protocol):
    """Intake's transaction, in which a message that was received before can be taken in once more."""

    async def take_back(self, held: HeldMessage, by: Actor) -> None:
        """Forget that it was received, and record who releases it."""


class HeldStore(Protocol):
    """Where held messages are kept."""

    async def newest(self, wanted: HeldSearch) -> Sequence[HeldMessage]: ...

    async def counts(self) -> Mapping[str, int]:
        """Return how many are held, by reason."""

    async def one(self, id_: int) -> HeldMessage | None: ...

    async def payload(self, id_: int) -> Delivery | None:
        """Return the bytes it came with, unless they are no longer kept."""

    async def freed(self, id_: int) -> Freed | None:
        """Return what became of a message that was released before."""

    def transaction(self, wanted: Wanted) -> AbstractAsyncContextManager[ReleaseTransaction]:
        """Begin a transaction with everything in `wanted` locked and loaded."""


class Held:
    """Shows held messages, and releases them."""

    def __init__(self, *, store: HeldStore, opener: Opener, policy: Callable[[], Policy], metrics: Metrics) -> None:
        self._store = store
        self._opener = opener
        self._policy = policy
        self._metrics = metrics
        self._transitions = Transitions(metrics)
        begin_at_zero(metrics.released, Channel)

    async def newest(self, wanted: HeldSearch) -> Sequence[HeldMessage]:
        """Return a page, newest first."""
        return await self._store.newest(wanted)

    async def counts(self) -> Mapping[str, int]:
        """Return how many are held, by reason."""
        return await self._store.counts()

    async def show(self, id_: int) -> HeldMessage:
        """Return one; raises `NotFound` if none with this id is held."""
        found = await self._store.one(id_)
        if found is None:
            raise NotFound(f"There is no held message {id_}: `frontdesk held list` shows them.")
        return found

    async def payload(self, id_: int) -> Delivery:
        """Return the bytes it came with; raises `NotFound`, and `Conflict` if they are no longer kept."""
        await self.show(id_)
        delivery = await self._store.payload(id_)
        if delivery is None:
            raise Conflict(f"The bytes of message {id_} are no longer kept: FRONTDESK_RETENTION_RAW_DAYS is over.")
        return delivery

    async def release(self, by: Actor, id_: int) -> Freed:
        """Take the message in as a person's, and return its ticket. Once more changes nothing and returns the same.

        Raises `NotFound` if it is not held, `Conflict` if its bytes are no longer kept, and `Refused` if its sender is
        blocked.
        """
        if freed := await self._store.freed(id_):
            return freed
        held, delivery = await self.show(id_), await self.payload(id_)
        arrival = await self._arrival(held, delivery)
        async with self._store.transaction(wanted_for([arrival])) as transaction:
            if freed := _since(transaction.found.received, held.key):
                return freed
            await transaction.take_back(held, by)
            world = World(replace(transaction.found, received=()), _SameMessage(transaction.ids, held.id))
            outcome = take_in(arrival, delivery, world, self._policy(), released_by=str(by))
            if outcome is Outcome.BLOCKED:
                raise Refused(f"{held.author} is blocked: unblock the sender first.")
            await transaction.record(world.changes, [])
        report(world.changes, self._transitions, by=by)
        self._metrics.released.labels(held.channel).inc()
        freed = _since(world.changes.received, held.key)
        assert freed  # a person's message always has a ticket
        return freed

    async def _arrival(self, held: HeldMessage, delivery: Delivery) -> Arrival:
        opened = await asyncio.to_thread(self._opener.open, delivery)
        for arrival in opened.arrivals:
            if arrival.message.key == held.key:
                return arrival
        raise Conflict(f"The bytes of message {held.id} can no longer be read.")


class _SameMessage:
    """Ids for a message that has one already."""

    def __init__(self, ids: Ids, message_id: int) -> None:
        self._message_id = message_id
        self.customer = ids.customer
        self.conversation = ids.conversation
        self.ticket = ids.ticket

    def message(self) -> int:
        return self._message_id


def _since(received: Sequence[Received], key: MessageKey) -> Freed | None:
    """Return what became of it if it is no longer held."""
    for each in received:
        if each.key == key and each.outcome is not Outcome.SET_ASIDE and each.ticket_id:
            return Freed(outcome=each.outcome, ticket_id=each.ticket_id)
    return None
