"""Frontdesk's own command line as processes that tests start, wait for and kill."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.servers.process import free_port, wait_until

FRONTDESK = (sys.executable, "-m", "router")
READY_WITHIN_S = 60
ENDS_WITHIN_S = 30


class Process:
    """One run of a command; its log is a file, so that nobody has to read along."""

    def __init__(self, log: Path, settings: Mapping[str, str], command: Sequence[str] = (*FRONTDESK, "intake")) -> None:
        self._log = log
        self._settings = settings
        self._command = command
        self.deaths = 0
        self._start()

    def _start(self) -> None:
        with self._log.open("ab") as output:
            self._began_at = output.tell()
            self._process = subprocess.Popen(
                self._command,
                env={**os.environ, **self._settings, "FRONTDESK_HTTP_PORT": str(free_port())},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def supervise(self) -> Self:
        """Return once it says where it answers, started again whenever it ends before, as a supervisor would."""

        def is_ready() -> bool:
            if self.has_ended:
                self.deaths += 1
                self._start()
            return self._is_ready()

        assert wait_until(is_ready, within_s=READY_WITHIN_S), self.log
        return self

    def is_ready(self) -> None:
        """Return once it says where it answers; fail with its log if it ends."""
        assert wait_until(lambda: self.has_ended or self._is_ready(), within_s=READY_WITHIN_S), self.log
        assert not self.has_ended, self.log

    def _is_ready(self) -> bool:
        said = self._log.read_bytes()[self._began_at :]
        return b"answers on" in said or b'"running"' in said

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait(self) -> int:
        return self._process.wait(ENDS_WITHIN_S)

    @property
    def address(self) -> str:
        """Where it answers."""
        return re.findall(r"http://[\d.]+:\d+|\"port\":\d+", self.log)[-1].replace('"port":', "http://127.0.0.1:")

    def pause(self) -> None:
        """Freeze it, and not its children."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it as a supervisor would; fail with its log if it does not end well."""
        self._process.terminate()
        assert self.wait() == 0, self.log
