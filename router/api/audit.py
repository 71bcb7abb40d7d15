"""Who changed what, apart from tickets. For leads and admins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from router.api.access import LEADS
from router.api.endpoint import Answer, Endpoint, Model, PossibleAnswer
from router.api.paging import Limit, page_of
from router.api.tickets import Id
from router.domain.actor import Viewer
from router.domain.agent import Principal
from router.flow.see.audit import AuditLine, AuditTrail


class AuditSearch(Model):
    """Which changes: `subject` is `agent:NAME`, `team:NAME`, `token:NAME` or `customer:ID`.

    `after` is the `next` of the previous page.
    """

    subject: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    after: Id | None = None
    limit: Limit = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Changes, newest first; `next` leads to the next page, and is null on the last one."""

    changes: Sequence[AuditLine]
    next: int | None = None


class AuditEndpoints:
    """Shows a lead what changed in their teams and about their agents, and an admin everything."""

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/v1/audit",
                summary="List who changed what about agents, teams, presence, tokens and customers, newest first.",
                handle=self.changes,
                roles=LEADS,
                answers={200: PossibleAnswer("A page of changes.", AuditPage)},
            )
        ]

    async def changes(self, who: Principal, query: AuditSearch) -> Answer:
        found = await self._trail.changes(
            Viewer.of(who), subject=query.subject, before=query.after, limit=query.limit + 1
        )
        shown, last = page_of(found, query.limit)
        return Answer(content=AuditPage(changes=shown, next=last.id if last else None))
