"""Limits what a mail may cost. Counts on the bytes, before the standard library's quadratic parser sees them."""

import re

from channels.email.parts import AS_SENT, Part
from channels.errors import Malformed

MAX_BYTES = 25 * 1024 * 1024
MAX_LINES = 500_000
MAX_HEADER_BLOCK = 256 * 1024
MAX_HEADER = 16 * 1024
MAX_HEADER_LINES = 2_000
MAX_PARTS = 200
MAX_DEPTH = 20
MAX_ADDRESSES = 500

_BLANK_LINE = re.compile(rb"\n\n|\A\n")
_FOLD = re.compile(rb"\n(?![ \t])")
_BLANK_LINE_AS_SENT = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_KNOWN_FIELD = re.compile(
    rb"^(?:from|to|cc|subject|date|message-id|mime-version|content-[a-z-]+|reply-to|in-reply-to|references|return-path"
    rb"|received|dkim-signature|list-[a-z]+|x-(?:mailer|priority|[a-z0-9]+-[a-z0-9-]+)):",
    re.IGNORECASE | re.MULTILINE,
)
_STRAY_LINE = re.compile(rb"(?<=\n)(?![ \t]|[!-9;-~]+:)[^\n]*\n")
_ADDRESS_HEADER = re.compile(rb"(?:to|cc|bcc|from|sender|reply-to)[ \t]*:", re.IGNORECASE)
# Either a header of a part, wherever one may stand, or a line that may be a delimiter.
_STRUCTURE = re.compile(
    rb"^content-(?P<name>[a-z-]+):(?P<value>[^\n]*(?:\n[ \t][^\n]*)*)|^--(?P<delimiter>[^\n]+)",
    re.IGNORECASE | re.MULTILINE,
)
_CONTAINER = re.compile(rb"multipart/|message/", re.IGNORECASE)


def check_limits(lines: bytes) -> None:
    """Raise `Malformed` if a mail is too large, too deep or too long in any way; `lines` end with LF."""
    if len(lines) > MAX_BYTES:
        raise Malformed("body", f"is larger than {MAX_BYTES // 1024**2} MiB")
    if lines.count(b"\n") > MAX_LINES:
        raise Malformed("body", f"has more than {MAX_LINES:,} lines")
    _check_headers(lines)
    _check_structure(lines)


def mended(raw: bytes) -> bytes:
    """Return the mail without stray lines between its header fields: the parser would end the header there."""
    raw = raw.lstrip(b"\r\n")
    blank = _BLANK_LINE_AS_SENT.search(raw)
    end = blank.start() if blank else len(raw)
    block = with_line_feeds(raw[:end])
    fields = list(_KNOWN_FIELD.finditer(block))
    last = fields[-1].start() if fields else 0
    return _STRAY_LINE.sub(b"", block[:last]) + block[last:] + raw[end:]


def with_line_feeds(raw: bytes) -> bytes:
    """Return lines that end with LF, wherever the parser ends one: at CRLF, LF or CR."""
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _check_headers(lines: bytes) -> None:
    block = lines[: _header_end(lines)]
    if len(block) > MAX_HEADER_BLOCK:
        raise Malformed("headers", f"are larger than {MAX_HEADER_BLOCK // 1024} KiB")
    if block.count(b"\n") >= MAX_HEADER_LINES:
        raise Malformed("headers", f"have more than {MAX_HEADER_LINES} lines")
    addresses = 0
    for header in _FOLD.split(block):
        if len(header) > MAX_HEADER:
            raise Malformed(_name(header), f"is larger than {MAX_HEADER // 1024} KiB")
        addresses += header.count(b"@") if _ADDRESS_HEADER.match(header) else 0
    if addresses > MAX_ADDRESSES:
        raise Malformed("to", f"holds more than {MAX_ADDRESSES} addresses")


def _header_end(lines: bytes) -> int:
    blank = _BLANK_LINE.search(lines)
    return blank.start() if blank else len(lines)


def _check_structure(lines: bytes) -> None:
    """Follow containers and their delimiters. Each delimiter counts as one part, whichever container it is in."""
    open_containers: list[bytes | None] = []
    boundaries: set[bytes] = set()
    parts = 0
    for mark in _STRUCTURE.finditer(lines):
        if mark["delimiter"] is None:
            parts += _open(mark["name"], mark["value"], open_containers, boundaries)
        elif (boundary := _delimits(mark["delimiter"], boundaries)) is not None:
            parts += 1
            _close_inside(boundary, open_containers)
        if parts > MAX_PARTS:
            raise Malformed("body", f"has more than {MAX_PARTS} parts")
        if len(open_containers) > MAX_DEPTH:
            raise Malformed("body", f"has parts nested deeper than {MAX_DEPTH}")


def _open(name: bytes, value: bytes, open_containers: list[bytes | None], boundaries: set[bytes]) -> int:
    if len(value) > MAX_HEADER:
        raise Malformed("body", f"has a part with a header larger than {MAX_HEADER // 1024} KiB")
    if name.lower() != b"type" or not _CONTAINER.search(value):
        return 0
    boundary = _boundary(value)
    open_containers.append(boundary)
    if boundary is not None:
        boundaries.add(boundary)
    return 1


def _boundary(content_type: bytes) -> bytes | None:
    # The parser's own reader finds the boundary, so that no mail can lead the scan to another one.
    header = Part(policy=AS_SENT)
    header["Content-Type"] = content_type.decode("ascii", "surrogateescape").strip()
    boundary = header.get_boundary()
    return boundary.encode("ascii", "surrogateescape") if boundary else None


def _delimits(line: bytes, boundaries: set[bytes]) -> bytes | None:
    line = line.rstrip(b" \t")
    if line in boundaries:
        return line
    return line[:-2] if line.endswith(b"--") and line[:-2] in boundaries else None


def _close_inside(boundary: bytes, open_containers: list[bytes | None]) -> None:
    while boundary in open_containers and open_containers[-1] != boundary:
        open_containers.pop()


def _name(header: bytes) -> str:
    return header.partition(b":")[0][:64].decode("ascii", "replace").lower()
