"""The files of a mail: which parts are files, their names, and their bytes as they were sent."""

from collections.abc import Iterator
from email.utils import collapse_rfc2231_value
from functools import cached_property

from channels.email import transfer
from channels.email.charset import NO_EVIDENCE, Evidence, decode
from channels.email.evidence import evidence_of
from channels.email.headers import decoded, enclosed_headers
from channels.email.limits import MAX_HEADER
from channels.email.parts import BYTES, Part, branches, is_branch
from channels.message import MAX_INLINE, Attachment
from channels.text import storable

READ = frozenset({"text/plain", "text/enriched", "text/html"})
"""What is read as text, unless it is attached."""

IGNORED = frozenset({"text/x-amp-html"})
"""Other forms of what the text and the HTML say."""

_MAX_NAME = 255
_SHOWN = frozenset({"", "inline"})


def is_text(part: Part, *, is_whole_mail: bool = False) -> bool:
    """Return whether people see what a leaf says without opening it."""
    if part.disposition not in _SHOWN:
        return False
    # A multipart without a boundary is one leaf, and mostly text. So is a mail whose only type is no type.
    is_loose = part.get_content_maintype() == "multipart" or (
        is_whole_mail and part.kind == BYTES and not _says_bytes(part)
    )
    return part.kind in READ or is_loose


def files_of(message: Part) -> list[Part]:
    """Return the parts that are files, in the order of the mail. A text that has a name, as a file has, is one too."""
    return list(_files_in(message, is_form=True, is_whole_mail=True))


def _files_in(part: Part, *, is_form: bool = False, is_whole_mail: bool = False) -> Iterator[Part]:
    """`is_form` says that the part is one form of a text, and has other forms beside it."""
    if is_branch(part):
        is_form = part.kind == "multipart/alternative"
        for place, inner in enumerate(branches(part)):
            yield from _files_in(inner, is_form=is_form or not place)
    elif is_text(part, is_whole_mail=is_whole_mail):
        if _is_named(part, "filename", "content-disposition") or (
            not is_form and _is_named(part, "name", "content-type")
        ):
            yield part
    elif part.kind not in IGNORED or part.disposition not in _SHOWN:
        yield part


class Files:
    """Describes the files of one mail; what the mail's texts say about charsets helps to read their names."""

    def __init__(self, message: Part) -> None:
        self._message = message

    def attachments(self) -> tuple[Attachment, ...]:
        """Return the files, with their bytes if they may travel inside a message."""
        return tuple(map(self._attachment, files_of(self._message)))

    def _attachment(self, part: Part) -> Attachment:
        content = transfer.content(part)
        return Attachment(
            name=self._name(part) or _default_name(part),
            content_type=part.kind,
            size=len(content),
            content=content if len(content) <= MAX_INLINE else None,
        )

    def _name(self, part: Part) -> str | None:
        """Return a name from Content-Disposition or Content-Type: RFC 2231, encoded words, or bare bytes."""
        try:
            charset, raw = _raw_name(part)
        except (IndexError, ValueError, LookupError, TypeError):
            return None
        evidence = NO_EVIDENCE if raw.isascii() else self._evidence
        readable = storable(decoded(decode(raw, charset, evidence=evidence).text))
        return readable.replace("\\", "/").rpartition("/")[2].strip()[:_MAX_NAME] or None

    @cached_property
    def _evidence(self) -> Evidence:
        return evidence_of(self._message)


def _says_bytes(part: Part) -> bool:
    return str(part.get("Content-Type", "")).lower().lstrip().startswith(BYTES)


def _is_named(part: Part, parameter: str, header: str) -> bool:
    try:
        return bool(part.get_param(parameter, None, header))
    except (IndexError, ValueError, LookupError, TypeError):
        return False


def _raw_name(part: Part) -> tuple[str | None, bytes]:
    value = part.get_param("filename", None, "content-disposition") or part.get_param("name", None) or ""
    if isinstance(value, tuple):
        charset, _, name = value
        return charset, name[:MAX_HEADER].encode("latin-1", "surrogateescape")
    return None, collapse_rfc2231_value(value)[:MAX_HEADER].encode("utf-8", "surrogateescape")


def _default_name(part: Part) -> str:
    if part.kind == "message/rfc822":
        return f"{(enclosed_headers(part).text('Subject') or 'message')[:100]}.eml"
    return part.kind.replace("/", ".")
