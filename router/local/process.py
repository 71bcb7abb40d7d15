"""Starts child processes that never outlive us."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

from router.local.account import Account
from router.local.bounds import end_with

_POLL_S = 0.02
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC"}  # no PG* variables, no locale that may be missing here

Process: TypeAlias = "subprocess.Popen[bytes]"


def start(command: Sequence[str], *, account: Account | None, folder: Path, log: Path, keep: int) -> Process:
    """Start a process that is interrupted when we die, whatever kills us (on Linux; elsewhere only `stop` ends it).

    It inherits the descriptor `keep`, and the lock with it. Call this from the main thread: to the kernel, the parent
    is gone when the *thread* that forked ends.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            cwd=folder,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[keep],
            start_new_session=True,  # Ctrl-C in the terminal is for us; we stop the server when its clients are done
            preexec_fn=partial(end_with, os.getpid(), signal.SIGINT),  # noqa: PLW1509  (two system calls: safe beside threads)
        )


async def stop(process: Process, *, orderly_s: float) -> None:
    """Interrupt the process and wait. If it does not end in time, make it quit, then kill it."""
    for how, within_s in ((signal.SIGINT, orderly_s), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
        process.send_signal(how)
        if await wait_until(lambda: process.poll() is not None, within_s=within_s):
            return


async def wait_until(condition: Callable[[], bool], *, within_s: float) -> bool:
    """Wait for the condition; return whether it came true in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True
