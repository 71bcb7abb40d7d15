"""What a waiting ticket asks for, and the place where it waits."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What a waiting ticket asks of an agent; tickets with equal requirements wait in one group.

    `skills` are sorted, so that equal sets are equal.
    """

    queue: str
    team: str
    skills: tuple[str, ...]
    channel: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "skills", tuple(sorted(set(self.skills))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a ticket waits and since when: what it keeps through declines and lost agents, and an undo gives back."""

    requirement: Requirement
    enqueued_at: datetime
    due_at: datetime
    relaxed: int = 0
    relax_at: datetime | None = None

    def as_data(self) -> dict[str, Any]:
        """The place as an event remembers it, under `was`."""
        return {
            "queue": self.requirement.queue,
            "team": self.requirement.team,
            "skills": list(self.requirement.skills),
            "enqueued_at": self.enqueued_at.isoformat(),
            "due_at": self.due_at.isoformat(),
            "relaxed": self.relaxed,
            "relax_at": self.relax_at and self.relax_at.isoformat(),
        }

    def before(self, was: Mapping[str, Any]) -> "Place":
        """The place that an event remembers under `was`, of a ticket that waits here now; what it leaves out is as now.

        Whoever undoes a relaxation, which is no new wait and tells no `relax_at`, does not want it again at once.
        """
        asked = replace(self.requirement, queue=was["queue"], team=was["team"], skills=tuple(was["skills"]))
        return Place(
            requirement=asked,
            enqueued_at=_moment(was.get("enqueued_at")) or self.enqueued_at,
            due_at=_moment(was.get("due_at")) or self.due_at,
            relaxed=was.get("relaxed", self.relaxed),
            relax_at=_moment(was.get("relax_at")),
        )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
