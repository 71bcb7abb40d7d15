"""The audit trail: changes to agents, teams, presence, tokens and customers. Tickets have their own history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from router.domain.actor import Viewer


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One change: `data` maps each changed field to its old and new value.

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
    """Finds changes to the viewer's teams and their agents; for a viewer without teams, all changes."""

    async def changes(
        self, viewer: Viewer, *, subject: str | None, before: int | None, limit: int
    ) -> Sequence[AuditLine]:
        """Return a page of changes, newest first; `before` is the last id on the previous page."""
