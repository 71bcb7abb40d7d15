"""The policy in use follows its file; a broken file leaves the last good one in place and says so."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from router.domain.errors import StoreUnavailable
from router.files.checked import FileError
from router.flow.run import live_file as flow
from router.flow.run.live_policy import LivePolicy
from router.metrics import Metrics

DEADLINE_S = 5


def text(target: str) -> str:
    return f"""
teams: {{frontline: {{takes: any}}}}
queues: {{general: {{team: frontline}}}}
routes: [{{name: rest, queue: general, target: {target}}}]
triage: {{bias: -1}}
"""


class File:
    def __init__(self, text: str) -> None:
        self.text: str | Exception = text

    def read(self) -> str:
        if isinstance(self.text, Exception):
            raise self.text
        return self.text


class Memory:
    """Remembers versions, except during an outage."""

    def __init__(self) -> None:
        self.versions: list[str] = []
        self.outages = 0
        self.asked = asyncio.Event()

    async def remember(self, version: str, _text: str) -> None:
        self.asked.set()
        if self.outages:
            self.outages -= 1
            raise StoreUnavailable
        self.versions.append(version)


def live(file: File, memory: Memory | None = None, registry: CollectorRegistry | None = None) -> LivePolicy:
    return LivePolicy(file.read, (memory or Memory()).remember, Metrics(registry or CollectorRegistry()))


async def test_a_changed_file_is_used_from_then_on():
    file = File(text("4h"))
    policy = live(file)
    before = policy.current()
    assert not await policy.reload()
    file.text = text("2h")
    assert await policy.reload()
    assert policy.current().version != before.version


@pytest.mark.parametrize("broken", ["routes: [", text("never"), FileError(["cannot be read: Permission denied"])])
async def test_a_broken_file_leaves_the_last_good_policy_in_use_until_it_is_mended(broken: str | Exception):
    file, registry = File(text("4h")), CollectorRegistry()
    policy = live(file, registry=registry)
    good = policy.current()

    def is_healthy() -> float | None:
        return registry.get_sample_value("router_policy_last_reload_successful")

    file.text = broken
    assert not await policy.reload()
    [problem] = policy.problems()
    assert policy.current() is good
    assert good.version in problem
    assert is_healthy() == 0

    file.text = text("4h")
    assert not await policy.reload()
    assert (policy.problems(), is_healthy()) == ([], 1)


def test_without_a_good_policy_to_begin_with_there_is_none():
    with pytest.raises(FileError):
        live(File("routes: ["))


async def test_each_version_is_remembered_also_after_an_outage(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(flow, "LOOK_EVERY_S", 0.001)
    file, memory = File(text("4h")), Memory()
    memory.outages = 2
    registry = CollectorRegistry()
    policy = live(file, memory, registry)
    running = asyncio.create_task(policy.run())
    async with asyncio.timeout(DEADLINE_S):
        while not memory.versions:
            await memory.asked.wait()
            memory.asked.clear()
        first = policy.current().version
        file.text = text("2h")
        while len(memory.versions) < 2:
            await memory.asked.wait()
            memory.asked.clear()
    running.cancel()
    await asyncio.wait([running])
    assert memory.versions == [first, policy.current().version]
    assert registry.get_sample_value("router_loop_last_success_timestamp_seconds", {"loop": "policy"})
