"""Text that people and PostgreSQL can hold: cleaned, cut to size, and taken out of HTML. `email` decodes charsets."""

import re
from collections.abc import Sequence
from functools import cached_property

import nh3

from channels.lines import UNSEEN, laid_out, unescaped

MAX_TEXT = 256 * 1024
"""The most characters of text, and of HTML, that one message may carry."""

MAX_SUBJECT = 2000
"""The most characters of a subject line."""

MAX_HTML_DEPTH = 1_000
"""Elements inside each other; both the sanitiser and the text extraction are quadratic beyond some thousands."""

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL, which PostgreSQL refuses in text, and lone surrogates, which UTF-8 cannot encode."""

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Control characters and Unicode's own line ends; `str.splitlines` and mail software start a new line at some."""

NOT_BLANK = r"[^\s\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
"""What a text must contain to say anything: more than white space and format characters, which nobody sees."""

_TAGS = nh3.ALLOWED_TAGS - {"img", "map", "area"}
"""Nothing that fetches by itself: a remote image tells its sender who reads it, and when."""

_FILE = re.compile(r"data:[\w.+/;=-]{0,200};base64,[\w+/=]*", re.IGNORECASE)

_REPEATED = re.compile(r"<(b|big|code|em|font|i|s|small|strike|strong|tt|u)[\s/][^<>]*+", re.IGNORECASE)
"""Tags that a parser repeats in every later paragraph when they stay open (WHATWG HTML, 13.2.4.3): three identical ones
of each, and any number that differ in an attribute."""

MAX_TAGS = 20_000
"""Tags in one message; a newsletter has a few thousand."""

_DROPPED_WITH_CONTENT = {"script", "style", "title", "head", "svg", "math", "template", "noscript", "iframe", "object"}
_SELF_CLOSING = frozenset(
    b"area base br col dd dt embed hr img input li link meta option p param source td th tr wbr".split()
)
_TAG = re.compile(rb"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_ANY_TAG = re.compile(r"<[a-zA-Z/!?][^<>]*+>?")
_BLANK_LINES = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")


def storable(text: str) -> str:
    """Return the text without NUL and with lone surrogates shown as U+FFFD."""
    return UNSTORABLE.sub(lambda found: "" if found.group() == "\x00" else "\ufffd", text)


def is_blank(text: str | None) -> bool:
    """Return whether there is nothing to see in the text."""
    return not re.search(NOT_BLANK, text or "")


def one_line(text: str) -> str:
    """Return the text with a space for each control character and line end, so that it fits into a mail header."""
    return CONTROL.sub(" ", text).strip()


def sanitised(*pages: str) -> str | None:
    """Return HTML that runs and fetches nothing, or None if it is too large or complex to be worth its cost.

    Each of several pages is made safe alone, so that what one leaves open hides nothing of the next.
    """
    readable = _reduced(pages)
    if _is_too_much(readable):
        return None
    safe = "\n".join(map(_clean, readable))
    return safe if len(safe) <= 2 * MAX_TEXT else None


def from_html(html: str) -> str:
    """Return everything that a reader sees of HTML, laid out in lines unless it is too long."""
    return Pages((html,)).text(0)


class Pages:
    """HTML pages of one message. Their length together decides how each is read: many cost no more than a long one."""

    def __init__(self, pages: Sequence[str] = ()) -> None:
        self._pages = list(pages)
        self._texts: dict[int, str] = {}

    def add(self, html: str) -> int:
        """Add a page before any is read, and return its place."""
        self._pages.append(html)
        return len(self._pages) - 1

    def html(self, place: int) -> str:
        """Return a page as it came."""
        return self._pages[place]

    def text(self, place: int) -> str:
        """Return everything that a reader sees of a page, laid out in lines unless the pages are too long."""
        if place not in self._texts:
            html = self._readable[place]
            text = "" if not html.strip() else _without_tags(html) if self._is_long else laid_out(html)
            self._texts[place] = _BLANK_LINES.sub("\n\n", text).strip()
        return self._texts[place]

    @cached_property
    def _readable(self) -> list[str]:
        return _reduced(self._pages)

    @cached_property
    def _is_long(self) -> bool:
        return sum(map(len, self._readable)) > MAX_TEXT


def _reduced(pages: Sequence[str]) -> list[str]:
    """Return large HTML without what nobody sees, which is most of it; other HTML stays as it is."""
    if sum(map(len, pages)) <= MAX_TEXT:
        return list(pages)
    return [_FILE.sub("", UNSEEN.sub("", page)) for page in pages]


def _clean(html: str) -> str:
    return nh3.clean(
        _REPEATED.sub(r"<\1", html),
        tags=_TAGS,
        clean_content_tags=_DROPPED_WITH_CONTENT,
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="noopener noreferrer nofollow",
    )


def _without_tags(html: str) -> str:
    return unescaped(_ANY_TAG.sub(" ", html))


def _is_too_much(pages: Sequence[str]) -> bool:
    if sum(map(len, pages)) > MAX_TEXT or sum(page.count("<") for page in pages) > MAX_TAGS:
        return True
    return any(map(_is_too_deep, pages))


def _is_too_deep(html: str) -> bool:
    depth = 0
    for tag in _TAG.finditer(html.encode(errors="replace")):
        closing, name = tag.groups()
        if name.lower() not in _SELF_CLOSING:
            depth += -1 if closing else 1
        if depth > MAX_HTML_DEPTH:
            return True
    return False
