"""A wait: what a ticket asks for, when it started to wait, when it is due, and who it is reserved for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from router.domain.customer import AgentId


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


@lru_cache(maxsize=1024)  # all tickets ask for the same few, and intake makes one for each message
def requirement(queue: str, team: str, skills: tuple[str, ...], channel: str) -> Requirement:
    """Return the requirement with these fields, the same object each time."""
    return Requirement(queue=queue, team=team, skills=skills, channel=channel)


class Wait(NamedTuple):
    """One wait of a ticket. It keeps these times through declines, expired offers and lost agents.

    The wait has taken `relaxed` steps of the route; `relax_at` is when the next one is due, None if no step is left.
    Until `reserved_until` the ticket waits only for the agent `reserved_for`; a snoozed ticket has no `reserved_until`
    yet.
    """

    requirement: Requirement
    enqueued_at: datetime
    due_at: datetime
    relaxed: int = 0
    relax_at: datetime | None = None
    reserved_for: AgentId | None = None
    reserved_until: datetime | None = None

    def has_stepped_since(self, earlier: "Wait") -> bool:
        """Whether a step of relaxation has been taken since `earlier`, a form of the same wait."""
        return self.relaxed > earlier.relaxed

    def as_data(self) -> dict[str, Any]:
        """Return the wait as the history remembers it, under `was`, when the ticket leaves it."""
        asked = self.requirement
        return {
            "queue": asked.queue,
            "team": asked.team,
            "skills": list(asked.skills),
            "enqueued_at": self.enqueued_at.isoformat(),
            "due_at": self.due_at.isoformat(),
            "relaxed": self.relaxed,
            "relax_at": self.relax_at and self.relax_at.isoformat(),
        }

    def before(self, was: Mapping[str, Any]) -> "Wait":
        """Return the wait that the history remembers under `was`, for a ticket that is now in this wait.

        Times and steps that `was` leaves out stay as they are now; without `relax_at` no further step comes, because
        somebody who undoes a relaxation does not want it again at once. Nobody has the ticket reserved.
        """
        return Wait(
            requirement=requirement(was["queue"], was["team"], tuple(was["skills"]), self.requirement.channel),
            enqueued_at=_moment(was.get("enqueued_at")) or self.enqueued_at,
            due_at=_moment(was.get("due_at")) or self.due_at,
            relaxed=was.get("relaxed", self.relaxed),
            relax_at=_moment(was.get("relax_at")),
        )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
