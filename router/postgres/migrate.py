"""Applies `migrations/*.sql` (dbmate's file format) in order, once each, under one advisory lock. Forward only."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from router.domain.errors import Misconfigured
from router.postgres.agent_access import lacking, provide
from router.postgres.database import CONNECT_S, Connection, Database, connecting, translated

_LOCK = 0x46524F4E54  # "FRONT": one migrator at a time for each database
_ASK_EVERY_S = 0.2
_UP = re.compile(r"^-- migrate:up(?P<options>[^\n]*)\n(?P<body>.*?)(?=^-- migrate:down|\Z)", re.DOTALL | re.MULTILINE)
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One migration file; the version is the number at the start of its name."""

    version: str
    name: str
    sql: str
    in_transaction: bool


def migrations_folder() -> Path:
    """Return the folder beside the sources, or the copy in an installed package."""
    beside = _ROOT / "migrations"
    return beside if beside.is_dir() else _ROOT / "router" / "shipped" / "migrations"


def read_migrations(folder: Path) -> list[Migration]:
    """Read a folder's migrations in order; raises `Misconfigured` for a file without a `-- migrate:up` section."""
    return [_read(path) for path in sorted(folder.glob("*.sql"))]


def _read(path: Path) -> Migration:
    section = _UP.search(path.read_text())
    if section is None:
        raise Misconfigured(f"{path.name} has no line '-- migrate:up'")
    return Migration(
        version=path.name.partition("_")[0],
        name=path.stem,
        sql=section["body"],
        in_transaction="transaction:false" not in section["options"],
    )


async def migrate(dsn: str, folder: Path | None = None) -> list[str]:
    """Apply the missing migrations and return their names; safe to run from many processes.

    In a database that was restored into another server, it also makes what is missing of `agent_access`.

    Raises `Misconfigured` if no server answers, and `StoreUnavailable` or `DataError` if a migration fails.
    """
    with connecting(dsn):
        connection = await asyncpg.connect(dsn, timeout=CONNECT_S)
    try:
        with translated():
            await _lock(connection)
            known = read_migrations(folder or migrations_folder())
            return [*await _apply_missing(connection, known), *await _provide_missing(connection, known)]
    finally:
        await connection.close()


async def _lock(connection: asyncpg.Connection) -> None:
    """Ask repeatedly: `create index concurrently` waits for all statements, even for one that waits for this lock."""
    while not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(_ASK_EVERY_S)


async def pending(connection: Connection, folder: Path | None = None) -> list[str]:
    """Return the names of the migrations that the database does not have yet."""
    if await connection.fetchval("select to_regclass('schema_migrations')") is None:
        applied = set[str]()
    else:
        applied = {row["version"] for row in await connection.fetch("select version from schema_migrations")}
    return [m.name for m in read_migrations(folder or migrations_folder()) if m.version not in applied]


async def _apply_missing(connection: asyncpg.Connection, migrations: list[Migration]) -> list[str]:
    await connection.execute("create table if not exists schema_migrations (version varchar(128) primary key)")
    applied = {row["version"] for row in await connection.fetch("select version from schema_migrations")}
    missing = [migration for migration in migrations if migration.version not in applied]
    for migration in missing:
        await _apply(connection, migration)
    return [migration.name for migration in missing]


async def _provide_missing(connection: asyncpg.Connection, migrations: list[Migration]) -> list[str]:
    """Make what a dump does not carry, if this database was restored from one, and return what that was."""
    texts = [migration.sql for migration in migrations]
    missing = await lacking(connection, texts)
    if missing:
        async with connection.transaction():
            await provide(connection, texts)
    return missing


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    record = "insert into schema_migrations (version) values ($1)"
    if not migration.in_transaction:
        await connection.execute(migration.sql)
        await connection.execute(record, migration.version)
        return
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(record, migration.version)


async def require_current(database: Database) -> None:
    """Raise `Misconfigured` if the database lacks migrations that this program needs."""
    async with database.transaction("migrate", read_only=True) as connection:
        missing = await pending(connection)
        lost = [] if missing else await lacking(connection, [each.sql for each in read_migrations(migrations_folder())])
    if lost:
        raise Misconfigured(f"the database lacks {', '.join(lost)}, as after a restore: run `frontdesk migrate` first")
    if missing:
        raise Misconfigured(f"the database lacks the migrations {', '.join(missing)}: run `frontdesk migrate` first")
