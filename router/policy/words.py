"""Word lists and address patterns, compiled once. Knows nothing of the routes and signals that use them."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from typing import Self

# A query says what it is about early; what follows in a very long mail is quoted logs and legal footers.
READ_CHARACTERS = 8_000

_WORD = re.compile(r"\w+")


@lru_cache(maxsize=8)
def as_words(subject: str, text: str) -> str:
    """The first 8,000 characters as case-folded words with single spaces between and around them: ` my order `.

    Classify and route ask for the same message one after the other, hence the small cache.
    """
    return " " + _words(f"{subject}\n{text}"[:READ_CHARACTERS]) + " "


def _words(text: str) -> str:
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


@dataclass(frozen=True, slots=True)
class WordList:
    """Words and phrases to find as whole words; `refund*` also finds what begins with it, `*refund*` what holds it."""

    phrases: tuple[str, ...]
    needles: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, phrases: Iterable[str]) -> Self:
        kept = tuple(phrases)
        return cls(kept, tuple((_needle(phrase), phrase.strip("*")) for phrase in kept))

    def first_in(self, words: str) -> str | None:
        """The first phrase of the list that `words` (from `as_words`) holds, or None."""
        for needle, phrase in self.needles:
            if needle in words:
                return phrase
        return None


def _needle(phrase: str) -> str:
    before = "" if phrase.startswith("*") else " "
    after = "" if phrase.endswith("*") else " "
    return f"{before}{_words(phrase)}{after}"


@dataclass(frozen=True, slots=True)
class Globs:
    """Address patterns in which `*` stands for any characters and `?` for one; case does not matter."""

    patterns: tuple[str, ...]
    compiled: re.Pattern[str]

    @classmethod
    def of(cls, patterns: Iterable[str]) -> Self:
        kept = tuple(patterns)
        # (?!) matches nothing: an empty list must not match the empty string.
        return cls(kept, re.compile("|".join(map(translate, kept)) or "(?!)", re.IGNORECASE))

    def match(self, value: str) -> bool:
        return self.compiled.match(value) is not None
