"""The demonstration as a newcomer runs it: it adds up, and whatever ends it, nothing is left behind."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import psutil
import pytest

ENDS_WITHIN_S = 90
FOLDERS = Path("/var/tmp")


class Demo:
    """A demonstration under way, with everything that it has started so far."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._started: set[psutil.Process] = set()

    def read_until(self, pattern: str) -> re.Match[str]:
        """Read line after line up to the first that holds the pattern."""
        for line in self.process.stdout:
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"it ended without {pattern!r}: {self.process.stderr.read()}")

    def wait_until_it_starts(self, program: str) -> None:
        deadline = time.monotonic() + ENDS_WITHIN_S
        while program not in {name_of(child) for child in self._look()}:
            assert time.monotonic() < deadline, f"{program} has not been started"

    def end(self, *signals: signal.Signals) -> str:
        """Send the signals at once; return what it said from now on, all being well."""
        self._look()
        for each in signals:
            self.process.send_signal(each)
        said, complaints = self.process.communicate(timeout=ENDS_WITHIN_S)
        assert (self.process.returncode, complaints) == (0, "")
        return said

    def leftovers(self) -> list[object]:
        """Processes that outlived it, and directories."""
        folders = FOLDERS.glob(f"frontdesk-demo-{self.process.pid}-*")
        return [*(child for child in self._started if is_alive(child)), *folders]

    def _look(self) -> list[psutil.Process]:
        children = psutil.Process(self.process.pid).children(recursive=True)
        self._started.update(children)
        return children


def is_alive(process: psutil.Process) -> bool:
    """Whether it still does something; of one that has ended, init may take its time to take note."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def name_of(process: psutil.Process) -> str | None:
    """The program that it runs; None if it has ended meanwhile."""
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return None


@contextmanager
def demo(*options: str) -> Iterator[Demo]:
    command = [sys.executable, "-m", "router", "demo", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Demo(process)
        finally:
            process.kill()


def totals(said: str) -> dict[str, int]:
    """The lines of the summary, by what they count."""
    _, _, summary = said.partition("Summary\n")
    return {what: int(number) for number, what in re.findall(r"^ +(\d+)  (.+)$", summary, re.MULTILINE)}


def only(counted: dict[str, int], words: str) -> int:
    [number] = [number for what, number in counted.items() if what.startswith(words)]
    return number


@pytest.mark.slow
async def test_it_ends_by_itself_and_its_totals_add_up():
    with demo("--for", "8") as running:
        running.read_until("answered [1-9]")
        counted = totals(running.end())
        assert running.leftovers() == []
    became = ("new tickets", "continued", "joined", "reopened", "duplicates", "from blocked", "mail loops", "unproc")
    assert f"messages in, of {only(counted, 'messages in')} published" in counted
    assert only(counted, "messages in") == sum(only(counted, words) for words in became)
    waits = sum(only(counted, words) for words in ("new tickets", "reopened", "transferred"))
    assert waits == only(counted, "answered") + only(counted, "still waiting")
    assert (only(counted, "duplicates"), only(counted, "from blocked"), only(counted, "unproc")) == (1, 1, 1)
    assert only(counted, "mail loops") >= 2


@pytest.mark.slow
async def test_its_addresses_answer_while_it_runs():
    with demo() as running:
        api = running.read_until(r"^API +(\S+)")[1]
        token = running.read_until(r"^token +(\S+)")[1]
        openapi = running.read_until(r"^OpenAPI +(\S+)")[1]
        metrics = running.read_until(r"^metrics +(\S+)")[1]
        asked = Request(api, headers={"Authorization": f"Bearer {token}"})
        assert [urlopen(address, timeout=10).status for address in (asked, openapi, metrics)] == [200, 200, 200]
        running.end(signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.parametrize("signals", [(signal.SIGINT, signal.SIGINT), (signal.SIGHUP,)])
async def test_interrupted_in_the_middle_it_sums_up_and_leaves_nothing(signals: tuple[signal.Signals, ...]):
    with demo() as running:
        running.read_until("answered [1-9]")
        counted = totals(running.end(*signals))
        assert running.leftovers() == []
    assert f"messages in, of {only(counted, 'messages in')} published" in counted


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(lambda running: None, id="before PostgreSQL starts"),
        pytest.param(lambda running: running.wait_until_it_starts("initdb"), id="while it makes the database"),
        pytest.param(lambda running: running.wait_until_it_starts("postgres"), id="while PostgreSQL starts"),
    ],
)
async def test_interrupted_while_it_starts_it_leaves_nothing(moment: Callable[[Demo], None]):
    with demo() as running:
        running.read_until("Starting PostgreSQL")
        moment(running)
        running.end(signal.SIGINT)
        assert running.leftovers() == []
