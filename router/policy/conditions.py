"""The conditions of a route, compiled: whether they hold for a message or which failed first, and which cover which."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

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

    def why_not(self, facts: Facts) -> str | None:
        """Return the first condition that does not hold, as `channel is email, not chat`; None if all hold."""
        return next((condition.why_not(facts) for condition in self.conditions if not condition.holds(facts)), None)

    def both(self, other: "When") -> "When | None":
        """Return what holds only where both hold, judged by the conditions as written; None if that is nowhere."""
        here = {condition.key: condition for condition in self.conditions}
        merged = {**here, **{c.key: c.within(here.get(c.key)) for c in other.conditions}}
        return When(tuple(merged.values())) if all(condition.wanted for condition in merged.values()) else None

    def of_one_value_each(self) -> "Iterator[When]":
        """Yield the parts of this in which every condition accepts a single value; together they are the whole."""
        for values in product(*(sorted(condition.wanted) for condition in self.conditions)):
            pairs = zip(self.conditions, values, strict=True)
            yield When(tuple(replace(condition, wanted=frozenset({value})) for condition, value in pairs))

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
    found: Callable[[Facts], str]

    def why_not(self, facts: Facts) -> str:
        """Say what was found instead, for a message for which it does not hold."""
        return f"{self.key} {self.found(facts)}, not {' or '.join(sorted(self.wanted))}"

    def within(self, other: "Condition | None") -> "Condition":
        """Return this condition with only the values that `other` accepts too, if there is another on the same key."""
        return replace(self, wanted=self.wanted & other.wanted) if other else self


def one_of(key: str, values: Iterable[str]) -> Condition:
    """Holds if the fact named `key` is one of the values."""
    wanted = frozenset(map(str, values))
    return Condition(
        key,
        wanted,
        lambda facts: getattr(facts, key) in wanted,
        lambda facts: f"is {getattr(facts, key) or 'unknown'}",
    )


def is_so(key: str, fact: str, value: bool) -> Condition:
    """Holds if the fact named `fact` equals `value`."""
    return Condition(
        key,
        frozenset({_yes_no(value)}),
        lambda facts: getattr(facts, fact) is value,
        lambda facts: f"is {_yes_no(getattr(facts, fact))}",
    )


def like(key: str, read: Callable[[Facts], str | None], patterns: Iterable[str]) -> Condition:
    """Holds if `read` finds a value and it matches one of the patterns."""
    globs = Globs.of(patterns)

    def holds(facts: Facts) -> bool:
        value = read(facts)
        return value is not None and globs.match(value)

    return Condition(key, frozenset(globs.patterns), holds, lambda facts: f"is {read(facts) or 'missing'}")


def says(phrases: Iterable[str]) -> Condition:
    """Holds if the subject or text contains one of the phrases."""
    words = WordList.of(phrases)
    return Condition(
        "words",
        frozenset(words.phrases),
        lambda facts: words.first_in(facts.words) is not None,
        lambda _: "are others",
    )


def attributes(wanted: Mapping[str, Iterable[str]]) -> tuple[Condition, ...]:
    """Return a condition for each attribute: it is present and matches one of its patterns."""
    return tuple(like(f"attributes.{name}", _attribute(name), patterns) for name, patterns in wanted.items())


def _attribute(name: str) -> Callable[[Facts], str | None]:
    return lambda facts: facts.attributes.get(name)


def _yes_no(value: bool) -> str:
    return "true" if value else "false"
