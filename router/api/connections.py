"""Serves an application on a port. Input that is not HTTP gets a problem document; silent connections are closed."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from aiohttp import hdrs, web

from router.api.endpoint import refusal
from router.api.errors import Problem
from router.domain.errors import Misconfigured

SHUTDOWN_S = 5.0
SILENT_S = 75.0
"""How long a connection may stay open without a complete request header. Proxies close theirs sooner."""

NAME = "frontdesk"
"""What every answer says of its server. aiohttp would add the versions of Python and its own."""

_BACKLOG = 128
# by itself, aiohttp logs the bytes of input that is not HTTP; `server` logs our own faults
_SILENT = logging.getLogger(f"{__name__}.silent")
_SILENT.disabled = True


@asynccontextmanager
async def serving(app: web.Application, *, host: str, port: int, silent_s: float = SILENT_S) -> AsyncIterator[int]:
    """Serve until the context ends, and yield the port. Port 0 takes any free one; `Misconfigured` if it is taken.

    At the end, waits for a ticket and streams end at once; requests still being answered have five seconds.
    """
    runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_S, handler_cancellation=True)
    await runner.setup()
    try:
        async with _listening(runner, host, port, silent_s) as listening:
            yield listening.sockets[0].getsockname()[1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _listening(runner: web.AppRunner, host: str, port: int, silent_s: float) -> AsyncIterator[asyncio.Server]:
    loop = asyncio.get_running_loop()
    assert runner.server, "it is set up"
    connection = partial(
        _Connection, runner.server, loop=loop, keepalive_timeout=silent_s, logger=_SILENT, access_log=_SILENT
    )
    try:
        listening = await loop.create_server(connection, host, port, backlog=_BACKLOG)
    except OSError as exc:
        where = f"FRONTDESK_HTTP_HOST, FRONTDESK_HTTP_PORT: cannot listen on {host}:{port}"
        raise Misconfigured(f"{where}: {exc.strerror or exc}") from exc
    try:
        yield listening
    finally:
        listening.close()


class _Connection(web.RequestHandler):
    """One connection. Requests that reach no endpoint get a problem document like all others."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        super().handle_error(request, status, exc, message)
        answer = refusal(_NOT_HTTP)
        answer.force_close()
        answer.headers[hdrs.SERVER] = NAME
        return answer


_NOT_HTTP = Problem(
    400, "Bad request", "This is not valid HTTP: the request line or a header is malformed or longer than 8 KiB."
)
