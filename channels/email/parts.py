"""The parts of a mail as they were sent: the standard library's parser, kept from changing or opening anything.

It keeps line ends and bytes above ASCII, and leaves enclosed mails closed, so that the `source` of each part is what
the sender wrote. `transfer` decodes it.
"""

import re
from collections.abc import Iterator
from email.errors import MissingHeaderBodySeparatorDefect
from email.message import Message
from email.parser import BytesParser, Parser
from email.policy import Compat32

_CLOSED = "application/x-closed"
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,63}/[\w.+-]{1,63}", re.ASCII)
BYTES = "application/octet-stream"
_LINE_END = re.compile(r"\r\n|\r")
_BLANK_LINE = re.compile(r"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_STRAY_LINE = re.compile(r"^(?![ \t]|[!-9;-~]+:)[^\r\n]*(?>\r\n|\n|\r)", re.MULTILINE)
_FIELD_OF_A_PART = re.compile(r"^content-[a-z-]+:", re.IGNORECASE | re.MULTILINE)
_MEANT = {"text": "text/plain", "plain": "text/plain", "html": "text/html"}
"""What careless programs write instead of a type."""


class _AsSent(Compat32):
    """Headers with LF between their lines, and with their bytes above ASCII as surrogates."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        return super().header_source_parse([_LINE_END.sub("\n", line) for line in sourcelines])

    def header_fetch_parse(self, name: str, value: str) -> str:  # noqa: ARG002 - the policy's signature
        return value


class Part(Message):
    """A mail, or a part of one."""

    @property
    def source(self) -> str:
        """The body of a leaf as it was sent, with bytes above ASCII as surrogates."""
        payload = vars(self)["_payload"]  # `get_payload` would decode it
        return payload if isinstance(payload, str) else ""

    def get_content_type(self) -> str:
        """Return the type as the parser may know it, which would open every `message/…`; else see `kind`."""
        found = super().get_content_type()
        return _CLOSED if found.startswith("message/") else found

    @property
    def kind(self) -> str:
        """The media type; what is no type at all is read as bytes, unless it is a word for text."""
        claimed = str(self.get("Content-Type", "")).partition(";")[0].strip().lower()
        if not claimed:
            return super().get_content_type()
        return _MEANT.get(claimed) or (claimed if _MEDIA_TYPE.fullmatch(claimed) else BYTES)

    @property
    def disposition(self) -> str:
        """`attachment`, `inline` or another word; empty if the part does not say how it wants to be shown."""
        return (self.get_content_disposition() or "").strip(" \"'")


AS_SENT = _AsSent(message_factory=Part)


def parsed(raw: bytes) -> Part:
    """Parse a mail whose limits have been checked."""
    message = BytesParser(policy=AS_SENT).parsebytes(raw)
    assert isinstance(message, Part)
    return message


def leaves(part: Part) -> Iterator[Part]:
    """Yield the parts that hold something, in the order of the mail."""
    if not is_branch(part):
        yield part
        return
    for inner in branches(part):
        yield from leaves(inner)


def is_branch(part: Part) -> bool:
    """Return whether a part holds parts; a multipart without a boundary holds text."""
    return part.get_content_maintype() == "multipart" and part.is_multipart()


def branches(part: Part) -> list[Part]:
    """Return the parts directly inside a multipart, each with all of its header."""
    return [_with_whole_header(inner) for inner in part.get_payload() if isinstance(inner, Part)]


def _with_whole_header(part: Part) -> Part:
    """Return the part as if no stray line had ended its header; such a line is followed by more of the header."""
    if not any(isinstance(defect, MissingHeaderBodySeparatorDefect) for defect in part.defects):
        return part
    end = _BLANK_LINE.search(part.source)
    head = _LINE_END.sub("\n", part.source[: end.start()]) if end else ""
    fields = list(_FIELD_OF_A_PART.finditer(head))
    if end is None or not fields:
        return part
    last = fields[-1].start()
    header = "".join(f"{name}: {value}\n" for name, value in part.raw_items())
    rest = _STRAY_LINE.sub("", head[:last]) + head[last:] + part.source[end.start() :]
    mended = Parser(policy=AS_SENT).parsestr(header + rest)
    assert isinstance(mended, Part)
    return mended
