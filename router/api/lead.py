"""A lead's tools, for leads and admins. What is not a lead's is answered like what is not there."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from channels.text import NOT_BLANK
from router.api.access import LEADS
from router.api.agents import AgentPath
from router.api.desk import Transfer
from router.api.endpoint import Answer, Endpoint, Model, PossibleAnswer
from router.api.tickets import Name, TicketPath
from router.domain.actor import Actor
from router.domain.agent import Principal
from router.domain.ticket import TicketId
from router.flow.see.why import Why
from router.flow.work.lead import Lead
from router.policy.fields import Duration


class QueuePath(Model):
    """A queue's name."""

    queue: Name


class Reassign(Transfer):
    """Where the ticket should wait instead: in a queue or for an agent, with a note for whoever takes it."""


class Close(Model):
    """Which waiting tickets to close: those that have waited for so long, such as 2d, or all; and why."""

    reason: Annotated[str, Field(min_length=1, max_length=200, pattern=NOT_BLANK)]
    older_than: Annotated[Duration, Field(json_schema_extra={"type": "string", "examples": ["2d"]})] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Requeued:
    """How many tickets wait again."""

    requeued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """How many tickets were closed."""

    closed: int


class LeadEndpoints:
    """Reassign, undo, why; drain and requeue agents; close a queue."""

    def __init__(self, lead: Lead) -> None:
        self._lead = lead

    def endpoints(self) -> list[Endpoint]:
        return [
            _post(
                "/v1/tickets/{id}/reassign",
                "Let the ticket wait in another queue or for an agent, whoever holds it.",
                self.reassign,
                {204: PossibleAnswer("It waits there; the lease of whoever held it is over.")},
            ),
            _post(
                "/v1/tickets/{id}/undo",
                "Put the ticket back where it was before it was last moved or relaxed, with the times it had.",
                self.undo,
                {204: PossibleAnswer("It waits where it was.")},
            ),
            Endpoint(
                method="GET",
                path="/v1/tickets/{id}/why",
                summary="Why the ticket is where it is: what keeps each agent of the team from it, and what is next.",
                handle=self.why,
                roles=LEADS,
                answers={200: PossibleAnswer("The reasons, in plain words.", Why)},
            ),
            _post(
                "/v1/agents/{name}/drain",
                "Give the agent nothing new; what they have been assigned stays with them.",
                self.drain,
                {204: PossibleAnswer("They are given nothing new.")},
            ),
            _post(
                "/v1/agents/{name}/undrain",
                "Give the agent work again.",
                self.undrain,
                {204: PossibleAnswer("They are given work.")},
            ),
            _post(
                "/v1/agents/{name}/requeue",
                "Let everything that the agent holds wait again, each ticket at the place it had.",
                self.requeue,
                {200: PossibleAnswer("How many tickets that were.", Requeued)},
            ),
            _post(
                "/v1/queues/{queue}/close",
                "Close what waits in the queue, all of it or what has waited for so long.",
                self.close,
                {200: PossibleAnswer("How many tickets that were.", Closed)},
            ),
        ]

    async def reassign(self, who: Principal, path: TicketPath, body: Reassign) -> Answer:
        await self._lead.reassign(Actor.of(who), TicketId(path.id), body.destination())
        return Answer(status=204)

    async def undo(self, who: Principal, path: TicketPath) -> Answer:
        await self._lead.undo(Actor.of(who), TicketId(path.id))
        return Answer(status=204)

    async def why(self, who: Principal, path: TicketPath) -> Answer:
        return Answer(content=await self._lead.why(Actor.of(who), TicketId(path.id)))

    async def drain(self, who: Principal, path: AgentPath) -> Answer:
        await self._lead.drain(Actor.of(who), path.name, is_draining=True)
        return Answer(status=204)

    async def undrain(self, who: Principal, path: AgentPath) -> Answer:
        await self._lead.drain(Actor.of(who), path.name, is_draining=False)
        return Answer(status=204)

    async def requeue(self, who: Principal, path: AgentPath) -> Answer:
        return Answer(content=Requeued(requeued=await self._lead.requeue(Actor.of(who), path.name)))

    async def close(self, who: Principal, path: QueuePath, body: Close) -> Answer:
        closed = await self._lead.close(Actor.of(who), path.queue, why=body.reason, older_than=body.older_than)
        return Answer(content=Closed(closed=closed))


def _post(
    path: str, summary: str, handle: Callable[..., Awaitable[Answer]], answers: Mapping[int, PossibleAnswer]
) -> Endpoint:
    return Endpoint(method="POST", path=path, summary=summary, handle=handle, roles=LEADS, answers=answers)
