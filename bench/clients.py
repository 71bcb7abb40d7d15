"""`python -m bench.clients`: agents' clients in their own process, which ask for tickets over HTTP.

Reads one line of JSON, `Clients`, and then a line for each burst. Answers each burst with one line: the seconds that
the burst took and that each claim took. Each agent keeps a connection and sends prepared bytes: a library's client
would use half as much time per request as the API, on the same machine.
"""

import asyncio
import re
import sys
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import uvloop
from pydantic import BaseModel

_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n")


class Clients(BaseModel):
    """Where to ask, with which tokens, and how often each asks in a burst."""

    url: str
    secrets: Sequence[str]
    tickets_at_once: int


class Burst(BaseModel):
    """How long a burst and each of its claims took, in seconds."""

    took: float
    latencies: Sequence[float]


class Client:
    """One agent's connection."""

    def __init__(self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes) -> None:
        self._reader, self._writer = streams
        self._request = request

    async def ask(self) -> int:
        """Return the answer's status once the whole answer has arrived."""
        self._writer.write(self._request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        if length := _LENGTH.search(head):
            await self._reader.readexactly(int(length[1]))
        return int(head.split(maxsplit=2)[1])


async def main() -> None:
    clients = Clients.model_validate_json(sys.stdin.readline())
    connected = await asyncio.gather(*(_connect(clients.url, secret) for secret in clients.secrets))
    while await asyncio.to_thread(sys.stdin.readline):
        print((await _burst(connected, clients.tickets_at_once)).model_dump_json(), flush=True)


async def _connect(url: str, secret: str) -> Client:
    host, port, path = (parts := urlsplit(url)).hostname, parts.port, parts.path
    request = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {secret}\r\n\r\n"
    return Client(await asyncio.open_connection(host, port), request.encode())


async def _burst(clients: Sequence[Client], tickets: int) -> Burst:
    started = time.perf_counter()
    latencies = await asyncio.gather(*(_work(client, tickets) for client in clients))
    return Burst(took=time.perf_counter() - started, latencies=[took for mine in latencies for took in mine])


async def _work(client: Client, tickets: int) -> list[float]:
    latencies = []
    for _ in range(tickets):
        asked = time.perf_counter()
        while (status := await client.ask()) == 503:
            pass  # the answer says to ask again; the time counts
        if status != 200:
            break
        latencies.append(time.perf_counter() - asked)
    return latencies


if __name__ == "__main__":
    uvloop.run(main())
