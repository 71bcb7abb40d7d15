"""The policy in use. It is reloaded when its file changes; if the file is broken, the last good policy stays."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from router.domain.errors import StoreUnavailable
from router.files.checked import FileError
from router.metrics import Metrics
from router.policy.model import Policy
from router.policy.parse import parse_policy

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0


class LivePolicy:
    """Holds the policy in use, and what is wrong with the file if that could not be loaded."""

    def __init__(
        self, read: Callable[[], str], remember: Callable[[str, str], Awaitable[None]], metrics: Metrics
    ) -> None:
        """`read` returns the file's text or raises `FileError`; `remember` keeps a version's text for explanations.

        Raises `FileError` if there is no good policy to start with.
        """
        self._read = read
        self._remember = remember
        self._metrics = metrics
        self._text = read()
        self._policy = parse_policy(self._text)
        self._problem: str | None = None
        metrics.policy_reload.set(1)

    def current(self) -> Policy:
        return self._policy

    def problems(self) -> list[str]:
        if self._problem is None:
            return []
        return [f"policy: the last good version {self._policy.version} stays in use: {self._problem}"]

    async def run(self) -> NoReturn:
        """Look at the file every two seconds until cancelled."""
        remembered = False
        while True:
            if await self.reload() or not remembered:
                remembered = await self._keep()
            self._metrics.loop_success.labels("policy").set_to_current_time()
            await asyncio.sleep(LOOK_EVERY_S)

    async def reload(self) -> bool:
        """Use the file as it is now; return whether the policy has changed."""
        try:
            text = await asyncio.to_thread(self._read)
            if text == self._text and self._problem is None:
                return False
            policy = parse_policy(text)
        except FileError as exc:
            self._fail(str(exc))
            return False
        changed = policy.version != self._policy.version
        self._text, self._policy, self._problem = text, policy, None
        self._metrics.policy_reload.set(1)
        log.info("policy in use", version=policy.version)
        return changed

    def _fail(self, problem: str) -> None:
        if problem != self._problem:
            log.error("policy not reloaded", problem=problem, version_in_use=self._policy.version)
        self._problem = problem
        self._metrics.policy_reload.set(0)

    async def _keep(self) -> bool:
        try:
            await self._remember(self._policy.version, self._text)
        except StoreUnavailable:
            return False
        return True
