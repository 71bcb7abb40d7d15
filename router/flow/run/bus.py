"""What the flows need from a bus: deliveries in batches, confirmed publishing. RabbitMQ and a table both offer it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeVar


class Exchange(StrEnum):
    """The two topic exchanges of the contract."""

    INBOUND = "frontdesk.inbound"
    OUTBOUND = "frontdesk.outbound"


# The queues behind them. Every bus uses these names, so panels and alerts need not know which bus it is.
INTAKE_BROKER_QUEUE = "frontdesk.intake"
OUTBOUND_BROKER_QUEUE = "frontdesk.outbound"

UNFETCHED_REPLIES_LAST = timedelta(days=7)
"""Replies that no sender fetches within this time are gone: they hold customers' words."""


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


# A batch ends with the delivery that brings it to this many bytes, so memory and transactions stay bounded.
BATCH_BYTES = 16 * 1024**2

T = TypeVar("T")
Open = Callable[[Delivery], T]
Take = Callable[[Sequence[T]], Awaitable[None]]


def as_it_is(delivery: Delivery) -> Delivery:
    """Return the delivery unopened."""
    return delivery


class Consumer(Protocol):
    """Feeds deliveries to one handler, batch after batch, and survives outages by itself."""

    async def run(self, take: Take[Any], open: Open[Any] = as_it_is) -> None:  # noqa: A002 - the word for it
        """Consume until cancelled.

        Each delivery is opened before its batch begins, or as it begins. `take` gets what `open` returned; `open` must
        not raise.

        What is buffered, about `BATCH_BYTES` at most, is handed over in order of arrival once a lane is free (zero
        linger). A batch is acknowledged when `take` has returned for it and for all before it. `take` may be called for
        the next batch before it has returned. If it raises, the batch stays with the bus and comes again.
        """

    async def watch(self) -> None:
        """Export how much waits until cancelled, without taking any of it."""

    def problems(self) -> Sequence[str]:
        """Return one line for each thing that keeps messages from flowing now; empty when healthy."""


class Publisher(Protocol):
    """Hands payloads to the bus."""

    async def publish(self, publication: Publication) -> None:
        """Return once the payload is durable; otherwise raise `BusUnavailable` within the deadline."""

    async def problems(self) -> Sequence[str]:
        """Return one line for each thing that keeps publications from being accepted now; empty when healthy."""
