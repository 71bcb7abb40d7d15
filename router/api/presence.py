"""An agent's own presence, and how they stand."""

from router.api.endpoint import Answer, Endpoint, Model, PossibleAnswer
from router.api.tickets import Name
from router.domain.agent import PERSONS, Principal, Status
from router.flow.me import Me, Myself
from router.flow.presence import PresenceCard, Presences


class Declaration(Model):
    """What an agent says of themselves; `reason` is one that the policy has for the status."""

    status: Status
    reason: Name | None = None


class PresenceEndpoints:
    """Who an agent is to Frontdesk, and whether they are there."""

    def __init__(self, *, myself: Myself, presences: Presences) -> None:
        self._myself = myself
        self._presences = presences

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/v1/me",
                summary="Who you are: presence, capacity, what you hold, and the queues that tickets may come from.",
                handle=self.me,
                roles=PERSONS,
                answers={200: PossibleAnswer("You.", Me)},
            ),
            Endpoint(
                method="PUT",
                path="/v1/me/presence",
                summary="Say whether you are there. Only who is available is given tickets.",
                handle=self.declare,
                roles=PERSONS,
                answers={200: PossibleAnswer("Your presence; what was offered to you waits again.", PresenceCard)},
            ),
        ]

    async def me(self, who: Principal) -> Answer:
        return Answer(content=await self._myself.me(who))

    async def declare(self, who: Principal, body: Declaration) -> Answer:
        assert who.agent, "the endpoint is for persons"
        return Answer(content=await self._presences.declare(who.agent, body.status, body.reason))
