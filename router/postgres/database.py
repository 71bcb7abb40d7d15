"""The only module that uses the pool: every await has a deadline, and every asyncpg error becomes one of ours."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from router.domain.errors import DataError, Misconfigured, Raced, StoreUnavailable
from router.metrics import Metrics

Connection: TypeAlias = "asyncpg.Connection[Any] | PoolConnectionProxy[Any]"

CONNECT_S = 5.0
ACQUIRE_S = 2.0
STATEMENT_S = 15.0
# asyncpg may use its command timeout twice (statement, then cancellation), so the server has its own, shorter timeout
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

# Classes of SQLSTATEs that blame the values: cardinality, data, integrity, check option, program limits, internal.
# All others are about the server, the schema or the moment: the same transaction may succeed later.
_BLAME_VALUES = ("21", "22", "23", "44", "54", "XX")
_RACED = {"23505"}


class Database:
    """A pool of connections with deadlines. It only lets callers run statements in transactions."""

    def __init__(self, pool: "asyncpg.Pool[Any]", metrics: Metrics) -> None:
        self._pool = pool
        self._metrics = metrics

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
            except BaseException:
                await connection.execute("rollback")
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
            [row] = await self.fetch("health", "select current_setting('transaction_read_only') = 'on' as read_only")
        except StoreUnavailable as exc:
            return [f"database: {exc}"]
        if row["read_only"]:
            await self._pool.expire_connections()
            return ["database: the server is read-only: point FRONTDESK_DATABASE_URL to the primary"]
        return []

    @asynccontextmanager
    async def _connection(self, flow: str) -> AsyncIterator[Connection]:
        with translated(), self._metrics.database.labels(flow).time():
            connection = await self._acquired()
            try:
                yield connection
            except asyncpg.ReadOnlySQLTransactionError:
                await self._pool.expire_connections()
                raise
            finally:
                await self._pool.release(connection, timeout=STATEMENT_S)

    async def _acquired(self) -> "PoolConnectionProxy[Any]":
        try:
            async with asyncio.timeout(ACQUIRE_S):  # asyncpg's own timeout costs a task
                return await self._pool.acquire()
        except TimeoutError as exc:
            doubt = "it does not answer, or all FRONTDESK_DATABASE_CONNECTIONS are busy"
            raise StoreUnavailable(f"no connection to the database within {ACQUIRE_S:g} s: {doubt}") from exc


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
    """Open a pool of at most `size` connections; raises `Misconfigured` with the setting if no server answers."""
    with connecting(dsn, setting=setting):
        pool = await asyncpg.create_pool(
            dsn,
            min_size=1,
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
    """Turn asyncpg's errors while connecting into `Misconfigured`, which names the setting and the server."""
    try:
        yield
    except TimeoutError as exc:
        raise Misconfigured(f"{setting}: {_without_password(dsn)} did not answer within {CONNECT_S:g} s") from exc
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        raise Misconfigured(f"{setting}: cannot connect to {_without_password(dsn)}: {_first_line(exc)}") from exc


async def _as_it_is(_: object) -> None:
    """Skip the round trip that resets a connection: transactions here only change local settings."""


async def _close(pool: "asyncpg.Pool[Any]") -> None:
    try:
        await asyncio.wait_for(pool.close(), 10)
    except TimeoutError:
        pool.terminate()


@contextmanager
def translated() -> Iterator[None]:
    """Turn asyncpg's errors into `StoreUnavailable`, `Raced` or `DataError`; messages never contain the SQL text."""
    try:
        yield
    except asyncpg.PostgresError as exc:
        raise _ours(exc) from exc
    except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as exc:
        if isinstance(exc, ValueError):  # asyncpg could not encode an argument
            raise DataError(_first_line(exc)) from exc
        raise StoreUnavailable(f"the database does not answer: {_first_line(exc)}") from exc


def _ours(exc: asyncpg.PostgresError) -> Exception:
    state = exc.sqlstate or ""
    if state in _RACED:
        return Raced(f"another transaction recorded it at the same time: {getattr(exc, 'constraint_name', '')}")
    if state.startswith(_BLAME_VALUES):
        return DataError(f"the database refuses it ({state}): {_first_line(exc)}")
    return StoreUnavailable(f"the database cannot do it now ({state}): {_first_line(exc)}")


def _first_line(exc: BaseException) -> str:
    return (str(exc) or type(exc).__name__).splitlines()[0]


_PASSWORD = re.compile(r"([?&]\w*password=)[^&]*", re.IGNORECASE)


def _without_password(dsn: str) -> str:
    scheme, _, rest = _PASSWORD.sub(r"\1***", dsn).partition("://")
    credentials, at, server = rest.rpartition("@")
    return f"{scheme}://{credentials.partition(':')[0]}{at}{server}"
