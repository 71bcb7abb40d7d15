"""What is kept about an agent: teams, skills, and how much work they carry. Leaves keeping it to a store."""

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

    `limit`, `weights` and `most` mean what they mean in `Capacity`; what they do not say, the policy says. A retired
    agent keeps the name in the history, has no token and is given nothing.
    """

    name: str
    teams: frozenset[str] = frozenset()
    skills: Skills = field(default_factory=Skills)
    limit: int | None = None
    weights: Mapping[str, int] = field(default_factory=dict)
    most: Mapping[str, int] = field(default_factory=dict)
    is_retired: bool = False

    def capacity(self, usual: Capacity) -> Capacity:
        """How much the agent carries, where the policy says `usual`."""
        return usual.adjusted(limit=self.limit, weights=self.weights, most=self.most)

    def check(self) -> None:
        """Raise `Invalid`, naming the field and what is allowed; teams are left to whoever knows the policy."""
        _check_name(self.name)
        self.skills.check()
        if self.limit is not None:
            _check_number("limit", self.limit, least=0)
        _check_channels("weights", self.weights, least=1)
        _check_channels("most", self.most, least=0)

    def described(self) -> Mapping[str, object]:
        """Everything but name and teams, as it is written down when it changes."""
        return {
            "skills": dict(sorted(self.skills.levels.items())),
            "languages": sorted(self.skills.languages),
            "limit": self.limit,
            "weights": dict(self.weights),
            "most": dict(self.most),
            "is_retired": self.is_retired,
        }

    def changes_from(self, before: "Profile") -> Mapping[str, tuple[object, object]]:
        """What was and what is, for everything but teams that differs."""
        was = before.described()
        return {name: (was[name], value) for name, value in self.described().items() if value != was[name]}


def check_line(name: str) -> None:
    """Raise `Invalid` for a name that lists and logs could not show as it is."""
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > MAX_NAME:
        raise Invalid("name", f"must be one line of 1 to {MAX_NAME} characters without spaces around it")


def _check_name(name: str) -> None:
    check_line(name)
    if name in {".", ".."}:
        raise Invalid("name", "must not be . or .., which clients take out of paths: the API could not name them")


def _check_channels(field_name: str, numbers: Mapping[str, int], *, least: int) -> None:
    for channel, number in numbers.items():
        if channel not in set(Channel):
            raise Invalid(field_name, f"names '{channel}', which is no channel: use {', '.join(Channel)}")
        _check_number(f"{field_name}.{channel}", number, least=least)


def _check_number(field_name: str, number: int, *, least: int) -> None:
    if not least <= number <= MOST:
        raise Invalid(field_name, f"is {number}: use {least} to {MOST}")
