"""The body of a mail: its text, its HTML made safe, and its files. `reply` removes quoted mail."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.utils import collapse_rfc2231_value

from channels.email.charset import decode
from channels.email.headers import decoded, enclosed_headers
from channels.email.limits import MAX_HEADER
from channels.message import MAX_INLINE, Attachment
from channels.text import MAX_TEXT, from_html, sanitised, storable

_MAX_NAME = 255
_READ = frozenset({"text/plain", "text/enriched", "text/html"})
_IGNORED = frozenset({"text/x-amp-html"})
"""Other forms of what the text and the HTML say."""

_MEDIA_TYPE = re.compile(r"[\w.+-]{1,63}/[\w.+-]{1,63}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a mail holds. `notes` say what was cut, for the message's attributes."""

    text: str
    html: str | None
    attachments: tuple[Attachment, ...]
    notes: dict[str, str] = field(default_factory=dict)


def read_content(message: Message) -> Content:
    """Return the content of a parsed mail; the text comes from the HTML if there is no plain text."""
    plain: list[str] = []
    html: list[str] = []
    files: list[Attachment] = []
    for part in _leaves(message):
        if _is_file(part):
            files.append(_file(part))
        elif part.get_content_type() == "text/html":
            html.append(_text(part))
        elif part.get_content_type() not in _IGNORED:
            plain.append(_text(part))
    return _content("\n".join(plain), "\n".join(html), tuple(files))


def files_of(message: Message) -> list[bytes]:
    """Return the bytes of the files, in the order of `Content.attachments`."""
    return [_bytes(part) for part in _leaves(message) if _is_file(part)]


def _content(plain: str, html: str, files: tuple[Attachment, ...]) -> Content:
    text = plain if plain.strip() else from_html(html)
    safe = sanitised(html)
    notes = {"text_cut_from": str(len(text))} if len(text) > MAX_TEXT else {}
    if safe is None:
        notes["html_left_out"] = str(len(html))
    return Content(text=text[:MAX_TEXT], html=safe or None, attachments=files, notes=notes)


def _leaves(message: Message) -> Iterator[Message]:
    if message.get_content_maintype() != "multipart" or not message.is_multipart():
        yield message
        return
    for part in message.get_payload():
        if isinstance(part, Message):
            yield from _leaves(part)


def _is_file(part: Message) -> bool:
    disposition = (part.get_content_disposition() or "").lower()
    if disposition == "attachment":
        return True
    # A multipart without a boundary is one leaf, and mostly text.
    return part.get_content_maintype() != "multipart" and part.get_content_type() not in _READ | _IGNORED


def _file(part: Message) -> Attachment:
    content = _bytes(part)
    return Attachment(
        name=_name(part) or _default_name(part),
        content_type=_content_type(part),
        size=len(content),
        content=content if len(content) <= MAX_INLINE else None,
    )


def _content_type(part: Message) -> str:
    claimed = part.get_content_type()
    return claimed if _MEDIA_TYPE.fullmatch(claimed) else "application/octet-stream"


def _bytes(part: Message) -> bytes:
    if part.is_multipart():
        return _enclosed(part)
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _enclosed(part: Message) -> bytes:
    try:
        return b"\n".join(inner.as_bytes() for inner in part.get_payload() if isinstance(inner, Message))
    except (UnicodeError, LookupError, ValueError, TypeError):
        return b""  # the generator refuses some mails that the parser took; the router keeps the raw bytes


def _text(part: Message) -> str:
    return decode(_bytes(part), part.get_content_charset()).replace("\r\n", "\n").replace("\r", "\n")


def _name(part: Message) -> str | None:
    """Return a file's name from Content-Disposition or Content-Type: RFC 2231, encoded words, or bare bytes."""
    try:
        value = part.get_param("filename", None, "content-disposition") or part.get_param("name", None)
        name = collapse_rfc2231_value(value) if value else ""
    except (IndexError, ValueError, LookupError, TypeError):
        return None
    readable = storable(decoded(name[:MAX_HEADER].encode("utf-8", "surrogateescape").decode("utf-8", "replace")))
    return readable.replace("\\", "/").rpartition("/")[2].strip()[:_MAX_NAME] or None


def _default_name(part: Message) -> str:
    if part.get_content_type() == "message/rfc822":
        return f"{(enclosed_headers(part).text('Subject') or 'message')[:100]}.eml"
    return _content_type(part).replace("/", ".")
