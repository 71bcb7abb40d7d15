"""What we know about an agent: teams, skills, and how much work they carry. A store keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from channels.message import Channel
from router.domain.capacity import Capacity
from router.domain.errors import Invalid
from router.domain.skills import Skills

MOST = 1000
"""The largest limit, weight or number of tickets."""
MAX_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An agent as leads and admins describe them.

    `limit`, `weights` and `most` mean the same as in `Capacity`; the policy fills in what they do not set. A retired
    agent stays in the history by name, has no token and gets no tickets.
    """

    name: str
    teams: frozenset[str] = frozenset()
    skills: Skills = field(default_factory=Skills)
    limit: int | None = None
    weights: Mapping[str, int] = field(default_factory=dict)
    most: Mapping[str, int] = field(default_factory=dict)
    is_retired: bool = False

    def capacity(self, usual: Capacity) -> Capacity:
        """Return how much the agent carries; `usual` is the policy's capacity."""
        return usual.adjusted(limit=self.limit, weights=self.weights, most=self.most)

    def check(self) -> None:
        """Raise `Invalid` with the field and what is allowed. Does not check teams: that needs the policy."""
        _check_name(self.name)
        self.skills.check()
        if self.limit is not None:
            _check_number("limit", self.limit, least=0)
        _check_channels("weights", self.weights, least=1)
        _check_channels("most", self.most, least=0)

    def described(self) -> Mapping[str, object]:
        """Return everything but name and teams, as the history records a change."""
        return {
            "skills": dict(sorted(self.skills.levels.items())),
            "languages": sorted(self.skills.languages),
            "limit": self.limit,
            "weights": dict(self.weights),
            "most": dict(self.most),
            "is_retired": self.is_retired,
        }

    def changes_from(self, before: "Profile") -> Mapping[str, tuple[object, object]]:
        """Return the old and new value of every field that differs, except name and teams."""
        was = before.described()
        return {name: (was[name], value) for name, value in self.described().items() if value != was[name]}


def check_line(name: str) -> None:
    """Raise `Invalid` for a name that lists and logs could not show unchanged."""
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > MAX_NAME:
        raise Invalid("name", f"must be one line of 1 to {MAX_NAME} characters, without spaces at either end")


def _check_name(name: str) -> None:
    check_line(name)
    if name in {".", ".."}:
        raise Invalid("name", "must not be . or ..: clients remove these from paths, so the API could not address them")


def _check_channels(field_name: str, numbers: Mapping[str, int], *, least: int) -> None:
    for channel, number in numbers.items():
        if channel not in set(Channel):
            raise Invalid(field_name, f"'{channel}' is not a channel: use {', '.join(Channel)}")
        _check_number(f"{field_name}.{channel}", number, least=least)


def _check_number(field_name: str, number: int, *, least: int) -> None:
    if not least <= number <= MOST:
        raise Invalid(field_name, f"is {number}: use {least} to {MOST}")
