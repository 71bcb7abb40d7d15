"""A server process that tests start, pause, kill and restart. Each kind has its own command, settings and readiness."""

import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self


class Server(ABC):
    """One process with a data folder of its own; the folder lives until `remove`, the process from `start` to `stop`.

    All methods block. Call them through `asyncio.to_thread` where an event loop must go on.
    """

    starts_within_s = 90.0
    stops_within_s = 30.0

    def __init__(self) -> None:
        # Not under $TMPDIR, which may lie in a home directory that the server's own user cannot enter.
        self.folder = Path(tempfile.mkdtemp(prefix=f"frontdesk-{type(self).__name__.lower()}-", dir="/tmp"))
        self.process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where to connect as administrator."""

    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server accepts connections now."""

    def environment(self) -> Mapping[str, str] | None:
        return None

    def user(self) -> str | None:
        """The account to run as, or None for one's own."""
        return None

    def start(self) -> Self:
        """Return once the server accepts connections; raise `RuntimeError` with the end of its log if it does not."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                env=self.environment(),
                user=self.user(),
                group=self.user(),
                extra_groups=[] if self.user() else None,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for us; we stop the server in order
            )
        wait_until(lambda: self.answers() or self.ended, within_s=self.starts_within_s)
        if self.ended or not self.answers():
            raise RuntimeError(f"{self.command()[0]} did not start:\n{self.log.read_text()[-2000:]}")
        return self

    @property
    def log(self) -> Path:
        return self.folder / "output.log"

    @property
    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def stop(self) -> None:
        """Shut down in order; kill what has not ended in time. Does nothing if it is not running."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the process: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def remove(self) -> None:
        """Stop and delete the data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        self._signal(how)
        self._signal(signal.SIGCONT)  # a paused process would not hear
        try:
            self.process.wait(self.stops_within_s)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)


def wait_until(condition: Callable[[], bool], *, within_s: float) -> bool:
    """Return whether the condition came true in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def free_port() -> int:
    """Return a loopback port that nobody listens on.

    Below the kernel's range for outgoing connections: a client that tries a port of that range while the server is
    down may be given the very same port as its own, and then talks to itself.
    """
    while True:
        port = random.randrange(15000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
