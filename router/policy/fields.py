"""The kinds of values in a policy file, each with the error sentence for a wrong value."""

import re
from collections.abc import Sized
from datetime import timedelta
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from channels.message import Channel
from router.domain.errors import Invalid
from router.domain.profile import MOST
from router.domain.skills import Skills
from router.domain.triage import Complexity
from router.policy.words import words_of

_Many = TypeVar("_Many", bound=Sized)

_NAME = re.compile(r"[a-z0-9-]{1,24}")
_DURATION = re.compile(r"(\d{1,5})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(span: timedelta) -> str:
    """Return whole seconds as the file would say them, in the largest unit that fits: `90m`, `4h`, `45s`."""
    seconds = int(span.total_seconds())
    sizes = ((timedelta(**{name: 1}) // timedelta(seconds=1), unit) for unit, name in reversed(_UNITS.items()))
    return next(f"{seconds // size}{unit}" for size, unit in sizes if seconds % size == 0) if seconds else "0"


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"'{text}' is not a name: use 1 to 24 of a-z, 0-9 and -")
    return text


def _language(text: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}", text):
        raise ValueError(f"'{text}' is not a language: use its ISO 639 code, such as en or de")
    return text


def _skill(text: str) -> str:
    try:
        Skills.parse([text]).check()
    except Invalid:
        how = "write a name, a name with a level such as german:4, or language:de"
        raise ValueError(f"'{text}' is not a skill: {how}") from None
    return text


def _phrase(text: str) -> str:
    if not words_of(text).strip():
        raise ValueError(f"'{text}' contains no word")
    return text


def _duration(value: object) -> object:
    if value == "0":
        return timedelta(0)
    if not isinstance(value, str) or not (parts := _DURATION.fullmatch(value)):
        raise ValueError(f"'{value}' is not a duration: write 45s, 10m, 4h or 2d")
    return timedelta(**{_UNITS[parts[2]]: int(parts[1])})


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("must be longer than 0")
    return value


def _reopen(value: object) -> object:
    try:
        return value if value in ("always", "never") else _duration(value)
    except ValueError:
        raise ValueError(f"'{value}' is not a rule: write always, never, or a duration such as 14d") from None


def _dropped(value: object) -> object:
    return None if value == "true" else _listed(value)


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _filled(value: _Many) -> _Many:
    if not value:
        raise ValueError("must name at least one")
    return value


Name = Annotated[str, AfterValidator(_name)]
Language = Annotated[str, AfterValidator(_language)]
Skill = Annotated[str, AfterValidator(_skill)]
Phrase = Annotated[str, AfterValidator(_phrase)]
Glob = Annotated[str, StringConstraints(min_length=1)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Target = Annotated[Duration, AfterValidator(_positive)]
ReopenRule = Annotated[Literal["always", "never"] | timedelta, BeforeValidator(_reopen)]
Weight = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)]
Share = Annotated[int, Field(ge=1, le=MOST)]
Number = Annotated[int, Field(ge=0, le=MOST)]

NotEmpty = AfterValidator(_filled)
_any_of = BeforeValidator(_listed)
AnyName = Annotated[tuple[Name, ...], _any_of, NotEmpty]
AnyGlob = Annotated[tuple[Glob, ...], _any_of, NotEmpty]
AnyPhrase = Annotated[tuple[Phrase, ...], _any_of, NotEmpty]
AnyLanguage = Annotated[tuple[Language, ...], _any_of, NotEmpty]
AnyChannel = Annotated[tuple[Channel, ...], _any_of, NotEmpty]
AnyComplexity = Annotated[tuple[Complexity, ...], _any_of, NotEmpty]
Languages = Annotated[tuple[Language, ...], _any_of]
Names = Annotated[tuple[Name, ...], _any_of]
Channels = Annotated[tuple[Channel, ...], _any_of]
SkillList = Annotated[tuple[Skill, ...], _any_of]
DroppedSkills = Annotated[tuple[Skill, ...] | None, BeforeValidator(_dropped)]
Globs = Annotated[tuple[Glob, ...], _any_of]
