"""The command line as its users have it: processes with settings in their environment."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from router.settings import Settings

FRONTDESK = (sys.executable, "-m", "router")
DEADLINE_S = 60.0
COLUMNS = 80


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


def environment(settings: Settings | None = None, **more: str) -> Mapping[str, str]:
    """What a user has set, and nothing of what this test run has set for itself."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")}
    named = {
        f"FRONTDESK_{name.upper()}": str(value)
        for name, value in (settings.model_dump(exclude_unset=True) if settings else {}).items()
    }
    return {**kept, "COLUMNS": str(COLUMNS), **named, **more}


def frontdesk(*arguments: str, settings: Settings | None = None, stdin: bytes = b"", **more: str) -> Ended:
    """Run one command to its end."""
    done = subprocess.run(
        [*FRONTDESK, *arguments],
        env=environment(settings, **more),
        input=stdin,
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


class Serving:
    """A process of one role that runs until it is stopped."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.address = self._await_address()

    def stop(self) -> None:
        """End it as a supervisor does."""
        self._process.terminate()
        _, rest = self._process.communicate(timeout=DEADLINE_S)
        assert self._process.returncode == 0, rest

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def _await_address(self) -> str:
        assert self._process.stderr
        said = ""
        for line in self._process.stderr:
            said += line
            if found := re.search(r"answers on (\S+)", line):
                return found[1]
        raise AssertionError(said)


@contextmanager
def serving(role: str, settings: Settings) -> Iterator[Serving]:
    """Run a role; it is stopped at the end, if it has not been before."""
    process = subprocess.Popen(
        [*FRONTDESK, role],
        env=environment(settings, FRONTDESK_LOG_LEVEL="warning"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        running = Serving(process)
        yield running
        if not running.has_ended:
            running.stop()
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
