"""`python -m bench.clients`: agents' clients in a process of their own, who ask for tickets over HTTP.

Reads one line of JSON, `Clients`, and then a line for each burst; answers each burst with one line, the seconds that it
took and those that each claim took.
"""

import asyncio
import sys
import time
from collections.abc import Sequence

import aiohttp
import uvloop
from pydantic import BaseModel


class Clients(BaseModel):
    """Where to ask, as whom, and how often each in a burst."""

    url: str
    secrets: Sequence[str]
    tickets_at_once: int


class Burst(BaseModel):
    """How long a burst and its claims took, in seconds."""

    took: float
    latencies: Sequence[float]


async def main() -> None:
    clients = Clients.model_validate_json(sys.stdin.readline())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        while await asyncio.to_thread(sys.stdin.readline):
            print((await _burst(session, clients)).model_dump_json(), flush=True)


async def _burst(session: aiohttp.ClientSession, clients: Clients) -> Burst:
    started = time.perf_counter()
    latencies = await asyncio.gather(*(_work(session, clients, secret) for secret in clients.secrets))
    return Burst(took=time.perf_counter() - started, latencies=[took for mine in latencies for took in mine])


async def _work(session: aiohttp.ClientSession, clients: Clients, secret: str) -> list[float]:
    latencies = []
    for _ in range(clients.tickets_at_once):
        asked = time.perf_counter()
        while (status := await _ask(session, clients.url, secret)) == 503:
            pass  # asking again is what the answer says, and what it costs is measured
        if status != 200:
            break
        latencies.append(time.perf_counter() - asked)
    return latencies


async def _ask(session: aiohttp.ClientSession, url: str, secret: str) -> int:
    async with session.post(url, headers={"Authorization": f"Bearer {secret}"}) as answer:
        await answer.read()
        return answer.status


if __name__ == "__main__":
    uvloop.run(main())
