"""An agent's own presence."""

from router.api.endpoint import Answer, Endpoint, Model, PossibleAnswer
from router.api.tickets import Name
from router.domain.agent import PERSONS, Person, Status
from router.flow.assign.presence import Presences
from router.flow.see.agents import PresenceCard


class NewPresence(Model):
    """An agent's status; `reason` is one that the policy has for the status."""

    status: Status
    reason: Name | None = None


class PresenceEndpoints:
    """Lets agents say whether they are there."""

    def __init__(self, presences: Presences) -> None:
        self._presences = presences

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="PUT",
                path="/v1/me/presence",
                summary="Say whether you are there. Only agents who are available get tickets.",
                handle=self.declare,
                roles=PERSONS,
                answers={
                    200: PossibleAnswer("Your presence; offers are withdrawn unless you are available.", PresenceCard)
                },
            ),
        ]

    async def declare(self, who: Person, body: NewPresence) -> Answer:
        return Answer(content=await self._presences.declare(who.agent, body.status, body.reason))
