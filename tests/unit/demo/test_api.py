"""Which answers of the API mean that somebody was faster, and which that something is broken."""

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from router.demo.api import Api, Declined
from router.domain.errors import FrontdeskError


async def refused_with(status: int) -> Exception:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"detail": "No."}, status=status)

    app = web.Application()
    app.router.add_post("/v1/tickets/1/reply", answer)
    async with TestServer(app) as server, ClientSession(server.make_url("/")) as session:
        with pytest.raises((Declined, FrontdeskError)) as caught:
            await Api(session, "token").post("/v1/tickets/1/reply", {})
    return caught.value


@pytest.mark.parametrize("status", [404, 409])
async def test_a_ticket_that_has_moved_on_is_declined(status: int):
    assert isinstance(await refused_with(status), Declined)


@pytest.mark.parametrize("status", [400, 403, 422, 500, 503])
async def test_any_other_refusal_ends_the_demonstration(status: int):
    error = await refused_with(status)
    assert isinstance(error, FrontdeskError)
    assert str(error) == f"POST /v1/tickets/1/reply: {status} {{'detail': 'No.'}}"
