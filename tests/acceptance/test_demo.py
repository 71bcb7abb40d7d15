"""The demonstration as a newcomer runs it: it adds up, and whatever ends it, nothing is left behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

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
def demo(*options: str, **environment: str) -> Iterator[Demo]:
    command = [sys.executable, "-m", "router", "demo", *options]
    pipe, named = subprocess.PIPE, {**os.environ, **environment}
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=named) as process:
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
        running.read_until("assigned [1-9]")
        counted = totals(running.end())
        assert running.leftovers() == []
    became = ("new tickets", "continued", "joined", "reopened", "duplicates", "from blocked", "need no", "unproc")
    assert f"messages in, of {only(counted, 'messages in')} published" in counted
    assert only(counted, "messages in") == sum(only(counted, words) for words in became)
    waits = sum(only(counted, words) for words in ("new tickets", "reopened", "transferred"))
    ended = ("assigned", "left by the customer", "still waiting", "just offered")
    assert waits == sum(only(counted, words) for words in ended)
    assert only(counted, "after an offer") > 0
    assert (only(counted, "duplicates"), only(counted, "from blocked"), only(counted, "unproc")) == (1, 1, 1)
    assert only(counted, "need no") >= 2


@pytest.mark.slow
async def test_its_addresses_answer_while_it_runs():
    with demo() as running:
        api = running.read_until(r"^API +(\S+)")[1]
        token = running.read_until(r"^token +(\S+)  \(admin\)")[1]
        agent = running.read_until(r"^token +(\S+)  \(Visitor, an agent\)")[1]
        openapi = running.read_until(r"^OpenAPI +(\S+)")[1]
        metrics = running.read_until(r"^metrics +(\S+)")[1]
        asked = Request(api, headers={"Authorization": f"Bearer {token}"})
        assert [urlopen(address, timeout=10).status for address in (asked, openapi, metrics)] == [200, 200, 200]
        me = Request(api.replace("/queues", "/me"), headers={"Authorization": f"Bearer {agent}"})
        assert json.load(urlopen(me, timeout=10))["name"] == "Visitor"
        running.end(signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.parametrize("signals", [(signal.SIGINT, signal.SIGINT), (signal.SIGHUP,)])
async def test_interrupted_in_the_middle_it_sums_up_and_leaves_nothing(signals: tuple[signal.Signals, ...]):
    with demo() as running:
        running.read_until("assigned [1-9]")
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


OWN_POLICY = """
teams: {one: {takes: any}, two: {takes: any}}
queues: {first: {team: one, mode: push}, second: {team: two}}
routes:
  - {name: mail, when: {channel: email}, queue: second, skills: ["french:4"], target: 1h}
  - {name: rest, queue: first, target: 10m}
triage: {bias: -1, languages: [en]}
"""


@pytest.mark.slow
async def test_it_shows_the_policy_that_the_settings_name(tmp_path: Path):
    (tmp_path / "own.yaml").write_text(OWN_POLICY)
    with demo("--for", "8", FRONTDESK_POLICY_PATH=str(tmp_path / "own.yaml")) as running:
        running.read_until(r"assigned [1-9]")
        said = running.end()
    assert re.search(r"yes +rest: queue first of team one", said)
    assert only(totals(said), "after an offer") > 0


@pytest.mark.slow
async def test_a_policy_with_a_fault_is_named_in_one_line(tmp_path: Path):
    (tmp_path / "own.yaml").write_text("teams: 7")
    with demo(FRONTDESK_POLICY_PATH=str(tmp_path / "own.yaml")) as running:
        _, complaints = running.process.communicate(timeout=ENDS_WITHIN_S)
    assert running.process.returncode == 1
    [line] = complaints.splitlines()
    assert line.startswith(f"frontdesk: FRONTDESK_POLICY_PATH: {tmp_path}/own.yaml: ")
    assert running.leftovers() == []


DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards" / "queues-and-waits.json"
_SELECTED = re.compile(r"(router_\w+)(?:\{([^}]*)\})?")


def missing_from(exposition: str) -> list[str]:
    """What the dashboard asks for by name and labels, and no series has."""
    found = [s for family in text_string_to_metric_families(exposition) for s in family.samples]
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = {
        pair for panel in panels for target in panel.get("targets", ()) for pair in _SELECTED.findall(target["expr"])
    }
    return [f"{name} {labels}" for name, labels in asked if not any(fits(each, name, labels) for each in found)]


def fits(sample: Any, name: str, labels: str) -> bool:
    wanted = re.findall(r'(\w+)(!?=~?)"([^"]*)"', labels)
    return sample.name == name and all(
        (re.fullmatch(value, sample.labels.get(label, "")) is not None) == ("!" not in how)
        for label, how, value in wanted
    )


@pytest.mark.slow
async def test_every_expression_of_the_dashboard_has_series_while_it_runs():
    with demo() as running:
        metrics = running.read_until(r"^metrics +(\S+)")[1]
        running.read_until(r"assigned [1-9]")
        deadline = time.monotonic() + ENDS_WITHIN_S
        while missing := missing_from(urlopen(metrics, timeout=10).read().decode()):
            assert time.monotonic() < deadline, missing
            running.read_until(r"assigned [1-9]")  # the next line, two seconds later
        running.end(signal.SIGTERM)
