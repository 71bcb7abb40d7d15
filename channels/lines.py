"""The lines of HTML that a reader sees, without columns, indents and styles: text and work grow only with the HTML."""

import re
from collections.abc import Iterator
from enum import IntEnum
from html import unescape
from itertools import count, repeat

UNSEEN = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))|<(script|style)\b.*?(?:</\1\b[^<>]*+>?|\Z)", re.IGNORECASE | re.DOTALL
)
"""Comments, scripts and style sheets; each ends with the page at the latest (WHATWG HTML, 13.2), so that no position is
looked at twice."""

# A quote counts only after "=" (WHATWG HTML, 13.2.5). Possessive, so that no position is looked at twice.
_TOKEN = re.compile(
    r"<(?P<closing>/?)(?P<tag>[a-zA-Z][^\s/<>]*+)"
    r"(?P<attributes>(?:[^<>=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+')?+)*+)>?"
    r"|<[!?/][^<>]*+>?"
    r"|(?P<words>(?:[^<]++|<(?![a-zA-Z/!?]))++)"
)
_EMPTY = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "wbr"}
)
_UNDISPLAYED = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_NO_CHARACTER = re.compile("&#[0-9]{99,};?")


class _Gap(IntEnum):
    """What stands between words; the greatest of several wins."""

    NONE = 0
    SPACE = 1
    LINE = 2
    PARAGRAPH = 3
    CELL = 4  # above the paragraphs, which many programs put into every cell
    ROW = 5
    TABLE = 6


_WRITTEN = ("", " ", "\n", "\n\n", "  ", "\n", "\n\n")
_BLOCKS = (
    "address article aside center dd div dl dt fieldset figcaption figure footer form header hr legend li main nav ol"
    " option section select summary ul"
)
_GAPS = (
    dict.fromkeys(_BLOCKS.split(), _Gap.LINE)
    | dict.fromkeys(("blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "p", "pre"), _Gap.PARAGRAPH)
    | {"td": _Gap.CELL, "th": _Gap.CELL, "tr": _Gap.ROW, "caption": _Gap.ROW, "table": _Gap.TABLE}
)


def laid_out(html: str) -> str:
    """Return the words of HTML in lines: a row's cells side by side, items marked, `pre` as written."""
    page = _Page()
    for closing, tag, words in _seen(UNSEEN.sub("", html)):
        if words:
            page.write(unescaped(words))
        elif closing:
            page.close(tag)
        else:
            page.open(tag)
    return "".join(page.parts)


def unescaped(text: str) -> str:
    """Return the text with its character references read, even if `unescape` fails at numbers too long for Python."""
    return unescape(_NO_CHARACTER.sub("\ufffd", text))


def _seen(html: str) -> Iterator[tuple[str, str, str]]:
    """Yield a closing tag's slash, the tag, and words. Each has a tag or words; what is not displayed is left out."""
    hidden = ""
    for token in _TOKEN.finditer(html):
        closing, tag, words = token["closing"] or "", (token["tag"] or "").lower(), token["words"] or ""
        if hidden:
            hidden = "" if tag == hidden else hidden
        elif tag and not closing and _hides(tag, token["attributes"]):
            hidden = tag
        else:
            yield closing, tag, words


def _hides(tag: str, attributes: str) -> bool:
    return tag == "title" or (tag not in _EMPTY and _UNDISPLAYED.search(attributes) is not None)


class _Page:
    def __init__(self) -> None:
        self.parts: list[str] = []
        self._gap = _Gap.NONE
        self._bullet = ""
        self._lists: list[Iterator[str]] = []
        self._is_as_written = False

    def open(self, tag: str) -> None:
        self._part(_GAPS.get(tag, _Gap.NONE))
        match tag:
            case "br":
                self._part(_Gap.PARAGRAPH if self._gap == _Gap.LINE else _Gap.LINE)
            case "ul":
                self._lists.append(repeat("* "))
            case "ol":
                self._lists.append(f"{number}. " for number in count(1))
            case "li":
                self._bullet = next(self._lists[-1]) if self._lists else "* "
            case "pre":
                self._is_as_written = True

    def close(self, tag: str) -> None:
        self._part(_GAPS.get(tag, _Gap.NONE))
        if tag in {"li", "ul", "ol"}:
            self._bullet = ""
        if tag in {"ul", "ol"} and self._lists:
            self._lists.pop()
        if tag == "pre":
            self._is_as_written = False

    def write(self, text: str) -> None:
        if self._is_as_written:
            self._add(text)
            return
        if text[:1].isspace():
            self._part(_Gap.SPACE)
        if words := " ".join(text.split()):
            self._add(words)
        if text[-1:].isspace():
            self._part(_Gap.SPACE)

    def _part(self, gap: _Gap) -> None:
        self._gap = max(self._gap, gap)

    def _add(self, words: str) -> None:
        self.parts += _WRITTEN[self._gap], self._bullet, words
        self._gap, self._bullet = _Gap.NONE, ""
