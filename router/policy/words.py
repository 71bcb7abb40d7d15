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

_HEAD = 3
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Words:
    """A text as case-folded words with single spaces between and around them, and the first letters of each word."""

    text: str
    heads: frozenset[str]

    def around(self, needle: str) -> str:
        """The whole words where the needle is found first."""
        at = self.text.index(needle)
        begin = self.text.rfind(" ", 0, at + 1) + 1
        return self.text[begin : self.text.index(" ", at + len(needle) - 1)]


@lru_cache(maxsize=8)
def as_words(subject: str, text: str) -> Words:
    """The words of the first 8,000 characters. Classify and route ask for the same message, hence the small cache."""
    words = split_words(f"{subject}\n{text}"[:READ_CHARACTERS])
    return Words(f" {' '.join(words)} ", frozenset({word[:_HEAD] for word in set(words)} | {""}))


@dataclass(frozen=True, slots=True)
class WordList:
    """Words and phrases to find as whole words; `refund*` also finds what begins with it, `*refund*` what holds it.

    Each needle goes with the head that some word of the text must have: a set lookup spares most searches.
    """

    phrases: tuple[str, ...]
    needles: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, phrases: Iterable[str]) -> Self:
        kept = tuple(phrases)
        return cls(kept, tuple(map(_needle, kept)))

    def first_in(self, words: Words) -> str | None:
        """The text's own words where it says the first phrase of the list that it says at all, or None."""
        for head, needle in self.needles:
            if head in words.heads and needle in words.text:
                return words.around(needle)
        return None


def _needle(phrase: str) -> tuple[str, str]:
    words = split_words(phrase)
    before = "" if phrase.startswith("*") else " "
    after = "" if phrase.endswith("*") else " "
    is_short_stem = len(words) == 1 and len(words[0]) < _HEAD and not after
    return "" if is_short_stem or not before else words[0][:_HEAD], f"{before}{' '.join(words)}{after}"


def split_words(text: str) -> list[str]:
    """The case-folded words of a text; letters, digits and _ make words (compatibility forms are unified: NFKC)."""
    folded = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return _WORD.findall(folded)


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
