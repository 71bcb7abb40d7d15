"""A lead's tools, for leads and admins. For a lead, what belongs to other teams does not exist."""

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
from router.flow.see.explanation import Explained
from router.flow.work.explaining import Explaining
from router.flow.work.lead import Lead
from router.policy.fields import Duration


class QueuePath(Model):
    """A queue's name."""

    queue: Name


class Reassign(Transfer):
    """Where the ticket should wait instead: in a queue or for an agent. The note is for the next agent."""


class Close(Model):
    """Which waiting tickets to close, and why: all, or those older than a duration such as 2d."""

    reason: Annotated[str, Field(min_length=1, max_length=200, pattern=NOT_BLANK)]
    older_than: Annotated[Duration, Field(json_schema_extra={"type": "string", "examples": ["2d"]})] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Requeued:
    """How many tickets went back to their queues."""

    requeued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """How many tickets were closed."""

    closed: int


class LeadEndpoints:
    """Reassign and undo, explain a wait, drain and requeue agents, close a queue."""

    def __init__(self, lead: Lead, explaining: Explaining) -> None:
        self._lead = lead
        self._explaining = explaining

    def endpoints(self) -> list[Endpoint]:
        return [
            _post(
                "/v1/tickets/{id}/reassign",
                "Move the ticket to another queue or to an agent, whoever holds it.",
                self.reassign,
                {204: PossibleAnswer("The ticket waits there; a lease on it is over.")},
            ),
            _post(
                "/v1/tickets/{id}/undo",
                "Undo the last move or relaxation: the ticket goes back to where it was, with the times it had.",
                self.undo,
                {204: PossibleAnswer("The ticket is back where it was.")},
            ),
            Endpoint(
                method="GET",
                path="/v1/tickets/{id}/why",
                summary="Explain where the ticket is: how it came there, what keeps agents from it, what happens next.",
                handle=self.why,
                roles=LEADS,
                answers={200: PossibleAnswer("The reasons, in plain words.", Explained)},
            ),
            _post(
                "/v1/agents/{name}/drain",
                "Stop giving the agent tickets; they keep those they hold.",
                self.drain,
                {204: PossibleAnswer("The agent gets nothing new.")},
            ),
            _post(
                "/v1/agents/{name}/undrain",
                "Start giving the agent tickets again.",
                self.undrain,
                {204: PossibleAnswer("The agent gets tickets again.")},
            ),
            _post(
                "/v1/agents/{name}/requeue",
                "Return every ticket that the agent holds to its place in its queue.",
                self.requeue,
                {200: PossibleAnswer("How many tickets went back.", Requeued)},
            ),
            _post(
                "/v1/queues/{queue}/close",
                "Close the tickets that wait in the queue: all of them, or only the old ones.",
                self.close,
                {200: PossibleAnswer("How many tickets were closed.", Closed)},
            ),
        ]

    async def reassign(self, who: Principal, path: TicketPath, body: Reassign) -> Answer:
        await self._lead.reassign(Actor.of(who), TicketId(path.id), body.destination())
        return Answer(status=204)

    async def undo(self, who: Principal, path: TicketPath) -> Answer:
        await self._lead.undo(Actor.of(who), TicketId(path.id))
        return Answer(status=204)

    async def why(self, who: Principal, path: TicketPath) -> Answer:
        return Answer(content=await self._explaining.explain(Actor.of(who), TicketId(path.id)))

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
