"""The state of the queues: how many tickets wait, how long, and how many are past their target."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from router.api.access import READERS
from router.api.endpoint import Answer, Endpoint, PossibleAnswer
from router.domain.actor import Viewer
from router.domain.agent import Principal
from router.flow.see.queues import QueueLoads, QueueStatus, queue_statuses
from router.policy.model import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueList:
    """The queues of the viewer's teams, by name."""

    queues: Sequence[QueueStatus]


class QueueEndpoints:
    """Shows the policy's queues, empty ones too."""

    def __init__(self, reading: QueueLoads, policy: Callable[[], Policy]) -> None:
        self._reading = reading
        self._policy = policy

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/v1/queues",
                summary="Show how many tickets wait in your teams' queues, and for how long.",
                handle=self.queues,
                roles=READERS,
                answers={200: PossibleAnswer("Every queue.", QueueList)},
            )
        ]

    async def queues(self, who: Principal) -> Answer:
        viewer = Viewer.of(who)
        loads = await self._reading.queues(viewer)
        return Answer(content=QueueList(queues=queue_statuses(viewer, self._policy(), loads)))
