"""What was changed about agents, teams, presence, tokens and customers. Leaves tickets to their own history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from router.domain.actor import Viewer


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One change: `data` says of what, each field with what it was and what it is.

    `actor` is `agent:ID`, `lead:ID`, `admin`, `cli` or `timers`; `subject` is `agent:NAME`, `team:NAME`, `token:NAME`
    or `customer:ID`.
    """

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    data: Mapping[str, Any]


class AuditTrail(Protocol):
    """Finds changes of the viewer's teams and of the agents in them; without teams, of everything."""

    async def changes(
        self, viewer: Viewer, *, subject: str | None, before: int | None, limit: int
    ) -> Sequence[AuditLine]:
        """Return a page of changes, newest first; `before` is the id that the last page ended with."""
