r"""Reads stateful 7-bit text, which is all ASCII and changes its meaning by escape sequences: ISO-2022 and HZ.

Mailers send it without a charset, or under another's name. They also write characters of their vendors into it (NEC's
row 13, IBM's extensions), which the standard's codecs refuse and Windows' code page 932 holds.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from channels.text import MAX_TEXT

MAX_SEARCHED = 4 * MAX_TEXT
"""Bytes of text that are searched for vendors' characters: more than a message may carry."""

_ESCAPE = re.compile(rb"\x1b(?:\$[@AB]|\$\([@A-DOPQ]|\$\)[ACG]|\$\*H|\([ABIJH]|&@|\.[AF])")
_JAPANESE = re.compile(rb"\x1b(?:\$[@B]|\$\([@BDOPQ]|\([IJ])")
_KOREAN = b"\x1b$)C"
_HZ = re.compile(rb"~\{(?:[\x21-\x77][\x21-\x7e])+~\}")
_SINGLE = frozenset({b"(B", b"(J", b"(A", b"(H", b".A", b".F", b"&@"})
_HALF_WIDTH = b"(I"
_KANJI = frozenset({b"$@", b"$B", b"$(@", b"$(B"})
_RAISED = bytes(byte | 0x80 if 0x21 <= byte <= 0x7E else byte for byte in range(256))
_CODECS = {b"$A": "gb2312", b"$(A": "gb2312", b"$(C": "cp949", b"$)A": "gb2312", b"$)C": "cp949"}
_LATER = {
    b"$(D": (b"\x8f", "euc_jp"),
    b"$(O": (b"", "euc_jis_2004"),
    b"$(Q": (b"", "euc_jis_2004"),
    b"$(P": (b"\x8f", "euc_jis_2004"),
}
_PAIR = re.compile(rb"[\x21-\x7e]{2}|[^\x21-\x7e]+|[\x21-\x7e]")


def read(content: bytes, codec: str | None) -> str | None:
    """Return the text of bytes with escape sequences, whatever `codec` is claimed; None if they have none."""
    if _KOREAN in content:
        return _korean(content)
    if b"\x1b" in content and _JAPANESE.search(content) and (content.isascii() or _allows(codec)):
        is_long = len(content) > MAX_SEARCHED
        return content.decode("iso2022_jp_ext", "replace") if is_long else "".join(_japanese(content))
    if b"~{" in content and content.isascii() and codec in {None, "hz", "utf-8"} and _HZ.search(content):
        return _hz(content)
    return None


def _allows(codec: str | None) -> bool:
    """Return whether a stray byte above ASCII leaves the text stateful all the same."""
    return codec is None or codec.startswith("iso2022")


def _korean(content: bytes) -> str | None:
    try:
        return content.decode("iso2022_kr")
    except UnicodeError:
        return None


def _hz(content: bytes) -> str | None:
    try:
        return content.decode("hz")
    except UnicodeError:
        return None


def _japanese(content: bytes) -> Iterator[str]:
    start, designated = 0, b"(B"
    for escape in _ESCAPE.finditer(content):
        yield from _section(content[start : escape.start()], designated)
        start, designated = escape.end(), escape.group()[1:]
    yield from _section(content[start:], designated)


def _section(section: bytes, designated: bytes) -> Iterator[str]:
    """Yield the text between two escapes. A line that ends in a set of two bytes returns to ASCII (RFC 1468)."""
    if designated in _SINGLE:
        yield section.decode("cp932", "replace")
        return
    wide, end, rest = section.partition(b"\n")
    whole = _whole(wide, designated)
    if whole is not None:
        yield whole
        yield (end + rest).decode("cp932", "replace")
        return
    for pair in _PAIR.finditer(wide):
        yield _character(pair.group(), designated)
    yield (end + rest).decode("cp932", "replace")


def _whole(wide: bytes, designated: bytes) -> str | None:
    """Return text that holds nothing but what the standard has, which is nearly all."""
    if designated not in _KANJI:
        return None
    try:
        return wide.translate(_RAISED).decode("euc_jp")
    except UnicodeError:
        return None


@lru_cache(8192)
def _character(pair: bytes, designated: bytes) -> str:
    if designated == _HALF_WIDTH:
        return bytes(byte | 0x80 if 0x21 <= byte <= 0x5F else byte for byte in pair).decode("cp932", "replace")
    if len(pair) != 2 or not 0x21 <= pair[0] <= 0x7E:
        return pair.decode("ascii", "replace")
    high = bytes(byte | 0x80 for byte in pair)
    if designated in _LATER:
        before, codec = _LATER[designated]
        return (before + high).decode(codec, "replace")
    if designated in _CODECS:
        return high.decode(_CODECS[designated], "replace")
    return _standard(high) or _of_a_vendor(pair) or high.decode("euc_jis_2004", "replace")


def _standard(high: bytes) -> str:
    return high.decode("euc_jp", "ignore")


def _of_a_vendor(pair: bytes) -> str:
    """Return the character of code page 932 at the same row and cell."""
    row, cell = pair[0] - 0x21, pair[1] - 0x21
    lead = (row >> 1) + (0x81 if row < 62 else 0xC1)
    trail = cell + (0x9F if row % 2 else 0x40 + (cell >= 63))
    return bytes((lead, trail)).decode("cp932", "ignore")
