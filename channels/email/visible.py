"""What a person sees of a mail: its texts in order, and of several forms of one text the one that says it all."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from itertools import chain

from channels.email import transfer
from channels.email.charset import decode, meta_charset
from channels.email.files import IGNORED, is_text
from channels.email.parts import Part, branches, is_branch
from channels.text import Pages, is_blank

MAX_COMPARED = 4_000
"""Characters of a plain text that are compared with its HTML; a longer one is no stand-in."""

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_NOTICE = re.compile(r"html|browser|navigateur|navegador|mail (?:client|program)", re.IGNORECASE)
_MAX_NOTICE = 400
_MOSTLY = 0.8
_SOME = 2
"""Words by which two forms of one text differ anyway, such as a link's."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One text of a mail, out of plain text or out of a page of HTML.

    `richer` are the pieces that show the same in HTML; None if there are none. `guessed` names a charset that nothing
    told, with the guesser's confidence.
    """

    plain: str = ""
    page: int | None = None
    pages: Pages
    richer: tuple["Piece", ...] | None = None
    guessed: str = ""

    @cached_property
    def text(self) -> str:
        """What a person reads, without blank lines around it."""
        return (self.plain if self.page is None else self.pages.text(self.page)).strip("\n")

    @cached_property
    def words(self) -> frozenset[str]:
        """The different words, by which forms of one text are compared."""
        return frozenset(_WORD.findall(self.text[: 2 * MAX_COMPARED].casefold()))

    def html(self) -> Iterator[str]:
        """Yield the same as HTML, which is not safe yet."""
        if self.richer is not None:
            for piece in self.richer:
                yield from piece.html()
        elif self.page is not None:
            yield self.pages.html(self.page)
        elif self.text.strip():
            yield f"<pre>{escape(self.text, quote=False)}</pre>"

    @property
    def is_rich(self) -> bool:
        return self.page is not None or any(piece.is_rich for piece in self.richer or ())


_Form = Sequence["Piece | _Forms"]


@dataclass(frozen=True, slots=True)
class _Forms:
    """Several forms of what one text says, the plainest first (RFC 2046, 5.1.4)."""

    forms: Sequence[_Form]


def pieces_of(message: Part) -> list[Piece]:
    """Return the texts of a mail that a person would see, in their order."""
    return _chosen(list(_read(message, Pages(), is_whole_mail=True)))


def _read(part: Part, pages: Pages, *, is_whole_mail: bool = False) -> Iterator[Piece | _Forms]:
    if is_branch(part):
        inner = [list(_read(branch, pages)) for branch in branches(part)]
        if part.kind == "multipart/alternative":
            yield _Forms(inner)
        else:
            yield from chain.from_iterable(inner)
    elif is_text(part, is_whole_mail=is_whole_mail) and part.kind not in IGNORED:
        yield _piece(part, pages)


def _piece(part: Part, pages: Pages) -> Piece:
    content = transfer.content(part)
    is_html = part.kind == "text/html"
    meta = meta_charset(content) if is_html else None
    read = decode(content, part.get_content_charset(), meta)
    text = read.text.replace("\r\n", "\n").replace("\r", "\n")
    if is_html:
        return Piece(page=pages.add(text), pages=pages, guessed=read.guessed)
    return Piece(plain=text, pages=pages, guessed=read.guessed)


def _chosen(form: _Form) -> list[Piece]:
    # All pages have been added by now, so that each is read as their length together demands.
    found: list[Piece] = []
    for shown in form:
        found += [shown] if isinstance(shown, Piece) else _best([_chosen(one) for one in shown.forms])
    return found


def _best(forms: Sequence[Sequence[Piece]]) -> list[Piece]:
    """Return the plain form with the HTML that shows the same, or all forms of which none says what another does."""
    plain = _different([form for form in forms if not _is_rich(form) and _is_written(form)])
    rich = [form for form in forms if _is_rich(form)]
    if not plain or not rich:
        return list(chain.from_iterable(plain or _different(rich[::-1])[::-1]))
    said = list(chain.from_iterable(plain))
    if sum(len(piece.text) for piece in said) > MAX_COMPARED:
        return _shown_as(said, rich[-1])
    more = _different(rich[::-1], to=said)[::-1]
    if not more:
        return _shown_as(said, rich[-1]) if _says(rich[-1], said) else said
    richest = list(chain.from_iterable(more))
    if _is_notice(said) or _says(richest, said):
        return richest
    return [piece for form in forms if form in plain or form in more for piece in form]


def _shown_as(said: Sequence[Piece], rich: Sequence[Piece]) -> list[Piece]:
    return [replace(said[0], richer=tuple(rich)), *(replace(piece, richer=()) for piece in said[1:])]


def _different(forms: Sequence[Sequence[Piece]], *, to: Sequence[Piece] = ()) -> list[Sequence[Piece]]:
    """Return the forms that say something that the ones before them, and `to`, do not."""
    if len(forms) == 1 and not to:
        return list(forms)
    kept: list[Sequence[Piece]] = []
    for form in forms:
        said = [*to, *chain.from_iterable(kept)]
        if _is_written(form) and not (said and _says(said, form)):
            kept.append(form)
    return kept


def _says(said: Sequence[Piece], form: Sequence[Piece]) -> bool:
    words = _words(form)
    return len(words - _words(said)) <= max(_SOME, (1 - _MOSTLY) * len(words))


def _words(form: Sequence[Piece]) -> frozenset[str]:
    return frozenset[str]().union(*(piece.words for piece in form))


def _is_notice(said: Sequence[Piece]) -> bool:
    text = "\n".join(piece.text for piece in said)
    return len(text) <= _MAX_NOTICE and _NOTICE.search(text) is not None


def _is_rich(form: Sequence[Piece]) -> bool:
    return any(piece.is_rich for piece in form)


def _is_written(form: Sequence[Piece]) -> bool:
    return any(not is_blank(piece.text) for piece in form)
