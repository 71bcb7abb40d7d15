"""A duty: work that only one process of the deployment may do at a time. A store keeps who has it."""

from contextlib import suppress
from typing import Protocol

from router.domain.errors import Unavailable


class Duties(Protocol):
    """Who has each duty, for how long. Raises `Unavailable` if it does not answer."""

    async def take_duty(self, name: str, holder: str, *, seconds: float) -> bool:
        """Give the duty to the holder for so long, or renew it; return false if another has it."""

    async def lay_down_duty(self, name: str, holder: str) -> None:
        """Let another process take the duty at once."""


class Duty:
    """One process's claim to a duty, which lasts for `held_s` seconds after each time it is taken."""

    def __init__(self, duties: Duties, *, name: str, holder: str, held_s: float) -> None:
        """`holder` names this process; no two may have the same."""
        self._duties = duties
        self._name = name
        self._holder = holder
        self.held_s = held_s

    async def take(self) -> bool:
        """Take or renew the duty; return false if another process has it. Raises `Unavailable`."""
        return await self._duties.take_duty(self._name, self._holder, seconds=self.held_s)

    async def lay_down(self) -> None:
        """Let another process take it at once; if the store does not answer, the duty runs out."""
        with suppress(Unavailable):
            await self._duties.lay_down_duty(self._name, self._holder)
