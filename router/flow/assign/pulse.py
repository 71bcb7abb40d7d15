"""Notices when our own servers were silent: nothing of an agent's may end because nobody could act in time.

Processes of the roles that agents depend on beat every second. While one of these roles is silent, timers end no lease,
offer, wrap-up or reservation (`is_attended` in SQL). The first beat after the silence gives the time back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import structlog

from router.policy.model import Policy

BEAT_EVERY_S = 1.0

log = structlog.get_logger(__name__)


class Attending(StrEnum):
    """The roles that agents depend on: to give a sign of life, and to see what ends."""

    API = "api"
    TIMERS = "timers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A time in which a role, or the database, did not work."""

    since: datetime
    lasted_s: float


class PulseStore(Protocol):
    """Keeps when each role last worked, by the database's clock."""

    async def beat(self, role: Attending, grace: timedelta) -> Silence | None:
        """Record that the role works; return the silence that ends with this beat, whose time was given back.

        Agents who were present when it began have the whole `grace` again. Raises `StoreUnavailable`.
        """


class Pulse:
    """The pulse of a role in one process."""

    def __init__(self, store: PulseStore, role: Attending, policy: Callable[[], Policy]) -> None:
        self._store = store
        self._role = role
        self._policy = policy

    async def beat(self) -> None:
        silence = await self._store.beat(self._role, self._policy().assignment.grace)
        if silence is not None:
            log.warning(
                "servers were silent",
                since=silence.since.isoformat(timespec="seconds"),
                lasted_s=round(silence.lasted_s, 1),
                then="leases, offers, wrap-ups and reservations have their time again",
            )
