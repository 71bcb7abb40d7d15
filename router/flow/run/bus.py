"""What the flows need from a bus: messages in batches, and confirmed publishing. RabbitMQ and a table both offer it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeVar


class Exchange(StrEnum):
    """The two topic exchanges of the contract."""

    INBOUND = "frontdesk.inbound"
    OUTBOUND = "frontdesk.outbound"


# The queues behind them: panels and alerts need not know which bus it is.
INTAKE_BROKER_QUEUE = "frontdesk.intake"
OUTBOUND_BROKER_QUEUE = "frontdesk.outbound"

UNFETCHED_REPLIES_LAST = timedelta(days=7)
"""Replies that no sender fetches in that time are gone: they hold customers' words."""


class Delivery(NamedTuple):
    """One payload as the bus handed it over. `format` names its parser, `account` our side of the channel."""

    body: bytes
    format: str
    account: str | None = None
    redelivered: bool = False
    trace_id: str | None = None
    published_at: datetime | None = None
    routing_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One payload to hand to the bus; durable once `publish` returns."""

    exchange: Exchange
    routing_key: str
    format: str
    body: bytes
    account: str | None = None
    message_id: str | None = None


# A batch ends at the delivery that brings it to so many bytes: memory and transactions stay bounded.
BATCH_BYTES = 16 * 1024**2

T = TypeVar("T")
Open = Callable[[Delivery], T]
Take = Callable[[Sequence[T]], Awaitable[None]]


def as_it_is(delivery: Delivery) -> Delivery:
    """Open nothing ahead."""
    return delivery


class Consumer(Protocol):
    """Feeds deliveries to one handler, batch after batch, and survives outages by itself."""

    async def run(self, take: Take[Any], open: Open[Any] = as_it_is) -> None:  # noqa: A002 - the word for it
        """Consume until cancelled.

        Each delivery is opened, at the latest when its batch begins, and `take` is given what `open` returned; `open`
        must not raise.

        Hands over what is buffered, about `BATCH_BYTES` at most, as soon as there is a lane for it (zero linger), in
        order of arrival, and acknowledges a batch when `take` has returned for it and all before it. `take` may be
        called for the next batch before it has returned. If it raises, the batch stays with the bus and comes again.
        """

    async def watch(self) -> None:
        """Export how much waits, and take nothing, until cancelled."""

    def problems(self) -> Sequence[str]:
        """One line for each thing that keeps messages from flowing now; empty when healthy."""


class Publisher(Protocol):
    """Hands payloads to the bus."""

    async def publish(self, publication: Publication) -> None:
        """Return once the payload is durable; raise `BusUnavailable` within the deadline otherwise."""

    async def problems(self) -> Sequence[str]:
        """One line for each thing that keeps publications from being accepted now; empty when healthy."""
