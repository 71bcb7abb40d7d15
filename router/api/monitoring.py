"""Health and metrics of a process, for monitoring. They need no token, so bind the port to loopback."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from router.api.endpoint import Answer, Endpoint, PossibleAnswer

Check = Callable[[], Sequence[str] | Awaitable[Sequence[str]]]
"""Returns one line for each thing that is wrong."""

CHECKED_WITHIN_S = 2.5
RENDERED_FOR_S = 1.0


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks of a process, by name.

    Problems keep the process from its work; warnings do not, but somebody should know them.
    """

    problems: dict[str, Check] = field(default_factory=dict)
    warnings: dict[str, Check] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """The process answers."""

    is_alive: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether the process can work now. Each problem is one line that says why not."""

    is_ready: bool
    problems: Sequence[str] = ()
    warnings: Sequence[str] = ()


class MonitoringEndpoints:
    """Health and metrics of this process. All checks run at once, each with a deadline."""

    def __init__(self, *, registry: CollectorRegistry, checks: Checks) -> None:
        self._exposition = Exposition(registry)
        self._problems = _Asked(checks.problems)
        self._warnings = _Asked(checks.warnings)

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/health/live",
                summary="Tell whether the process answers at all. If it does not, restart it.",
                handle=self.live,
                answers={200: PossibleAnswer("It answers.", Alive)},
            ),
            Endpoint(
                method="GET",
                path="/health/ready",
                summary="Tell whether the process can work: whether database and broker answer.",
                handle=self.ready,
                answers={
                    200: PossibleAnswer("It can work.", Health),
                    503: PossibleAnswer("What is wrong, line by line.", Health),
                },
            ),
            Endpoint(
                method="GET",
                path="/metrics",
                summary="Show the metrics of this process in Prometheus' text format.",
                handle=self.metrics,
                answers={200: PossibleAnswer("Every metric.", str, "text/plain")},
            ),
        ]

    async def live(self) -> Answer:
        return Answer(content=Alive())

    async def ready(self) -> Answer:
        problems, warnings = await asyncio.gather(self._problems.lines(), self._warnings.lines())
        health = Health(is_ready=not problems, problems=problems, warnings=warnings)
        return Answer(status=200 if health.is_ready else 503, content=health)

    async def metrics(self) -> Answer:
        text = await self._exposition.text()
        return Answer(content=text, content_type=CONTENT_TYPE_PLAIN_0_0_4)


class Exposition:
    """Renders the registry in a thread, at most once a second however many clients ask."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._rendering = asyncio.Lock()
        self._text = b""
        self._fresh_until = 0.0

    async def text(self) -> bytes:
        async with self._rendering:
            if time.monotonic() >= self._fresh_until:
                self._text = await asyncio.to_thread(generate_latest, self._registry)
                self._fresh_until = time.monotonic() + RENDERED_FOR_S
            return self._text


class _Asked:
    """Runs each check once at a time: requests that come meanwhile wait for the same run.

    A check that misses the deadline goes on, because cancelling a statement waits for a database that does not answer.
    """

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._asked: dict[str, asyncio.Task[Sequence[str]]] = {}

    async def lines(self) -> list[str]:
        found = await asyncio.gather(*map(self._in_time, self._checks))
        return [line for lines in found for line in lines]

    async def _in_time(self, name: str) -> Sequence[str]:
        asked = self._asked.get(name)
        if asked is None:
            asked = self._asked[name] = asyncio.create_task(_answer(self._checks[name]), name=f"check {name}")
            asked.add_done_callback(lambda _: self._asked.pop(name))
        await asyncio.wait({asked}, timeout=CHECKED_WITHIN_S)
        return asked.result() if asked.done() else [f"{name}: does not answer within {CHECKED_WITHIN_S:g} s"]


async def _answer(check: Check) -> Sequence[str]:
    found = check()
    return await found if isinstance(found, Awaitable) else found
