"""The conditions of a route, compiled: whether they hold for a message, and which conditions cover which others."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from router.domain.triage import Facts
from router.policy.words import Globs, WordList


@dataclass(frozen=True, slots=True)
class When:
    """Holds if all conditions hold, and always if there are none."""

    conditions: tuple["Condition", ...] = ()

    def holds(self, facts: Facts) -> bool:
        # `all` with a generator takes twice as long, for every message and every route
        for condition in self.conditions:  # noqa: SIM110
            if not condition.holds(facts):
                return False
        return True

    def covers(self, other: "When") -> bool:
        """Whether this is sure to hold wherever `other` holds, judged by the conditions as written."""
        narrower = {condition.key: condition.wanted for condition in other.conditions}
        return all(c.key in narrower and narrower[c.key] <= c.wanted for c in self.conditions)

    def wanted(self, key: str) -> frozenset[str] | None:
        """Return the values that the condition `key` accepts, as written; None if there is no such condition."""
        return next((condition.wanted for condition in self.conditions if condition.key == key), None)


@dataclass(frozen=True, slots=True)
class Condition:
    """One key of `when` with its values as written; any one of them is enough."""

    key: str
    wanted: frozenset[str]
    holds: Callable[[Facts], bool]


def one_of(key: str, values: Iterable[str]) -> Condition:
    """Holds if the fact named `key` is one of the values."""
    wanted = frozenset(map(str, values))
    return Condition(key, wanted, lambda facts: getattr(facts, key) in wanted)


def is_so(key: str, fact: str, value: bool) -> Condition:
    """Holds if the fact named `fact` equals `value`."""
    return Condition(key, frozenset({"true" if value else "false"}), lambda facts: getattr(facts, fact) is value)


def like(key: str, read: Callable[[Facts], str | None], patterns: Iterable[str]) -> Condition:
    """Holds if `read` finds a value and it matches one of the patterns."""
    globs = Globs.of(patterns)

    def holds(facts: Facts) -> bool:
        value = read(facts)
        return value is not None and globs.match(value)

    return Condition(key, frozenset(globs.patterns), holds)


def says(phrases: Iterable[str]) -> Condition:
    """Holds if the subject or text contains one of the phrases."""
    words = WordList.of(phrases)
    return Condition("words", frozenset(words.phrases), lambda facts: words.first_in(facts.words) is not None)


def attributes(wanted: Mapping[str, Iterable[str]]) -> tuple[Condition, ...]:
    """Return a condition for each attribute: it is present and matches one of its patterns."""
    return tuple(like(f"attributes.{name}", _attribute(name), patterns) for name, patterns in wanted.items())


def _attribute(name: str) -> Callable[[Facts], str | None]:
    return lambda facts: facts.attributes.get(name)
