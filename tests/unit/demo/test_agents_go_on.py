"""The demonstration's agents go on whatever they are refused."""

import asyncio
from collections import Counter
from random import Random

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from router.demo import agents
from router.demo.agents import Agent
from router.demo.api import Api, Refusals
from router.policy.parse import parse_policy
from router.settings import default_policy_path

DEADLINE_S = 10
POLICY = parse_policy(default_policy_path().read_text())
OFFER = b'event: offer\ndata: {"id": 7, "lease": "7.1"}\n\n'


async def test_an_agent_goes_on_after_refusals_of_every_request(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(agents, "_TRIES_AGAIN_AFTER_S", 0.01)
    monkeypatch.setattr(agents, "_NOTICES_AFTER_S", 0.01)
    asked: Counter[str] = Counter()
    enough = asyncio.Event()

    async def refuse(request: web.Request) -> web.StreamResponse:
        asked[request.path] += 1
        if asked["/v1/me/next"] > 3 and asked["/v1/me/stream"] > 3 and asked["/v1/tickets/7/accept"] > 0:
            enough.set()
        if request.path == "/v1/me/stream" and asked[request.path] % 2:
            return web.Response(body=OFFER, content_type="text/event-stream")
        return web.json_response({"detail": "No."}, status=[403, 422, 500, 503][asked.total() % 4])

    app, refusals = web.Application(), Refusals()
    app.router.add_route("*", "/{path:.*}", refuse)
    async with TestServer(app) as server, ClientSession(server.make_url("/")) as session:
        at_work = asyncio.create_task(Agent(Api(session, "token", refusals), Random(1), POLICY).work())
        done, _ = await asyncio.wait(
            {at_work, asyncio.create_task(enough.wait())},
            timeout=DEADLINE_S,
            return_when=asyncio.FIRST_COMPLETED,
        )
        assert done, asked
        assert not at_work.done()
        at_work.cancel()
        await asyncio.wait({at_work}, timeout=DEADLINE_S)
    assert refusals.count > 5
    assert refusals.latest.endswith(" No.")
