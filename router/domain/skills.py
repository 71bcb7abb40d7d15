"""What an agent can handle: skills with a level and languages, and the words that requirements are matched with."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from router.domain.errors import Invalid

LOWEST, HIGHEST = 1, 5
USUAL_LEVEL = 3
"""The level of a skill that is given without one."""

_NAME = re.compile(r"[a-z0-9-]{1,24}", re.ASCII)
_CODE = re.compile(r"[a-z]{2,3}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skills:
    """An agent's skills by name, each with a level of 1 to 5, and languages by ISO 639 code."""

    levels: Mapping[str, int] = field(default_factory=dict)
    languages: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, words: Collection[str]) -> "Skills":
        """Read `german`, `german:4` and `language:de`; raises `Invalid` for a level that is none."""
        spoken = {word for word in words if word.startswith("language:")}
        return cls(
            levels=dict(_levelled(word) for word in words if word not in spoken),
            languages=frozenset(word.removeprefix("language:") for word in spoken),
        )

    def words(self) -> frozenset[str]:
        """What requirements are matched with: a level covers those below it, and the bare name asks for any."""
        named = {word for name, level in self.levels.items() for word in _covered(name, level)}
        return frozenset(named | {f"language:{code}" for code in self.languages})

    def check(self) -> None:
        """Raise `Invalid`, naming the field, for what no policy could ask for."""
        for name, level in self.levels.items():
            _check_skill(name, level)
        for code in self.languages:
            if not _CODE.fullmatch(code):
                raise Invalid("languages", f"holds '{code}', which is no language: use its ISO 639 code, such as de")


def _levelled(word: str) -> tuple[str, int]:
    name, colon, level = word.rpartition(":")
    if not colon:
        return word, USUAL_LEVEL
    if not re.fullmatch(f"[{LOWEST}-{HIGHEST}]", level):
        raise Invalid("skills", f"holds '{word}': a level is {LOWEST} to {HIGHEST}, as in german:4")
    return name, int(level)


def _covered(name: str, level: int) -> set[str]:
    return {name, *(f"{name}:{covered}" for covered in range(LOWEST, level + 1))}


def _check_skill(name: str, level: int) -> None:
    if not _NAME.fullmatch(name) or name == "language":
        raise Invalid("skills", f"holds '{name}', which is no skill: use 1 to 24 of a-z, 0-9 and -")
    if not LOWEST <= level <= HIGHEST:
        raise Invalid(f"skills.{name}", f"is {level}: a level is {LOWEST} to {HIGHEST}")
