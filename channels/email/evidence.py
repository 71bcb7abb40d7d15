"""What the parts of a mail say about the charset of bytes that have none, such as a raw subject or a file's name."""

from collections.abc import Iterator

from channels.email import transfer
from channels.email.charset import Evidence, is_known, meta_charset
from channels.email.parts import Part, leaves

_SAMPLE = 2048


def evidence_of(message: Part) -> Evidence:
    """Return the charsets that the texts claim, and some bytes of a text that claims none."""
    texts = [part for part in leaves(message) if part.kind.startswith("text/")]
    charsets = tuple(dict.fromkeys(charset for part in texts for charset in _claimed(part)))
    unclaimed = (transfer.content(part) for part in texts if not charsets)
    return Evidence(charsets, next((text[:_SAMPLE] for text in unclaimed if not text.isascii()), b""))


def _claimed(part: Part) -> Iterator[str]:
    for charset in (part.get_content_charset(), _meta(part)):
        if charset and is_known(charset):
            yield charset


def _meta(part: Part) -> str | None:
    return meta_charset(transfer.content(part)) if part.kind == "text/html" else None
