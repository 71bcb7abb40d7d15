"""Decodes the bytes of a mail by what they say themselves, by what the mail claims, or by a guess that is named.

Never fails; the router keeps the raw bytes. `escapes` reads stateful 7-bit text, and `guess` is the last resort.
"""

import codecs
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from channels.email import escapes, guess
from channels.text import storable

_NAMES = {
    "utf8mb4": "utf-8",
    "gb_2312-80": "gb18030",
    "x-gbk": "gb18030",
    "x-x-big5": "big5hkscs",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "ks_c_5601-1987": "cp949",
    "iso-8859-8-i": "iso-8859-8",
    "cp-850": "cp850",
    "x-mac-roman": "mac_roman",
    "x-euc-jp": "euc_jp",
    "windows-874": "cp874",
}
"""Names in mails that Python does not know."""

_LARGER = {
    "iso8859-1": "cp1252",  # as browsers do: where the two differ, text that claims Latin-1 is Windows-1252
    "ascii": "utf-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "cp950": "big5hkscs",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "tis-620": "cp874",
}
"""The codec that holds all of another, and what people send under the other's name."""

_REFUSED = frozenset({"idna", "punycode", "unicode_escape", "unicode-escape", "raw_unicode_escape", "undefined"})
"""Codecs that are not charsets of mail; some are quadratic."""

_WINDOWS = {
    "iso8859-2": "cp1250",
    "iso8859-5": "cp1251",
    "iso8859-6": "cp1256",
    "iso8859-7": "cp1253",
    "iso8859-8": "cp1255",
    "iso8859-9": "cp1254",
    "iso8859-13": "cp1257",
    "iso8859-15": "cp1252",
}
"""What is sent under these names when the bytes hold what the names have only control characters for."""

_WIDE = frozenset({"gb18030", "big5hkscs", "cp932", "cp949", "euc_jp"})
_LATIN = frozenset({"cp1252", "iso8859-15"})
_META = re.compile(rb"<meta\b[^>]{0,400}?\bcharset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_META_WITHIN = 4096
_ASCII = bytes(range(128))
_LETTERS = bytes(letter for letter in _ASCII if chr(letter).isalpha())
_HIGH_CONTROL = re.compile("[\x80-\x84\x86-\x9f]")

CERTAIN = 6
"""So many characters that are valid UTF-8, and no others, are no text of another charset by chance."""


class Decoded(NamedTuple):
    """Text, and if nothing told its charset, the one that was guessed with the guesser's confidence: `koi8-r 0.84`."""

    text: str
    guessed: str = ""


class Evidence(NamedTuple):
    """What the rest of a mail says about bytes without a charset: names that it claims, and bytes like them."""

    charsets: tuple[str, ...] = ()
    sample: bytes = b""


NO_EVIDENCE = Evidence()


def decode(content: bytes, *claims: str | None, evidence: Evidence = NO_EVIDENCE) -> Decoded:
    """Return the text of `content`. `claims` are the charsets that it is said to be in, the best authority first."""
    if content.isascii() and b"\x1b" not in content and b"~{" not in content and not any(claims):
        return Decoded(storable(content.decode("ascii")))
    claimed = [codec for codec in map(_codec, claims) if codec]
    text = _by_itself(content, claimed)
    if text is None:
        text = next((read for codec in claimed if (read := _by_claim(content, codec)) is not None), None)
    if text is not None:
        return Decoded(storable(text))
    found = _unclaimed(content, claimed, evidence)
    return Decoded(storable(found.text), found.guessed)


def meta_charset(html: bytes) -> str | None:
    """Return the charset that an HTML page names in its own head (WHATWG HTML, 13.2.3.2)."""
    found = _META.search(html[:_META_WITHIN])
    return found.group(1).decode("ascii") if found else None


def is_known(charset: str | None) -> bool:
    """Return whether a claim says more than that the text is ASCII or UTF-8, which the bytes show themselves."""
    return _codec(charset) not in {None, "utf-8"}


@lru_cache(256)
def _codec(charset: str | None) -> str | None:
    name = (charset or "").strip(" \t\"'").lower()
    if not name or not name.isascii() or len(name) > 40 or name.replace("-", "_") in _REFUSED:
        return None
    try:
        bytes(4).decode(codec := _NAMES.get(name, name))
    except (UnicodeError, LookupError, ValueError):
        return None
    found = codecs.lookup(codec).name
    return _LARGER.get(found, found)


def _by_itself(content: bytes, claimed: Sequence[str]) -> str | None:
    """Return text whose bytes tell what they are, whatever is claimed: a byte order mark, escapes, or clear UTF-8."""
    if content.startswith(b"\xef\xbb\xbf"):
        return _strictly(content, "utf-8-sig")
    if "utf-16" in claimed or content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _strictly(content, _utf_16(content))
    if (escaped := escapes.read(content, claimed[0] if claimed else None)) is not None:
        return escaped
    if content.isascii():
        return None if claimed else content.decode("ascii")
    return _strictly(content, "utf-8") if _is_clear_utf8(content, claimed) else None


def _utf_16(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    return "utf-16-be" if content[::2].count(0) > content[1::2].count(0) else "utf-16-le"


def _is_clear_utf8(content: bytes, claimed: Sequence[str]) -> bool:
    """A text in one byte a letter is never valid UTF-8 by chance; two bytes a letter may be, in a few words."""
    if claimed and claimed[0].startswith("utf"):
        return False
    if not (claimed and claimed[0] in _WIDE):
        return True
    text = _strictly(content, "utf-8")
    return text is not None and _not_ascii(text) >= CERTAIN


def _by_claim(content: bytes, codec: str) -> str | None:
    text = _strictly(content, codec)
    if text is None or (codec in _LATIN and _is_no_latin(content)):
        return None
    if (windows := _WINDOWS.get(codec)) and _HIGH_CONTROL.search(text):
        return _strictly(content, windows) or text
    return text


def _is_no_latin(content: bytes) -> bool:
    """No language in Latin letters is written mostly in letters with accents."""
    high = len(content.translate(None, _ASCII))
    letters = len(content) - len(content.translate(None, _LETTERS))
    return high >= 2 * CERTAIN and high > 2 * letters


def _not_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", "ignore"))


def _strictly(content: bytes, codec: str) -> str | None:
    try:
        return content.decode(codec)
    except (UnicodeError, LookupError, ValueError):
        return None


def _unclaimed(content: bytes, claimed: Sequence[str], evidence: Evidence) -> Decoded:
    for read in (_strictly(content, "utf-8"), _mostly(content, claimed), _mostly_utf8(content)):
        if read is not None:
            return Decoded(read)
    for charset in evidence.charsets:
        if (codec := _codec(charset)) and (read := _by_claim(content, codec)) is not None:
            return Decoded(read)
    return Decoded(*guess.read(content, evidence.sample))


def _mostly(content: bytes, claimed: Sequence[str]) -> str | None:
    """Return text by a claim that holds but for a few bytes, such as a character cut at the end."""
    for codec in claimed:
        if codec in _WIDE:
            text = content.decode(codec, "replace")
            if text.count("\ufffd") * 20 <= _not_ascii(text):
                return text
    return None


def _mostly_utf8(content: bytes) -> str | None:
    """Return text that is UTF-8 but for what another program put into it in Windows-1252, or cut at the end."""
    text = content.decode("utf-8", "replace")
    invalid = text.count("\ufffd")
    if _not_ascii(text) - invalid < invalid:
        return None
    return content.decode("utf-8", _IN_UTF8)


def _foreign_byte(error: UnicodeError) -> tuple[str, int]:
    """Read one byte that is no UTF-8 as Western Europe's; of a character that was cut, nothing can be known."""
    assert isinstance(error, UnicodeDecodeError)
    found = error.object[error.start : error.end]
    return ("\ufffd" if len(found) > 1 else guess.western(found)), error.end


_IN_UTF8 = "frontdesk.western_in_utf8"
codecs.register_error(_IN_UTF8, _foreign_byte)
