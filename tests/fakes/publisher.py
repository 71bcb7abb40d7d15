"""Publishers that keep what they are given."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from router.domain.errors import BusUnavailable
from router.flow.run.bus import Publication


@dataclass
class FakePublisher:
    """Implements `flow.run.bus.Publisher`; refuses the bodies in `refused`, and cannot even write those in `odd`."""

    published: list[Publication] = field(default_factory=list)
    refused: set[bytes] = field(default_factory=set)
    odd: set[bytes] = field(default_factory=set)

    async def publish(self, publication: Publication) -> None:
        if publication.body in self.odd:
            raise ValueError
        if publication.body in self.refused:
            raise BusUnavailable
        self.published.append(publication)

    async def problems(self) -> Sequence[str]:
        return ["bus: refuses some bodies"] if self.refused else []


class SlowPublisher(FakePublisher):
    """Confirms nothing until told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.confirm = asyncio.Event()

    async def publish(self, publication: Publication) -> None:
        self.asked.set()
        await self.confirm.wait()
        await super().publish(publication)
