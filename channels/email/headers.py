"""The header of a mail as text, addresses, dates and ids, even if the mailer strays from RFC 5322."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parsedate_to_datetime

from channels import handles
from channels.email import transfer
from channels.email.charset import NO_EVIDENCE, Decoded, decode
from channels.email.evidence import evidence_of
from channels.email.limits import MAX_HEADER, MAX_HEADER_BLOCK
from channels.email.parts import AS_SENT, Part
from channels.errors import Malformed
from channels.message import Handle
from channels.text import storable

ENVELOPE = ("Delivered-To", "X-Original-To", "Envelope-To")
"""Where mail servers note a recipient that the header may not name (Bcc, lists)."""

MAX_COMMENT_DEPTH = 50

_MESSAGE_ID = re.compile(r"<\s*([^<>\s]+)\s*>")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_FOLD = re.compile(r"(?:\n[ \t]+)+")
_BLANK_LINE = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
# The look-behind matches only at the start of a word, so a long word without @ is not tried at each of its letters.
_ADDRESS = re.compile(r"(?<![^\s<>()\[\],;:\"])[^\s<>()\[\],;:\"]+@[^\s<>()\[\],;:\"@]+")
_ASIDE = re.compile(r'"[^"]*"|\([^()]*\)')
"""Quoted strings and comments: an address in them is a name, or half of another address."""

# RFC 5322 wants quotes around a name with an @. Without them, the standard library takes it for an address.
_UNQUOTED_NAME = re.compile(r'\A(?=[^<@]*@)([^<>"(),;:\\]*+)(<[^<>"]+>\s*)\Z')


class Headers:
    """The top header of one mail. Names match in any case; values are unfolded.

    `guessed` names the charset that a raw value was read in, if nothing in the mail tells it, with its confidence.
    """

    def __init__(self, values: Mapping[str, Sequence[str]], guessed: str = "") -> None:
        self._values = values
        self.guessed = guessed

    @classmethod
    def of(cls, message: Part) -> "Headers":
        """Collect the header fields of a mail or of one of its parts."""
        fields = [(name.lower(), _bytes(value)) for name, value in message.raw_items()]
        evidence = NO_EVIDENCE if all(raw.isascii() for _, raw in fields) else evidence_of(message)
        read = [(name, decode(raw, evidence=evidence)) for name, raw in fields]
        values: dict[str, list[str]] = {}
        for name, value in read:
            values.setdefault(name, []).append(_unfolded(value))
        return cls(values, next((value.guessed for _, value in read if value.guessed), ""))

    def raw(self, name: str) -> str | None:
        """Return the first field of that name, encoded words and all; None if there is none."""
        values = self._values.get(name.lower())
        return values[0] if values else None

    def text(self, name: str) -> str | None:
        """Return the first field of that name as people read it; None if it is missing or empty."""
        value = self.raw(name)
        return (_CONTROL.sub(" ", decoded(value)).strip() or None) if value else None

    def addresses(self, name: str) -> list[Handle]:
        """Return the addresses of all fields of that name, in order, without anything that is not an address."""
        return [handle for value in self._address_fields(name) for handle in _addresses(value)]

    def author(self, name: str) -> Handle | None:
        """Return the first address of a field that names one author; None if it has no address.

        Raise `Malformed` if a mail server that checks senders may have read another author (RFC 7489, 6.6.1): fields
        differ, domains differ, or an @ belongs to none of the addresses found.
        """
        fields = self._address_fields(name)
        read = [_addresses(value) for value in fields]
        unread = any(_ASIDE.sub("", value).count("@") > len(found) for value, found in zip(fields, read, strict=True))
        spelled = {tuple(handle.value for handle in found) for found in read if found}
        domains = {address.rpartition("@")[2] for found in spelled for address in found}
        if unread or len(spelled) > 1 or len(domains) > 1:
            raise Malformed(name.lower(), "must hold one address, written as name@domain or Name <name@domain>")
        return next((handle for found in read for handle in found), None)

    def _address_fields(self, name: str) -> list[str]:
        return [_UNQUOTED_NAME.sub(r'"\1" \2', value) for value in self._values.get(name.lower(), ())]

    def envelope_recipients(self) -> list[Handle]:
        """Return the recipients that the mail servers delivered to."""
        return [handle for name in ENVELOPE for handle in self.addresses(name)]

    def message_ids(self, name: str) -> list[str]:
        """Return the Message-IDs of all fields of that name without brackets; bare ones count if none has brackets."""
        value = storable(" ".join(self._values.get(name.lower(), ())))
        return _MESSAGE_ID.findall(value) or [word.strip("<>") for word in value.split() if "@" in word.strip("<>@")]

    def instant(self, name: str) -> datetime | None:
        """Return a date field in UTC, None where it is missing or names no time between 1970 and 2200."""
        try:
            instant = parsedate_to_datetime(self.raw(name) or "")
            instant = (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        return instant if 1970 <= instant.year < 2200 else None

    def language(self) -> str | None:
        """Return the first of Content-Language, if it is a BCP 47 tag."""
        found = _LANGUAGE.match(self.raw("Content-Language") or "")
        return found.group() if found else None

    def plus_details(self, *names: str) -> tuple[str, ...]:
        """Return the details of the plus-addresses in fields of these names."""
        values = [value for name in names for value in self._values.get(name.lower(), ())]
        return handles.plus_details(address for value in values for address in _ADDRESS.findall(value))


def enclosed_headers(part: Part) -> Headers:
    """Return the header of the mail that a message/rfc822 part encloses; empty if it encloses none."""
    enclosed = transfer.content(part).lstrip(b"\r\n")
    end = _BLANK_LINE.search(enclosed)
    header = BytesHeaderParser(policy=AS_SENT).parsebytes(enclosed[: end.start() if end else MAX_HEADER_BLOCK])
    return Headers.of(header) if isinstance(header, Part) else Headers({})


def decoded(value: str) -> str:
    """Return a header value with its encoded words (RFC 2047) decoded; broken ones stay as they are."""
    if "=?" not in value:
        return value
    try:
        parts = decode_header(value)
    except (HeaderParseError, ValueError, LookupError):
        return value
    return "".join(_piece(part, charset) for part, charset in parts)


def _piece(part: bytes | str, charset: str | None) -> str:
    if isinstance(part, str):
        return storable(part)
    # decode_header hands literal text back as Latin-1 or raw-unicode-escape bytes without a charset.
    return decode(part, charset).text if charset else storable(part.decode("raw_unicode_escape", "replace"))


def _bytes(value: object) -> bytes:
    return str(value)[:MAX_HEADER].encode("utf-8", "surrogateescape")


def _unfolded(value: Decoded) -> str:
    return _FOLD.sub(" ", value.text).replace("\n", " ")


def _addresses(value: str) -> list[Handle]:
    if value.count("(") > MAX_COMMENT_DEPTH:
        value = value.replace("(", " ").replace(")", " ")
    try:
        pairs = getaddresses([value])
    except (IndexError, ValueError, RecursionError):
        pairs = []
    found = [handle for name, address in pairs if "@" in address and (handle := _handle(name, address))]
    return found or _loose_addresses(decoded(_ASIDE.sub(" ", value)))


def _loose_addresses(text: str) -> list[Handle]:
    """Return the addresses among words, or none if an @ is left over: it could belong to the real address."""
    if "@" in _ADDRESS.sub("", text):
        return []
    return [handle for address in _ADDRESS.findall(text) if (handle := _handle("", address))]


def _handle(name: str, address: str) -> Handle | None:
    try:
        return handles.email(decoded(address), "from", name=_CONTROL.sub(" ", decoded(name)).strip()[:255])
    except Malformed:
        return None
