"""Erasing a customer: it ends their open tickets, and these transitions are reported like all others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from router.domain.actor import Actor
from router.domain.customer import CustomerId
from router.domain.history import HistoryKind, HistoryReason
from router.flow.run.transitions import Transitions, Turned
from router.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """How much an erasure removed, and the tickets that it ended."""

    handles: int
    messages: int
    ended: Sequence[Turned]


class ErasureStore(Protocol):
    """Where customers are kept."""

    async def erase(self, by: Actor, customer_id: CustomerId) -> Erased:
        """Remove the customer's words and addresses everywhere; raises `NotFound` for an unknown customer."""


class Erasure:
    """Erases customers."""

    def __init__(self, *, store: ErasureStore, metrics: Metrics) -> None:
        self._store = store
        self._transitions = Transitions(metrics)

    async def erase(self, by: Actor, customer_id: CustomerId) -> Erased:
        """See `ErasureStore.erase`."""
        erased = await self._store.erase(by, customer_id)
        self._transitions.report(HistoryKind.RESOLVE, *erased.ended, by=by, reason=HistoryReason.ERASED)
        return erased
