"""Runs the demonstration from start to end: an embedded Frontdesk, customers and agents, a board, a summary."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

from aiohttp import ClientSession
from prometheus_client import CollectorRegistry
from rich.console import Console

from router.app import EVERYTHING, Running, running
from router.demo.agents import STAFF, Agent
from router.demo.api import Api
from router.demo.board import Board
from router.demo.customers import Customers
from router.demo.figures import Figures, read_figures
from router.demo.place import embedded, log_kept_back, temporary_folder
from router.demo.summary import print_example, print_summary
from router.deployment import Deployment, publishing
from router.domain.agent import Role
from router.flow.run.bus import Consumer, Exchange
from router.metrics import Metrics
from router.postgres.run.bus import PostgresConsumer
from router.settings import Settings

SEED = 20

_SETTLES_WITHIN_S = 3.0
_LOOK_EVERY_S = 0.2


async def demo(settings: Settings, *, seconds: float | None) -> int:
    """Show the main job on embedded defaults for `seconds`, or until cancelled; return the exit code, 0.

    A cancellation (Ctrl-C, SIGTERM, a closed terminal) ends the demonstration cleanly at any time. Further ones change
    nothing: the end takes moments and must leave neither a process nor a directory behind.
    """
    _end_with_the_terminal()
    show = _Show(settings, seconds)
    task = asyncio.create_task(show.run(), name="demo")
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            show.end(task)
    if task.cancelled():
        show.console.print("Stopped before anything came in.")
    else:
        task.result()
    return 0


class _Show:
    """One demonstration. Before `_is_open`, cancelling ends it. After that, `_over` ends it and a summary follows."""

    def __init__(self, settings: Settings, seconds: float | None) -> None:
        self._settings = settings
        self._seconds = seconds
        self.console = Console(highlight=False)
        self._is_open = False
        self._over = asyncio.Event()

    def end(self, task: "asyncio.Task[None]") -> None:
        if self._is_open:
            self._over.set()
        elif not task.cancelling():
            task.cancel()

    async def run(self) -> None:
        with temporary_folder() as folder, log_kept_back():
            self.console.print("Starting PostgreSQL and Frontdesk ...")
            async with running(embedded(self._settings, folder), EVERYTHING) as frontdesk:
                self._is_open = True
                await self._open(frontdesk)
                self.console.print("\nStopping ...")

    async def _open(self, frontdesk: Running) -> None:
        tokens, random = frontdesk.deployment.tokens, Random(SEED)  # noqa: S311 - the same show every time
        async with ClientSession(frontdesk.address) as session, publishing(frontdesk.deployment) as publisher:
            admin = Api(session, await tokens.create("demo", Role.ADMIN))
            customers = Customers(publisher, random)
            agents = [await Agent.hired(person, tokens, session, random) for person in STAFF]
            board = Board(self.console, admin, frontdesk.address)
            replies = _replies(frontdesk.deployment).run(customers.receive)
            async with _at_work(customers.run(), replies, board.run(), *(agent.work() for agent in agents)):
                await self._until_over()
            await self._sum_up(frontdesk.deployment, admin, customers)

    async def _until_over(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), self._seconds)

    async def _sum_up(self, deployment: Deployment, admin: Api, customers: Customers) -> None:
        figures = await _settled(admin, customers)
        refused = await deployment.unprocessable.newest(1, before=None, pending=True)
        print_summary(self.console, figures, customers.published, refused)
        if customers.switcher:
            await print_example(self.console, admin, customers.switcher.phone)


def _replies(deployment: Deployment) -> Consumer:
    """Return the bus as the channels' senders see it; what they count stays out of the product's metrics."""
    uncounted = Metrics(CollectorRegistry())
    return PostgresConsumer(deployment.database, uncounted, deployment.hints, exchange=Exchange.OUTBOUND)


@asynccontextmanager
async def _at_work(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(each) for each in work]
        try:
            yield
        finally:
            for task in started:
                task.cancel()


async def _settled(admin: Api, customers: Customers) -> Figures:
    """Return the figures once /metrics, which lags a second, shows that intake is done; or as they are at a timeout."""
    deadline = asyncio.get_running_loop().time() + _SETTLES_WITHIN_S
    while True:
        figures = await read_figures(admin)
        add_up = figures.taken_in == customers.published and figures.waits_begun == figures.answered + figures.waiting
        if add_up or asyncio.get_running_loop().time() > deadline:
            return figures
        await asyncio.sleep(_LOOK_EVERY_S)


def _end_with_the_terminal() -> None:
    """Treat a closed terminal as a cancellation, unless the caller wants to outlive it (nohup)."""
    task = asyncio.current_task()
    if task and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, task.cancel)
