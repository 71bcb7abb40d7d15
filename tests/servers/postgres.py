"""A PostgreSQL 15 of the test run's own, on a free loopback port."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

from tests.servers.process import Server, free_port

BINARIES = Path("/usr/lib/postgresql/15/bin")


class PostgresServer(Server):
    """Runs as `postgres` when started by root, who may not run it.

    `durable` keeps fsync on, as a measurement needs it; without it commits do not wait for the disk, and a killed
    *machine* (not a killed server) would lose data.
    """

    def __init__(self, *, durable: bool = False) -> None:
        super().__init__()
        self.durable = durable
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def user(self) -> str | None:
        return "postgres" if os.geteuid() == 0 else None

    def start(self) -> Self:
        if not self.data.exists():
            self._create()
        return super().start()

    def stop(self) -> None:
        self._end(signal.SIGINT)  # fast shutdown: does not wait for clients to leave

    def _signal(self, number: signal.Signals) -> None:
        """To freeze it takes them all: a process for each connection answers by itself."""
        if self.process is not None and number in {signal.SIGSTOP, signal.SIGCONT}:
            for each in psutil.Process(self.process.pid).children():
                with suppress(psutil.NoSuchProcess):
                    each.send_signal(number)
        super()._signal(number)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def command(self) -> list[str]:
        durable = "on" if self.durable else "off"
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "256MB",
            "max_wal_size": "4GB",
            "fsync": durable,
            "synchronous_commit": durable,
            "full_page_writes": durable,
            "timezone": "UTC",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(BINARIES / "postgres"), "-D", str(self.data), *options]

    def answers(self) -> bool:
        probe = [str(BINARIES / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(probe, check=False).returncode == 0

    def _create(self) -> None:
        if user := self.user():
            shutil.chown(self.folder, user, user)
        subprocess.run(
            [BINARIES / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"],
            user=self.user(),
            group=self.user(),
            extra_groups=[] if self.user() else None,
            cwd=self.folder,
            check=True,
            capture_output=True,
        )
