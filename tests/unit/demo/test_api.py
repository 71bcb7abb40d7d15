"""Which answers of the API mean that somebody was faster; the demonstration survives these and all other refusals."""

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from router.demo.api import Api, Declined, Refusals, Refused


async def refused_with(status: int, refusals: Refusals) -> Refused:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"detail": "No."}, status=status)

    app = web.Application()
    app.router.add_post("/v1/tickets/1/reply", answer)
    async with TestServer(app) as server, ClientSession(server.make_url("/")) as session:
        with pytest.raises(Refused) as caught:
            await Api(session, "token", refusals).post("/v1/tickets/1/reply", {})
    return caught.value


@pytest.mark.parametrize("status", [404, 409])
async def test_a_ticket_that_has_moved_on_is_declined_and_not_counted(status: int):
    refusals = Refusals()
    assert isinstance(await refused_with(status, refusals), Declined)
    assert refusals.count == 0


@pytest.mark.parametrize("status", [400, 401, 403, 422, 500, 503])
async def test_any_other_refusal_is_counted_and_told(status: int):
    refusals = Refusals()
    assert not isinstance(await refused_with(status, refusals), Declined)
    assert (refusals.count, refusals.latest) == (1, f"POST /v1/tickets/1/reply: {status} No.")


async def test_an_api_that_does_not_answer_is_a_refusal():
    refusals = Refusals()
    async with ClientSession("http://127.0.0.1:9") as session:
        with pytest.raises(Refused):
            await Api(session, "token", refusals).get("/v1/queues")
    assert refusals.latest == "GET /v1/queues: ClientConnectorError"
