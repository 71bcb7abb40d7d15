"""What of a mail's text is new: quoted lines are left out if the conversation holds their words, and only then.

A quoted line is held if each of its words stands in a run of four that an earlier message has too, or if all of it is a
short line there. So a line that was changed, or that quotes somebody else, stays where it is, with its marks.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, groupby, pairwise

from channels.message import Line

RUN = 4
"""Words that follow each other in two texts; fewer do so by chance."""

_MARKERS = re.compile(r"^[ \t]*(?:>[ \t]?)+")
_AROUND = (
    "*_<>\"'`.,;:!?()[]|\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
)
_WITHOUT_SPACES = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
"""Letters of scripts that put no space between words: each counts as one."""

_SUBJECT = re.compile(
    r"\*?(?:subject|betreff|objet|asunto|oggetto|assunto|onderwerp|ämne|emne|temat|тема|件名|主题|主旨|제목)\s?\*?\s?[::](.*)",
    re.IGNORECASE,
)
_ANSWERS = re.compile(r"(?:\s*(?:re|aw|sv|antw|r|fwd?|wg|tr|rv)\s*:)+", re.IGNORECASE)

Words = tuple[str, ...]


class Held:
    """The words that a conversation holds: its earlier messages, with their subjects."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._runs: set[Words] = set()
        self._short: set[Words] = set()
        for text in texts:
            lines = [_words(_without_answers(line)) for line in text.split("\n")]
            self._short.update(line for line in lines if 0 < len(line) < RUN)
            self._runs.update(_runs(tuple(chain.from_iterable(lines))))

    def __bool__(self) -> bool:
        """Return whether the conversation holds any words."""
        return bool(self._runs or self._short)

    def has_line(self, words: Words) -> bool:
        """Return whether a line with just these words is held."""
        return words in self._short or (len(words) >= RUN and all(self.covers(words)))

    def covers(self, words: Words) -> list[bool]:
        """Return for each word whether a run with it is held."""
        covered = [False] * len(words)
        for start, run in enumerate(_runs(words)):
            if run in self._runs:
                covered[start : start + RUN] = [True] * RUN
        return covered


def fold(text: str, lines: str, held: Held) -> str:
    """Return the text without the quoted lines that are held, or all of it if nothing else would be left.

    `lines` has a letter of `Line` for each line of the text.
    """
    if Line.QUOTED not in lines or not held:
        return text
    written = text.split("\n")
    words = [_words(line) for line in written]
    is_held = list(_held_lines(words, lines, held))
    if not any(is_held):
        return text
    _fold_introductions(written, words, lines, is_held, held)
    _fold_blanks(words, lines, is_held)
    left = "\n".join(line for line, folded in zip(written, is_held, strict=True) if not folded).strip()
    return left or text


def written_in(text: str, lines: str) -> str:
    """Return what was not quoted, or all of the text if all of it was."""
    if not lines:
        return text
    own = "\n".join(line for line, kind in zip(text.split("\n"), lines, strict=True) if kind == Line.WRITTEN)
    return own if own.strip() else text


def _words(line: str) -> Words:
    spaced = _WITHOUT_SPACES.sub(r" \g<0> ", _MARKERS.sub("", line))
    bare = (word.strip(_AROUND) for word in spaced.split())
    return tuple(word for word in bare if word)


def _runs(words: Words) -> Iterator[Words]:
    for start in range(len(words) - RUN + 1):
        yield words[start : start + RUN]


def _held_lines(words: Sequence[Words], lines: str, held: Held) -> Iterator[bool]:
    """Yield whether each line is quoted and held. Quoted lines that follow each other are read as one text."""
    for kind, places in groupby(range(len(lines)), key=lines.__getitem__):
        together = [words[place] for place in places]
        if kind != Line.QUOTED:
            yield from [False] * len(together)
            continue
        covered = held.covers(tuple(chain.from_iterable(together)))
        ends = accumulate(map(len, together))
        for line, end in zip(together, ends, strict=True):
            yield bool(line) and (all(covered[end - len(line) : end]) or held.has_line(line))


def _fold_introductions(
    written: Sequence[str], words: Sequence[Words], lines: str, is_held: list[bool], held: Held
) -> None:
    """Fold the lines above a quote that is folded whole; a subject in them must be held too."""
    groups = [(kind, list(places)) for kind, places in groupby(range(len(lines)), key=lines.__getitem__)]
    for (kind, above), (kind_below, below) in pairwise(groups):
        said = [place for place in below if words[place]]
        if (
            kind != Line.INTRODUCES
            or kind_below != Line.QUOTED
            or not said
            or not all(is_held[place] for place in said)
        ):
            continue
        if all(_is_held_subject(written[place], held) for place in above):
            for place in above:
                is_held[place] = True


def _is_held_subject(line: str, held: Held) -> bool:
    found = _SUBJECT.match(_MARKERS.sub("", line))
    subject = _words(_without_answers(found.group(1))) if found else ()
    return not subject or held.has_line(subject)


def _without_answers(subject: str) -> str:
    return _ANSWERS.sub("", subject, count=1) if _ANSWERS.match(subject) else subject


def _fold_blanks(words: Sequence[Words], lines: str, is_held: list[bool]) -> None:
    """Fold quoted lines without words, unless they stand between lines that stay."""
    last_stays = True
    for place, line in enumerate(words):
        if line:
            last_stays = not is_held[place]
        elif lines[place] == Line.QUOTED and not last_stays:
            is_held[place] = True
    next_stays = True
    for place in range(len(words) - 1, -1, -1):
        if words[place]:
            next_stays = not is_held[place]
        elif lines[place] == Line.QUOTED and not next_stays:
            is_held[place] = True
