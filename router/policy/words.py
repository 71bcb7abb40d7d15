"""Word lists and address patterns, compiled once. Knows nothing of the routes and signals that use them."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Self

import ahocorasick

from router.domain.triage import Words

# A query says what it is about early; what follows in a very long mail is quoted logs and legal footers.
READ_CHARACTERS = 8_000

_WORD = re.compile(r"\w+")
# what each ASCII code becomes among words: letters in lower case, and a space for whatever makes no word
_ASCII_WORDS = bytes(ord(chr(code).lower()) if re.match(r"\w", chr(code)) else 32 for code in range(128)).ljust(256)


def as_words(subject: str, text: str) -> Words:
    """The words of the first 8,000 characters."""
    return words_of(f"{subject}\n{text}"[:READ_CHARACTERS])


def words_of(text: str) -> Words:
    """The words of a text: letters, digits and _ make words, and compatibility forms are unified (NFKC)."""
    if not text.isascii():
        return Words(" ".join(["", *_WORD.findall(unicodedata.normalize("NFKC", text).casefold()), ""]))
    # The same, five times as fast.
    words = f" {text} ".encode().translate(_ASCII_WORDS).decode()
    while "  " in words:
        words = words.replace("  ", " ")
    return Words(words)


class Lexicon:
    """Word lists that are looked for together: one pass over a text finds the phrases of all (Aho, Corasick 1975).

    Phrases are found as whole words; `refund*` also finds what begins with it, `*refund*` what holds it.
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
        """For each list, the text's own words where it says the list's first phrase that it says at all, or None."""
        found: list[tuple[int, str] | None] = [None] * self._lists
        for end, entries in self._automaton.iter(words) if len(self._automaton) else ():
            for number, rank, needle in entries:
                earlier = found[number]
                if earlier is None or rank < earlier[0]:
                    found[number] = rank, _around(needle, end, words)
        return [entry and entry[1] for entry in found]


@dataclass(frozen=True, slots=True)
class WordList:
    """Words and phrases of one signal or condition."""

    phrases: tuple[str, ...]
    lexicon: Lexicon

    @classmethod
    def of(cls, phrases: Iterable[str]) -> Self:
        kept = tuple(phrases)
        return cls(kept, Lexicon([kept]))

    def first_in(self, words: Words) -> str | None:
        """The text's own words where it says the first phrase of the list that it says at all, or None."""
        return self.lexicon.first_of_each(words)[0]


def _around(needle: str, end: int, words: Words) -> str:
    """The whole words where the needle ends at this place."""
    begin = words.rfind(" ", 0, end - len(needle) + 2) + 1
    return words[begin : words.index(" ", end)]


def _needle(phrase: str) -> str:
    before = "" if phrase.startswith("*") else " "
    after = "" if phrase.endswith("*") else " "
    return f"{before}{words_of(phrase).strip()}{after}"


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
