"""How much of real mails is kept: words of their texts, bytes of their files. `python -m bench.fidelity DIRECTORY`.

The reference is the standard library's own reading of the same bytes. A word counts as kept if it is in the message's
text or in its HTML; a file, if its bytes are what was sent. The bytes of an enclosed mail must stand in the mail.
"""

import re
import sys
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import NamedTuple

from channels import formats
from channels.errors import Malformed
from channels.text import from_html

_WORD = re.compile(r"\w+")
_ACCOUNT = "desk@acme.example"


class Kept(NamedTuple):
    """How much of one mail, or of many, was there and how much was kept."""

    words: int = 0
    words_kept: int = 0
    bytes: int = 0
    bytes_kept: int = 0

    def __add__(self, other: object) -> "Kept":
        """Add up two measurements."""
        assert isinstance(other, Kept)
        return Kept(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def __str__(self) -> str:
        return (
            f"words kept: {self.words_kept:,} of {self.words:,} ({self.words_kept / max(1, self.words):.2%}), "
            f"bytes of files kept: {self.bytes_kept:,} of {self.bytes:,} ({self.bytes_kept / max(1, self.bytes):.2%})"
        )


def measure(raw: bytes) -> Kept:
    """Compare what one mail holds with what is made of it; nothing is counted of a mail that is refused."""
    try:
        (message,) = formats.parse(formats.EMAIL, raw, _ACCOUNT).messages
    except Malformed:
        return Kept()
    found = [formats.attachment(formats.EMAIL, raw, message, place) for place in range(len(message.attachments))]
    contents = [each.content or b"" for each in found if each is not None]
    shown = set(_WORD.findall(f"{message.text} {from_html(message.html or '')}".casefold()))
    total = Kept()
    for part in _leaves(message_from_bytes(raw)):
        if part.get_content_maintype() == "message":
            total += _enclosed(part, [content for content in contents if content in raw])
        elif _is_text(part):
            words = _WORD.findall(_text(part).casefold())
            total += Kept(words=len(words), words_kept=sum(word in shown for word in words))
        else:
            sent = _bytes(part)
            total += Kept(bytes=len(sent), bytes_kept=len(sent) if sent in contents else 0)
    return total


def _leaves(part: Message) -> Iterator[Message]:
    if part.get_content_maintype() != "multipart" or not part.is_multipart():
        yield part
        return
    for inner in part.get_payload():
        if isinstance(inner, Message):
            yield from _leaves(inner)


def _enclosed(part: Message, contents: list[bytes]) -> Kept:
    """The parser opens an enclosed mail, so that its bytes are only known to have its first header."""
    payload = part.get_payload()
    first = payload[0].keys()[:1] if isinstance(payload, list) and isinstance(payload[0], Message) else []
    found = [content for content in contents if not first or first[0].encode() in content[:1024]]
    size = len(found[0]) if found else len(part.as_bytes())
    return Kept(bytes=size, bytes_kept=size if found else 0)


def _is_text(part: Message) -> bool:
    return part.get_content_type() in {"text/plain", "text/html"} and part.get_content_disposition() != "attachment"


def _bytes(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _text(part: Message) -> str:
    try:
        text = _bytes(part).decode(part.get_content_charset("utf-8"))
    except (LookupError, UnicodeError):
        text = _bytes(part).decode("utf-8", "ignore")
    return from_html(text) if part.get_content_type() == "text/html" else text


if __name__ == "__main__":
    mails = sorted(Path(sys.argv[1]).glob("*.eml"))
    print(f"{len(mails)} mails: {sum((measure(path.read_bytes()) for path in mails), Kept())}")
