"""A client of the stream: reads Server-Sent Events one by one (WHATWG HTML, 9.2.6)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse, ClientSession
from aiohttp.test_utils import TestClient

STREAM = "/v1/me/stream"
DEADLINE_S = 10


@dataclass(frozen=True)
class Told:
    """One event as it came; the default is the end of the stream."""

    version: int | None = None
    kind: str | None = None
    data: Any = None


ENDED = Told()


class Listener:
    """An open stream."""

    def __init__(self, answer: ClientResponse) -> None:
        self.answer = answer

    async def told(self) -> Told:
        """The next event, or `ENDED`."""
        fields: dict[str, str] = {}
        async for line in self._lines():
            if not line and fields:
                return Told(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
        return ENDED

    async def comment(self) -> str:
        """The next comment."""
        async for line in self._lines():
            if line.startswith(":"):
                return line.removeprefix(":").strip()
        raise AssertionError("the stream has ended")

    async def _lines(self) -> AsyncIterator[str]:
        async with asyncio.timeout(DEADLINE_S):
            while line := await self.answer.content.readline():
                yield line.decode().rstrip("\r\n")


@asynccontextmanager
async def listening(
    client: "ClientSession | TestClient[Any, Any]", secret: str, path: str = STREAM
) -> AsyncIterator[Listener]:
    """Open a stream and close it at the end."""
    async with client.get(path, headers={"Authorization": f"Bearer {secret}"}) as answer:
        yield Listener(answer)
