"""The only module that uses the pool: every await has a deadline, and every asyncpg error becomes one of ours."""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from router.domain.errors import DataError, Misconfigured, Raced, StoreUnavailable
from router.metrics import Metrics

Connection: TypeAlias = "asyncpg.Connection[Any] | PoolConnectionProxy[Any]"

CONNECT_S = 5.0
ACQUIRE_S = 2.0
STATEMENT_S = 15.0
LEAVE_S = 2.0
"""How long a failed or cancelled transaction may take to end. asyncpg would use the statement's time once more."""
CLOSE_S = 1.0
HEALTH_S = 2.0
STUCK_S = 8.0
"""After this time without an end, a transaction counts as a problem: no lock is waited for so long."""

# the server's timeout is shorter than ours: a statement that is only slow ends with an error, and not its connection
_SERVER_SETTINGS = {
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",  # one plan for all arguments, and no planning per execution
    "timezone": "UTC",  # for times inside JSON
    "enable_seqscan": "off",  # a plan cached while a table was empty must not scan the whole table forever
    "statement_timeout": "12s",
    "lock_timeout": "6s",
    "idle_in_transaction_session_timeout": "30s",
    "client_connection_check_interval": "5s",
    "tcp_user_timeout": "15000",
}

_LOST = (TimeoutError, OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_IS_READ_ONLY = "select current_setting('transaction_read_only') = 'on' as read_only"

# Classes of SQLSTATEs that blame the values: cardinality, data, integrity, check option, program limits, internal.
# All others are about the server, the schema or the moment: the same transaction may succeed later.
_BLAME_VALUES = ("21", "22", "23", "44", "54", "XX")
_RACED = {"23505"}
# classes of what passes while connecting: connection, resources, intervention (such as "the system is starting up")
_MOMENT = ("08", "53", "57")


class Database:
    """A pool of connections with deadlines. It only lets callers run statements in transactions."""

    def __init__(self, pool: "asyncpg.Pool[Any]", metrics: Metrics) -> None:
        self._pool = pool
        self._metrics = metrics
        self._begun: dict[int, float] = {}

    @asynccontextmanager
    async def transaction(
        self, flow: str, *, read_only: bool = False, locks: Sequence[int] = ()
    ) -> AsyncIterator[Connection]:
        """Yield a connection inside one transaction; `flow` labels its time in the metrics.

        `locks` are 64-bit keys of advisory locks. They are taken one after another before anything else, released at
        the end, and cost no extra round trip.

        Raises `StoreUnavailable` if repeating may help, `Raced` if another transaction recorded the same thing, and
        `DataError` if the values are at fault. Disconnects from a server that has become read-only: after a failover
        the address leads to another server.
        """
        async with self._connection(flow) as connection:
            try:
                await connection.execute(_begin(read_only, locks))
                yield connection
            except BaseException as exc:
                await _roll_back(connection, exc)
                raise
            await connection.execute("commit")

    async def fetch(self, flow: str, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Run one statement as its own transaction and return its rows."""
        async with self._connection(flow) as connection:
            return await connection.fetch(sql, *arguments)

    async def execute(self, flow: str, sql: str, *arguments: object) -> None:
        """Run one statement as its own transaction."""
        async with self._connection(flow) as connection:
            await connection.execute(sql, *arguments)

    async def problems(self) -> list[str]:
        """Return one line if the database does not answer or is read-only; empty if it is healthy."""
        try:
            async with self._connection("health") as connection:
                row = await connection.fetchrow(_IS_READ_ONLY, timeout=HEALTH_S)
        except StoreUnavailable as exc:
            return [f"database: {exc}"]
        assert row is not None
        if row["read_only"]:
            await self._pool.expire_connections()
            return ["database: the server is read-only: point FRONTDESK_DATABASE_URL to the primary"]
        return self._stuck()

    def _stuck(self) -> list[str]:
        oldest = max((asyncio.get_running_loop().time() - begun for begun in self._begun.values()), default=0.0)
        return [f"database: a transaction has not ended for {oldest:.0f} s"] if oldest > STUCK_S else []

    @asynccontextmanager
    async def _connection(self, flow: str) -> AsyncIterator[Connection]:
        with translated(), self._metrics.database.labels(flow).time():
            connection = await self._acquired()
            self._begun[id(connection)] = asyncio.get_running_loop().time()
            try:
                yield connection
            except asyncpg.ReadOnlySQLTransactionError:
                await self._pool.expire_connections()
                raise
            except TimeoutError:  # the link may be dead, and then so are the others: nobody shall meet them one by one
                _terminate(connection)
                await self._pool.expire_connections()
                raise
            finally:
                del self._begun[id(connection)]
                await self._release(connection)

    async def _release(self, connection: "PoolConnectionProxy[Any]") -> None:
        with suppress(TimeoutError, OSError, asyncpg.InterfaceError):  # asyncpg has then ended the connection
            await self._pool.release(connection, timeout=LEAVE_S)

    async def _acquired(self) -> "PoolConnectionProxy[Any]":
        try:
            async with asyncio.timeout(ACQUIRE_S):  # asyncpg's own timeout costs a task
                return await self._pool.acquire()
        except TimeoutError as exc:
            doubt = "it does not answer, or all FRONTDESK_DATABASE_CONNECTIONS are busy"
            raise StoreUnavailable(f"no connection to the database within {ACQUIRE_S:g} s: {doubt}") from exc


async def _roll_back(connection: Connection, exc: BaseException) -> None:
    """End the transaction in which `exc` was raised; if that takes too long, end the connection, and so both."""
    if isinstance(exc, _LOST) and not isinstance(exc, ValueError):
        _terminate(connection)
        return
    try:
        async with asyncio.timeout(LEAVE_S):
            await connection.execute("rollback")
    except Exception:  # noqa: BLE001 - the first error counts; whatever this one is, the connection is of no more use
        _terminate(connection)


def _terminate(connection: Connection) -> None:
    with suppress(asyncpg.InterfaceError):  # it has ended already
        connection.terminate()


def _begin(read_only: bool, locks: Sequence[int]) -> str:
    """Return the text of a simple query: only those may have several statements, but they take no arguments."""
    begin = "begin read only" if read_only else "begin"
    if not locks:
        return begin
    keys = ",".join(map(str, locks))
    return f"{begin}; select pg_advisory_xact_lock(unnest('{{{keys}}}'::bigint[]))"


@asynccontextmanager
async def connected(
    dsn: str, metrics: Metrics, *, size: int, name: str, setting: str = "FRONTDESK_DATABASE_URL"
) -> AsyncIterator[Database]:
    """Open a pool of at most `size` connections; raises what `connecting` raises."""
    with connecting(dsn, setting=setting):
        pool = await asyncpg.create_pool(
            dsn,
            init_size=1,
            min_size=0,  # asyncpg would reconnect in the background to keep more, and retry for ever where it cannot
            max_size=size,
            command_timeout=STATEMENT_S,
            timeout=CONNECT_S,
            server_settings={**_SERVER_SETTINGS, "application_name": f"frontdesk {name}"},
            reset=_as_it_is,
        )
    try:
        yield Database(pool, metrics)
    finally:
        await _close(pool)


@contextmanager
def connecting(dsn: str, *, setting: str = "FRONTDESK_DATABASE_URL") -> Iterator[None]:
    """Turn asyncpg's errors while connecting into one of ours, which names the setting and the server.

    `StoreUnavailable` if the server may only be starting, `Misconfigured` if waiting does not help.
    """
    try:
        yield
    except TimeoutError as exc:
        raise StoreUnavailable(f"{setting}: {_without_password(dsn)} did not answer within {CONNECT_S:g} s") from exc
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as exc:
        ours = StoreUnavailable if _may_pass(exc) else Misconfigured
        raise ours(f"{setting}: cannot connect to {_without_password(dsn)}: {_first_line(exc)}") from exc


def _may_pass(exc: Exception) -> bool:
    """Whether the server may only be starting, stopping or full, or its name not be known yet."""
    if isinstance(exc, socket.gaierror):
        return exc.errno == socket.EAI_AGAIN
    if isinstance(exc, (ssl.SSLError, PermissionError, ValueError)):
        return False
    if isinstance(exc, asyncpg.PostgresError):
        return (exc.sqlstate or "")[:2] in _MOMENT
    return True


async def _as_it_is(_: object) -> None:
    """Skip the round trip that resets a connection: transactions here only change local settings."""


async def _close(pool: "asyncpg.Pool[Any]") -> None:
    """End within `CLOSE_S`, whatever the server, the pool and those who still hold connections do."""
    closing = asyncio.ensure_future(pool.close())
    try:
        await asyncio.wait({closing}, timeout=CLOSE_S)
    finally:
        closing.add_done_callback(_ignored)
        closing.cancel()
        pool.terminate()


def _ignored(closing: "asyncio.Future[None]") -> None:
    """Nobody can do anything about a pool that failed to close: the process ends, and with it the connections."""
    if not closing.cancelled():
        closing.exception()


@contextmanager
def translated() -> Iterator[None]:
    """Turn asyncpg's errors into `StoreUnavailable`, `Raced` or `DataError`; messages never contain the SQL text."""
    try:
        yield
    except asyncpg.PostgresError as exc:
        raise _ours(exc) from exc
    except _LOST as exc:
        if isinstance(exc, ValueError):  # asyncpg could not encode an argument
            raise DataError(_first_line(exc)) from exc
        raise StoreUnavailable(f"the database does not answer: {in_words(exc)}") from exc
    except RuntimeError as exc:
        if _CLOSED_BY_UVLOOP not in str(exc):
            raise
        raise StoreUnavailable("the database does not answer: the connection to it was lost") from exc


def in_words(exc: Exception) -> str:
    """What an operator can do something with; asyncpg speaks of the states of its protocol."""
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    if isinstance(exc, (asyncpg.InterfaceError, asyncpg.InternalClientError)):
        return "the connection to it was lost"
    return _first_line(exc)


def _ours(exc: asyncpg.PostgresError) -> Exception:
    state = exc.sqlstate or ""
    if state in _RACED:
        return Raced(f"another transaction recorded it at the same time: {getattr(exc, 'constraint_name', '')}")
    if state.startswith(_BLAME_VALUES):
        return DataError(f"the database refuses it ({state}): {_first_line(exc)}")
    return StoreUnavailable(f"the database cannot do it now ({state}): {_first_line(exc)}")


def _first_line(exc: BaseException) -> str:
    return (str(exc) or type(exc).__name__).splitlines()[0]


_CLOSED_BY_UVLOOP = "the handler is closed"
_PASSWORD = re.compile(r"([?&]\w*password=)[^&]*", re.IGNORECASE)


def _without_password(dsn: str) -> str:
    scheme, _, rest = _PASSWORD.sub(r"\1***", dsn).partition("://")
    credentials, at, server = rest.rpartition("@")
    return f"{scheme}://{credentials.partition(':')[0]}{at}{server}"
