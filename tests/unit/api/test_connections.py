"""What a port answers to clients that speak no HTTP, or do not go on speaking."""

import asyncio
import json

import pytest
from aiohttp import web

from channels.schema import EXAMPLE
from router.api import endpoint
from router.api.connections import serving
from router.domain.errors import Misconfigured
from tests.unit.api.doubles import INTEGRATION, bare_app

DEADLINE_S = 10

NO_HTTP = [
    b"GET /v1/" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: frontdesk.example\r\n\r\n",
    b"GET /secret-\xff HTTP/1.1\r\nHost: frontdesk.example\r\n\r\n",
    b"GET /secret HTTP/9.9\r\nHost: frontdesk.example\r\n\r\n",
    b"GE(T /secret HTTP/1.1\r\nHost: frontdesk.example\r\n\r\n",
    b"POST /secret HTTP/1.1\r\nHost: frontdesk.example\r\nContent-Length: ten\r\n\r\n",
    b"GET /secret HTTP/1.1\r\nHost: " + b"a" * 20_000 + b"\r\n\r\n",
]


@pytest.fixture
def app() -> web.Application:
    return bare_app()


@pytest.mark.parametrize("sent", NO_HTTP, ids=lambda sent: sent[:20].decode(errors="replace"))
async def test_what_is_not_http_is_answered_with_a_problem_and_not_logged(
    app: web.Application, sent: bytes, caplog: pytest.LogCaptureFixture
):
    async with serving(app, host="127.0.0.1", port=0) as port:
        head, _, body = (await answer_to(sent, port)).partition(b"\r\n\r\n")
    assert b" 400 " in head.splitlines()[0]
    assert b"Content-Type: application/problem+json" in head
    assert json.loads(body)["detail"].startswith("This is not valid HTTP")
    assert "secret" not in caplog.text


@pytest.mark.parametrize("sent", [b"", b"GET /health/live HTTP/1.1\r\nHost:"])
async def test_who_does_not_finish_a_header_is_not_waited_for(app: web.Application, sent: bytes):
    async with serving(app, host="127.0.0.1", port=0, silent_s=0.05) as port:
        assert await answer_to(sent, port) == b""


async def test_who_does_not_finish_a_body_is_told_so(app: web.Application, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(endpoint, "BODY_WITHIN_S", 0.05)
    body = json.dumps(EXAMPLE).encode()
    head = (
        f"POST /v1/messages HTTP/1.1\r\nHost: frontdesk.example\r\nAuthorization: Bearer {INTEGRATION}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    async with serving(app, host="127.0.0.1", port=0) as port, asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode() + body[:-1])
        assert b" 408 " in await reader.readline()
        writer.close()


async def test_a_body_that_is_not_taken_and_does_not_end_is_refused_all_the_same(
    app: web.Application, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(endpoint, "BODY_WITHIN_S", 0.05)
    head = b"GET /health/live HTTP/1.1\r\nHost: frontdesk.example\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(app, host="127.0.0.1", port=0) as port, asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + b"1\r\n{\r\n")
        assert b" 422 " in await reader.readline()
        writer.close()


async def test_port_that_is_taken_is_named(app: web.Application):
    async with serving(app, host="127.0.0.1", port=0) as port:
        with pytest.raises(Misconfigured, match=str(port)):
            async with serving(bare_app(), host="127.0.0.1", port=port):
                pass


async def answer_to(sent: bytes, port: int) -> bytes:
    """All that comes back until the connection is closed from the other side."""
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        answer = await reader.read()
        writer.close()
        return answer


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GE(T / HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_no_answer_tells_versions(app: web.Application, sent: bytes):
    async with serving(app, host="127.0.0.1", port=0) as port:
        head, _, _ = (await answer_to(sent, port)).partition(b"\r\n\r\n")
    assert [line for line in head.splitlines() if line.startswith(b"Server:")] == [b"Server: frontdesk"]
