"""Word lists and address patterns, compiled once. Knows nothing about the routes and signals that use them."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Self

import ahocorasick

from channels import numbers
from router.domain.triage import Words

# A query says early what it is about; the rest of a very long mail is quoted logs and legal footers.
READ_CHARACTERS = 8_000

_WORD = re.compile(r"\w+")
# what each ASCII code becomes: word characters in lower case, everything else a space
_ASCII_WORDS = bytes(ord(chr(code).lower()) if re.match(r"\w", chr(code)) else 32 for code in range(128)).ljust(256)


def as_words(subject: str, text: str) -> Words:
    """Return the words of the first 8,000 characters."""
    return words_of(f"{subject}\n{text}"[:READ_CHARACTERS])


def words_of(text: str) -> Words:
    """Return the words of a text: letters, digits and _ make words; compatibility forms are unified (NFKC)."""
    if not text.isascii():
        return Words(" ".join(["", *_WORD.findall(unicodedata.normalize("NFKC", text).casefold()), ""]))
    # The same result, five times as fast.
    words = f" {text} ".encode().translate(_ASCII_WORDS).decode()
    while "  " in words:
        words = words.replace("  ", " ")
    return Words(words)


class Lexicon:
    """Searches for several word lists at once: one pass over a text finds all phrases (Aho, Corasick 1975).

    Phrases match whole words; `refund*` also finds words that begin with it, `*refund*` words that contain it.
    """

    def __init__(self, lists: Sequence[Iterable[str]]) -> None:
        self._lists = len(lists)
        self._automaton = ahocorasick.Automaton()
        for number, phrases in enumerate(lists):
            for rank, phrase in enumerate(phrases):
                needle = _needle(phrase)
                self._automaton.add_word(needle, (*self._automaton.get(needle, ()), (number, rank, needle)))
        self._automaton.make_automaton()

    def first_of_each(self, words: Words) -> list[str | None]:
        """Find each list's first phrase that the text contains; return the text's own words for it, or None."""
        found: list[tuple[int, str] | None] = [None] * self._lists
        for end, entries in self._automaton.iter(words) if len(self._automaton) else ():
            for number, rank, needle in entries:
                earlier = found[number]
                if earlier is None or rank < earlier[0]:
                    found[number] = rank, _around(needle, end, words)
        return [entry and entry[1] for entry in found]


@dataclass(frozen=True, slots=True)
class WordList:
    """The words and phrases of one signal or condition."""

    phrases: tuple[str, ...]
    lexicon: Lexicon

    @classmethod
    def of(cls, phrases: Iterable[str]) -> Self:
        kept = tuple(phrases)
        return cls(kept, Lexicon([kept]))

    def first_in(self, words: Words) -> str | None:
        """Find the list's first phrase that the text contains; return the text's own words for it, or None."""
        return self.lexicon.first_of_each(words)[0]


def _around(needle: str, end: int, words: Words) -> str:
    """Return the whole words around a needle that ends at this place."""
    begin = words.rfind(" ", 0, end - len(needle) + 2) + 1
    return words[begin : words.index(" ", end)]


def _needle(phrase: str) -> str:
    before = "" if phrase.startswith("*") else " "
    after = "" if phrase.endswith("*") else " "
    return f"{before}{words_of(phrase).strip()}{after}"


@dataclass(frozen=True, slots=True)
class Globs:
    """Address patterns: `*` stands for any characters and `?` for one; case does not matter.

    A number means the same however the pattern or the message spells it.
    """

    patterns: tuple[str, ...]
    compiled: re.Pattern[str]

    @classmethod
    def of(cls, patterns: Iterable[str]) -> Self:
        kept = tuple(patterns)
        # (?!) matches nothing: an empty list must not match an empty string.
        spelled = (numbers.canonical(number) for pattern in kept if (number := numbers.e164(pattern)))
        return cls(kept, re.compile("|".join(map(translate, (*kept, *spelled))) or "(?!)", re.IGNORECASE))

    def match(self, value: str) -> bool:
        return any(map(self.compiled.match, {value, numbers.canonical(value)}))
