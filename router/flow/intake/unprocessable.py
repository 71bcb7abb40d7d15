"""Payloads that became no message: what is wrong with them, and how the operator lists and replays them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from channels.message import MessageKey
from router.domain.errors import NotFound
from router.flow.run.bus import Delivery, Exchange, Publication, Publisher


class FlawedMessage(NamedTuple):
    """The key of a message that cannot be processed, and what is wrong with it."""

    key: MessageKey
    detail: str


class Flaw(NamedTuple):
    """Why a payload, or a part of it, can never be processed, and the stage that found out.

    `key` belongs to the first such message, if it could be read; `further` are the others whose keys could be read.
    """

    stage: str
    reason: str
    detail: str
    key: MessageKey | None = None
    further: tuple[FlawedMessage, ...] = ()


class Unprocessable(NamedTuple):
    """A delivery that is kept whole because of a flaw."""

    delivery: Delivery
    flaw: Flaw


def once(flawed: Iterable[Unprocessable]) -> Iterable[Unprocessable]:
    """Return the first for each delivery, stage and reason, so that a delivery is not kept once for each message."""
    first: dict[tuple[object, ...], Unprocessable] = {}
    for each in flawed:
        delivery, flaw = each
        first.setdefault((delivery.format, delivery.account, delivery.body, flaw.stage, flaw.reason), each)
    return first.values()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A payload kept as unprocessable. `size` is in bytes; `replayed_at` is set if it was replayed."""

    id: int
    at: datetime
    stage: str
    reason: str
    detail: str
    format: str
    account: str | None
    size: int
    replayed_at: datetime | None


class UnprocessableStore(Protocol):
    """Where unprocessable payloads are kept."""

    async def newest(self, limit: int, *, before: int | None, pending: bool) -> Sequence[Kept]:
        """Return the newest ones with an id below `before`; with `pending`, only those not replayed yet."""

    async def payload(self, id_: int) -> tuple[Kept, Delivery] | None: ...

    async def replayed(self, id_: int) -> None: ...


async def require(id_: int, store: UnprocessableStore) -> tuple[Kept, Delivery]:
    """Return the payload with that id; raises `NotFound` if there is none."""
    found = await store.payload(id_)
    if found is None:
        raise NotFound(f"There is no unprocessable payload {id_}: `frontdesk unprocessable list` shows them.")
    return found


async def replay(id_: int, store: UnprocessableStore, publisher: Publisher) -> None:
    """Publish the payload as it came; messages in it that were taken in before are recognised as duplicates.

    Raises `NotFound` for an unknown id, and `BusUnavailable`. The payload stays listed until the bus has confirmed it.
    """
    _, delivery = await require(id_, store)
    await publisher.publish(
        Publication(
            exchange=Exchange.INBOUND,
            routing_key=delivery.routing_key or "replay",
            format=delivery.format,
            body=delivery.body,
            account=delivery.account,
            message_id=delivery.trace_id,
        )
    )
    await store.replayed(id_)
