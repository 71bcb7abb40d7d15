"""The policy in use, and each version of it kept for explanations."""

from collections.abc import Awaitable, Callable

from router.domain.errors import StoreUnavailable
from router.flow.run.live_file import LiveFile
from router.metrics import Metrics
from router.policy.model import Policy
from router.policy.parse import parse_policy


class LivePolicy(LiveFile[str, Policy]):
    """Holds the policy in use, and what is wrong with the file if that could not be loaded."""

    def __init__(
        self, read: Callable[[], str], remember: Callable[[str, str], Awaitable[None]], metrics: Metrics
    ) -> None:
        """`read` returns the file's text or raises `FileError`; `remember` keeps a version's text for explanations.

        Raises `FileError` if there is no good policy to start with.
        """
        looked = metrics.loop_success.labels("policy")
        super().__init__("policy", read, parse_policy, reloaded=metrics.policy_reload, looked=looked)
        self._remember = remember
        self._is_remembered = False

    async def look(self) -> None:
        """Use the file as it is now, and keep its version."""
        if await self.reload() or not self._is_remembered:
            self._is_remembered = await self._keep()

    async def _keep(self) -> bool:
        try:
            await self._remember(self._content.version, self._source)
        except StoreUnavailable:
            return False
        return True
