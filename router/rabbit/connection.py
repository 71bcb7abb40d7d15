"""Connects to RabbitMQ and owns every deadline: this package awaits the broker only inside `within`.

It uses aiormq, the protocol layer of aio-pika, and not aio-pika's robust objects: after an outage, one loop here starts
again from nothing.
"""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import NoReturn
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import structlog
from aiormq import Channel, Connection
from aiormq.abc import AbstractConnection
from aiormq.exceptions import (
    AuthenticationError,
    IncompatibleProtocolError,
    InvalidFrameError,
    ProbableAuthenticationError,
)

from router.domain.errors import BusUnavailable, Misconfigured, Unavailable
from router.rabbit import tolerance

CONNECT_S = 10.0
ANSWER_S = 10.0
CLOSE_S = 3.0
HEARTBEAT_S = 10
PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0

log = structlog.get_logger(__name__)
tolerance.apply()


class BrokerRefuses(BusUnavailable):
    """The broker is there, and refuses us: the URL is wrong."""


Use = Callable[[AbstractConnection], Awaitable[None]]


@asynccontextmanager
async def within(
    seconds: float, doing: str, *, mistakes: tuple[type[Exception], ...] = ()
) -> AsyncIterator[asyncio.Timeout]:
    """Set a deadline for the block, and turn every failure of broker or network into `BusUnavailable`.

    Yields the deadline, which may be moved. `mistakes` are our own, and are raised as they are.
    """
    try:
        async with asyncio.timeout(seconds) as deadline:
            yield deadline
    except asyncio.CancelledError as exc:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # when a connection is lost, aiormq cancels the tasks that wait on it, though nobody here asked for that
        raise BusUnavailable(f"{doing}: the connection was lost") from exc
    except TimeoutError as exc:
        raise BusUnavailable(f"{doing}: no answer within {seconds:g} s") from exc
    except mistakes:
        raise
    except Exception as exc:  # aiormq rejects with its own errors, RuntimeError, OSError and bare Exception
        raise BusUnavailable(f"{doing}: {_words(exc)}") from exc


@asynccontextmanager
async def connected(url: str, name: str) -> AsyncIterator[AbstractConnection]:
    """Yield a connection that the broker lists under `name`, and always close it."""
    connection = Connection(_with_options(url, heartbeat=HEARTBEAT_S, name=f"frontdesk {name}"))
    async with within(CONNECT_S, f"connecting to {address(url)}", mistakes=(BrokerRefuses,)):
        await _connect(connection, url)
    try:
        yield connection
    finally:
        await _close(connection)


async def _connect(connection: Connection, url: str) -> None:
    try:
        await connection.connect()
    except InvalidFrameError as exc:
        if "OpenOk" not in str(exc):
            raise
        # the broker closed instead of opening the virtual host, and aiormq hides its reason
        raise BrokerRefuses(f"virtual host '{connection.vhost}' does not exist, or the user may not use it") from exc
    except (AuthenticationError, ProbableAuthenticationError, IncompatibleProtocolError) as exc:
        raise BrokerRefuses(f"{address(url)} refuses the user or the password") from exc
    except OSError as exc:
        if socket.EAI_NONAME not in exc.args and getattr(exc.__cause__, "errno", None) != socket.EAI_NONAME:
            raise
        raise BrokerRefuses(f"connecting to {address(url)}: nobody knows this name") from exc


async def open_channel(connection: AbstractConnection) -> Channel:
    """Open an AMQP channel with publisher confirms, on which an unroutable message is an error."""
    async with within(ANSWER_S, "opening a channel"):
        amqp_channel = await connection.channel(publisher_confirms=True, on_return_raises=True, frame_buffer_size=1000)
    assert isinstance(amqp_channel, Channel)  # whose type says more than the interface
    return amqp_channel


async def until_lost(*closings: "asyncio.Future[object]") -> NoReturn:
    """Wait until the first of the futures is done, then raise `BusUnavailable` with its reason."""
    done, _ = await asyncio.wait(closings, return_when=asyncio.FIRST_COMPLETED)
    first = done.pop()
    reason = None if first.cancelled() else first.exception() or first.result()
    raise BusUnavailable(f"the connection was lost: {_words(reason) if reason else 'closed'}")


def _words(reason: object) -> str:
    return str(reason) or type(reason).__name__


async def check(url: str, *, setting: str = "FRONTDESK_AMQP_URL") -> None:
    """Connect once, or raise an error that names the setting and the broker.

    `BusUnavailable` if the broker may only be starting, `Misconfigured` if waiting does not help.
    """
    try:
        async with connected(url, "check"):
            pass
    except (BrokerRefuses, ValueError, KeyError) as exc:
        raise Misconfigured(f"{setting}: {exc}") from exc
    except BusUnavailable as exc:
        raise BusUnavailable(f"{setting}: {exc}") from exc


def address(url: str) -> str:
    """Host, port and virtual host of a broker, for people."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 5672}{parts.path if parts.path != '/' else ''}"


class Link:
    """Keeps a connection in use. Whatever ends it, it starts again from nothing after a pause with jitter."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._failures = 0
        self._down_since: datetime | None = datetime.now(UTC)
        self._reason = "not yet tried"

    async def keep(self, use: Use) -> NoReturn:
        """Connect and use the connection until cancelled; `use` raises `Unavailable` when it needs a new one."""
        while True:
            try:
                async with connected(self._url, self._name) as connection:
                    await use(connection)
            except* Unavailable as failures:
                self._failed(failures.exceptions[0])
            except* Exception as faults:
                log.exception("broker connection failed", link=self._name)
                self._failed(faults.exceptions[0])
            await asyncio.sleep(self._pause())

    def works(self) -> None:
        """Record that the connection is ready for its use."""
        log.info("broker connected", link=self._name, broker=address(self._url))
        self._failures = 0
        self._down_since = None

    def problems(self) -> list[str]:
        if self._down_since is None:
            return []
        since = self._down_since.isoformat(timespec="seconds")
        return [f"broker: {self._name} not connected to {address(self._url)} since {since}: {self._reason}"]

    def _failed(self, failure: BaseException) -> None:
        self._failures += 1
        self._reason = _words(failure)
        self._down_since = self._down_since or datetime.now(UTC)
        log.warning("broker lost", link=self._name, broker=address(self._url), reason=self._reason)

    def _pause(self) -> float:
        longest = min(LONGEST_PAUSE_S, PAUSE_S * 2.0 ** min(self._failures, 10))
        return longest * random.uniform(0.5, 1)  # noqa: S311 - jitter, so that workers do not come back in step


def is_blocked(connection: AbstractConnection) -> bool:
    """Whether the broker has stopped reading what we publish, as it does on a memory or disk alarm."""
    ready = connection.ready()  # the only public sign: a coroutine that ends at once unless blocked
    try:
        ready.send(None)
    except StopIteration:
        return False
    ready.close()
    return True


async def _close(connection: AbstractConnection) -> None:
    """Close within the deadline, because an orderly close would wait for a frozen broker."""
    closing = asyncio.ensure_future(connection.close())
    await asyncio.wait({closing}, timeout=CLOSE_S)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)


def _with_options(url: str, **options: object) -> str:
    parts = urlsplit(url)
    query = {name: str(value) for name, value in options.items()} | dict(parse_qsl(parts.query))
    return urlunsplit(parts._replace(query=urlencode(query)))
