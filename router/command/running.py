"""Runs a coroutine for a command: SIGINT and SIGTERM end it cleanly, and an error becomes one line."""

import asyncio
import os
import select
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn, TypeVar

import typer
import uvloop

from router.command import logs
from router.deployment import Deployment, deployment
from router.domain.errors import FrontdeskError
from router.settings import Settings, load_settings

T = TypeVar("T")
_LOOK_EVERY_S = 1.0
QUIET = "warning"
"""The log level of a short command: nobody needs to read that it connected."""
INTERRUPTED = 128 + signal.SIGINT


def settings(*, log_level: str = "info") -> Settings:
    """Load the settings from the environment and set up the log; a wrong setting ends the program.

    `log_level` applies if the environment names none.
    """
    try:
        loaded = load_settings()
    except FrontdeskError as exc:
        give_up(exc)
    named = "log_level" in loaded.model_fields_set
    logs.configure(level=loaded.log_level if named else log_level, format=loaded.log_format)
    return loaded


def with_deployment(work: Callable[[Deployment], Awaitable[T]]) -> T:
    """Connect to the deployment that the settings name and run `work` there."""

    async def connected() -> T:
        async with deployment(settings(log_level=QUIET), name="command") as shared:
            return await work(shared)

    return run(connected())


def run(work: Coroutine[Any, Any, T], *, interrupted: int = INTERRUPTED) -> T:
    """Run `work` and return its result; a signal (exit `interrupted`) or an error (exit 1) ends the program."""
    try:
        return uvloop.run(_until_signalled(work))
    except asyncio.CancelledError:
        raise typer.Exit(interrupted) from None
    except FrontdeskError as exc:
        give_up(exc)
    except BaseExceptionGroup as group:  # errors from a process whose loops run in a task group
        known = group.subgroup(FrontdeskError)
        if known is None:
            raise
        give_up(_first(known))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


async def _until_signalled(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(work)
    for signal_ in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_, task.cancel)
    closed = asyncio.create_task(_terminal_closed())
    closed.add_done_callback(lambda _: task.cancel())
    try:
        return await task
    finally:
        closed.cancel()


async def _terminal_closed() -> None:
    """Wait until our terminal is gone: the kernel tells only `make`, and `make` tells nobody."""
    poll = select.poll()
    terminal = _terminal()
    if terminal is not None:
        poll.register(terminal, 0)  # poll always reports a hang-up
    while not poll.poll(0):  # noqa: ASYNC110 - no event marks its end
        await asyncio.sleep(_LOOK_EVERY_S)


def _terminal() -> int | None:
    """Return the terminal that we run in the foreground of; None if there is none or we shall outlive it (nohup)."""
    try:
        terminal = sys.stdin.fileno()
        is_ours = os.tcgetpgrp(terminal) == os.getpgrp() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    except (OSError, ValueError, AttributeError):  # no terminal
        return None
    return terminal if is_ours else None


def give_up(exc: BaseException) -> NoReturn:
    """Say in one line what is wrong, and exit with status 1."""
    sys.stderr.write(f"frontdesk: {exc}\n")
    raise typer.Exit(1)
