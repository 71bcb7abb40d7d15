"""What the demonstration's customers write (from samples.yaml), and who they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random

import yaml

_SAMPLES = Path(__file__).with_name("samples.yaml")
_FIRST = {
    "en": ("Ada", "Ben", "Cleo", "Dev", "Esme", "Finn", "Gwen", "Hugo", "Iris", "Joel", "Kiki", "Lars", "Mina", "Noah"),
    "de": ("Anke", "Bodo", "Clara", "Dirk", "Elke", "Falk", "Gesa", "Heiko", "Ilse", "Jonas"),
}
_LAST = {
    "en": ("Sample", "Example", "Placeholder", "Testwell", "Demory", "Mockford", "Draftley"),
    "de": ("Muster", "Beispiel", "Probst-Muster", "Vorlage"),
}
# Number ranges that regulators reserve for films: Ofcom's 07700 900xxx, the Bundesnetzagentur's 0171 39200xx.
_NUMBERS = {"en": ("+447700900", 1000), "de": ("+4917139200", 100)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A text and the format that carries it."""

    format: str
    text: str
    subject: str | None = None
    language: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A made-up customer with all of their addresses."""

    name: str
    email: str
    phone: str
    user_id: str


def load_samples() -> list[Sample]:
    """Load every sample, in the order of the file."""
    formats = yaml.safe_load(_SAMPLES.read_text(encoding="utf-8"))
    return [Sample(format=name, **sample) for name, samples in formats.items() for sample in samples]


def shuffled(random: Random) -> Iterator[Sample]:
    """Yield samples forever, in shuffled rounds: each round has every sample once."""
    samples = load_samples()
    while True:
        yield from random.sample(samples, len(samples))


class Crowd:
    """Makes people, each only once until the numbers run out; then a number returns with a new mailbox."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._numbers = {language: count() for language in _NUMBERS}

    def person(self, language: str = "en") -> Person:
        """Return somebody with a name and a phone number that fit the language."""
        number = next(self._numbers[language])
        prefix, size = _NUMBERS[language]
        first, last = self._random.choice(_FIRST[language]), self._random.choice(_LAST[language])
        return Person(
            name=f"{first} {last}",
            email=f"{first}.{last}{number}@example.com".lower(),
            phone=f"{prefix}{number % size:0{len(str(size - 1))}}",
            user_id=f"{first.lower()}-{number}",
        )
