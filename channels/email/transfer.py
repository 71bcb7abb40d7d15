"""The bytes of a part, out of the encoding in which it travelled (RFC 2045, 6), as mail clients read broken ones."""

import binascii
import re

from channels.email.parts import Part

_WORD = re.compile(r"[\w-]+", re.ASCII)
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_FOREIGN = bytes(set(range(256)) - set(_BASE64))
_PADDING = re.compile(rb"=+")
# Added on the way, and read as if they were not there (RFC 2045, 6.7). The look-behind keeps long runs linear.
_TRAILING_BLANKS = re.compile(rb"(?<![ \t])[ \t]++(?=[\r\n]|\Z)")
_CR_BREAK = re.compile(rb"=\r(?!\n)")  # `a2b_qp` would drop everything up to the next LF
_UUENCODED = frozenset({"x-uuencode", "uuencode", "uue", "x-uue"})
_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} [^\r\n]*(?:\r\n|\n|\r)", re.MULTILINE)


def content(part: Part) -> bytes:
    """Return what the sender put into a part, byte by byte; an unknown encoding leaves it as it is."""
    source = part.source.encode("ascii", "surrogateescape")
    match _encoding(part):
        case "base64":
            return _from_base64(source)
        case "quoted-printable":
            return binascii.a2b_qp(_CR_BREAK.sub(b"=\n", _TRAILING_BLANKS.sub(b"", source)))
        case encoding if encoding in _UUENCODED:
            return _from_uu(source)
        case _:
            return source


def _encoding(part: Part) -> str:
    found = _WORD.search(str(part.get("Content-Transfer-Encoding", "")))
    return found.group().lower() if found else ""


def _from_base64(source: bytes) -> bytes:
    """Skip what is no base64, go on after padding in the middle, and drop a last letter that makes no byte."""
    letters = source.translate(None, _FOREIGN)
    try:
        return binascii.a2b_base64(letters, strict_mode=True)
    except binascii.Error:
        return b"".join(map(_unpadded, _PADDING.split(letters)))


def _unpadded(letters: bytes) -> bytes:
    whole = letters[: len(letters) - 1] if len(letters) % 4 == 1 else letters
    return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))


def _from_uu(source: bytes) -> bytes:
    begin = _UU_BEGIN.search(source)
    decoded = []
    for line in source[begin.end() if begin else 0 :].splitlines():
        if line.strip() in {b"end", b"`"}:
            break
        decoded.append(_uu_line(line))
    return b"".join(decoded)


def _uu_line(line: bytes) -> bytes:
    if not line:
        return b""
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        # Some encoders write more letters than the line's length byte says.
        letters = (((line[0] - 32) & 63) * 4 + 5) // 3
        try:
            return binascii.a2b_uu(line[:letters])
        except binascii.Error:
            return b""
