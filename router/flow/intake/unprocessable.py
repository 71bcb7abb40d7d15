"""Payloads that became no message: what is wrong with them, and how the operator lists them and sends them again."""

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

    `key` is that of the first such message, if it could be read; `further` are the others whose keys could be read.
    """

    stage: str
    reason: str
    detail: str
    key: MessageKey | None = None
    further: tuple[FlawedMessage, ...] = ()


class Unprocessable(NamedTuple):
    """A delivery that is kept whole, because of a flaw."""

    delivery: Delivery
    flaw: Flaw


def once(flawed: Iterable[Unprocessable]) -> Iterable[Unprocessable]:
    """The first of each delivery and reason: a delivery of many messages is not kept once for each of them."""
    first: dict[tuple[object, ...], Unprocessable] = {}
    for each in flawed:
        delivery, flaw = each
        first.setdefault((delivery.format, delivery.account, delivery.body, flaw.stage, flaw.reason), each)
    return first.values()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A payload kept as unprocessable: `size` in bytes, `replayed_at` if it was sent through again."""

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
    """Where such payloads are kept."""

    async def newest(self, limit: int, *, before: int | None, pending: bool) -> Sequence[Kept]:
        """The newest ones with an id below `before`; with `pending` only those not replayed yet."""

    async def payload(self, id_: int) -> tuple[Kept, Delivery] | None: ...

    async def replayed(self, id_: int) -> None: ...


async def require(id_: int, store: UnprocessableStore) -> tuple[Kept, Delivery]:
    """The payload of that id; raises `NotFound` if there is none."""
    found = await store.payload(id_)
    if found is None:
        raise NotFound(f"There is no unprocessable payload {id_}: `frontdesk unprocessable list` shows them.")
    return found


async def replay(id_: int, store: UnprocessableStore, publisher: Publisher) -> None:
    """Publish the payload as it came; what of it was taken in before is recognised as a duplicate.

    Raises `NotFound` for an unknown id and `BusUnavailable`; it stays listed until the bus has confirmed.
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
