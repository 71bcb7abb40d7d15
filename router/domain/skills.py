"""What an agent can handle: skills with levels, and languages; also the words that requirements are matched against."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from router.domain.errors import Invalid

LOWEST, HIGHEST = 1, 5
USUAL_LEVEL = 3
"""The level of a skill that is written without one."""

_NAME = re.compile(r"[a-z0-9-]{1,24}", re.ASCII)
_CODE = re.compile(r"[a-z]{2,3}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skills:
    """An agent's skills by name, each with a level from 1 to 5, and languages by ISO 639 code."""

    levels: Mapping[str, int] = field(default_factory=dict)
    languages: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, words: Collection[str]) -> "Skills":
        """Read `german`, `german:4` and `language:de`; raises `Invalid` for an invalid level."""
        spoken = {word for word in words if word.startswith("language:")}
        return cls(
            levels=dict(_levelled(word) for word in words if word not in spoken),
            languages=frozenset(word.removeprefix("language:") for word in spoken),
        )

    def words(self) -> frozenset[str]:
        """Return the words that requirements are matched against: a level covers those below it, a bare name any."""
        named = {word for name, level in self.levels.items() for word in _covered(name, level)}
        return frozenset(named | {f"language:{code}" for code in self.languages})

    def check(self) -> None:
        """Raise `Invalid` with the field for anything that no policy could ask for."""
        for name, level in self.levels.items():
            _check_skill(name, level)
        for code in self.languages:
            if not _CODE.fullmatch(code):
                raise Invalid("languages", f"'{code}' is not a language: use its ISO 639 code, such as de")


def _levelled(word: str) -> tuple[str, int]:
    name, colon, level = word.rpartition(":")
    if not colon:
        return word, USUAL_LEVEL
    if not re.fullmatch(f"[{LOWEST}-{HIGHEST}]", level):
        raise Invalid("skills", f"'{word}' has an invalid level: use {LOWEST} to {HIGHEST}, as in german:4")
    return name, int(level)


def _covered(name: str, level: int) -> set[str]:
    return {name, *(f"{name}:{covered}" for covered in range(LOWEST, level + 1))}


def _check_skill(name: str, level: int) -> None:
    if not _NAME.fullmatch(name) or name == "language":
        raise Invalid("skills", f"'{name}' is not a skill: use 1 to 24 of a-z, 0-9 and -")
    if not LOWEST <= level <= HIGHEST:
        raise Invalid(f"skills.{name}", f"is {level}: use a level from {LOWEST} to {HIGHEST}")
