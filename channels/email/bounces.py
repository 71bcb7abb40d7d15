"""Reads what a mail server reports about a mail of ours: which, to whom, and whether it was given up (RFC 3464)."""

import re
from collections.abc import Iterator, Sequence
from email.message import Message
from email.parser import HeaderParser
from typing import NamedTuple

from channels import handles
from channels.email import transfer
from channels.email.headers import Headers, enclosed_headers
from channels.email.parts import Part, branches, is_branch, leaves
from channels.errors import Malformed
from channels.message import Handle
from channels.text import storable

_REPORT = "multipart/report"
_ENCLOSING = frozenset({"message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers"})
_STATUS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_BLANK_LINES = re.compile(r"(?:\r?\n[ \t]*){2,}")
_ACTIONS = ("failed", "delayed", "relayed", "delivered", "expanded")
"""Worst first: of several recipients, the worst one tells (RFC 3464, 2.3.3)."""

_DAEMON = re.compile(r"(mailer-daemon|postmaster|mail-daemon)(@|$)")
_DAEMONS_NAME = re.compile(r"mailer[- ]daemon|postmaster|mail delivery (sub)?system", re.IGNORECASE)
_DELAY = re.compile(r"delay|warning|verzögert", re.IGNORECASE)
_QUOTED_ID = re.compile(r"^[>\s]*message-id:\s*<([^<>\s]+)>", re.IGNORECASE | re.MULTILINE)
_READ = 64 * 1024
_NOTED = 1024


class Report(NamedTuple):
    """What a bounce says: the Message-IDs and tokens of the mails it is about, and notes for the attributes.

    `delivery` among the notes is `failed`, `delayed` or another action of RFC 3464; only mail servers' reports have it.
    `bounced_to`, `bounce_status` and `bounce_reason` are there if the server names them.
    """

    ids: tuple[str, ...]
    tokens: tuple[str, ...]
    notes: dict[str, str]


def report_of(message: Part, headers: Headers, sender: Handle) -> Report:
    """Read a mail that is a bounce."""
    enclosed = list(_enclosed(message))
    ids = [id_ for each in enclosed for id_ in each.message_ids("Message-ID")[:1]]
    tokens = [token for each in enclosed for token in each.plus_details("Reply-To", "From")]
    if not ids and is_daemon(sender):
        ids = _quoted_ids(message)
    return Report(ids=tuple(ids), tokens=tuple(tokens), notes=_notes(message, headers, sender))


def is_daemon(sender: Handle) -> bool:
    """Whether the address is that of a mail server's own mail."""
    return _DAEMON.match(sender.value) is not None


def nameless_daemon(
    headers: Headers, message: Part, account: str | None, recipients: Sequence[Handle]
) -> Handle | None:
    """Return a mail server that gives no address in From, as `MAILER-DAEMON` or `<>`; None if it may be a person.

    Its address is completed with our own domain, as mail servers complete such a name.
    """
    author = headers.text("From") or ""
    is_bounce = message.kind == _REPORT or (headers.raw("Return-Path") or "").replace(" ", "") == "<>"
    if not is_bounce and not _DAEMONS_NAME.search(author):
        return None
    ours = account or next((recipient.value for recipient in recipients), "")
    domain = ours.rpartition("@")[2]
    try:
        return handles.email(f"mailer-daemon@{domain}", "from", name=author.strip("<>@ ") or None)
    except Malformed:
        return None


def _enclosed(message: Part) -> Iterator[Headers]:
    """Yield the headers of the mails that a report (RFC 6522) encloses, whole or as headers alone."""
    if message.kind == _REPORT and is_branch(message):
        yield from (enclosed_headers(part) for part in branches(message) if part.kind in _ENCLOSING)


def _quoted_ids(message: Part) -> list[str]:
    """The Message-IDs that a bounce without a report quotes in its text: old mail servers put the header there."""
    found = [id_ for part in leaves(message) if _is_readable(part) for id_ in _QUOTED_ID.findall(_words(part))[:1]]
    return list(dict.fromkeys(found))


def _is_readable(part: Part) -> bool:
    return part.kind.startswith("text/") or part.kind in _ENCLOSING


def _words(part: Part) -> str:
    return transfer.content(part)[:_READ].decode("utf-8", "replace")


def _notes(message: Part, headers: Headers, sender: Handle) -> dict[str, str]:
    failed = headers.raw("X-Failed-Recipients")
    if message.kind == _REPORT:
        kind = message.get_param("report-type", "delivery-status")
        if str(kind).lower() != "delivery-status":
            return {}  # somebody has read a mail, or complains about one
    elif not failed and not is_daemon(sender):
        return {}
    recipients = list(_recipients(message))
    actions = [(block.get("Action") or "").strip().lower() for block in recipients]
    action = next((each for each in _ACTIONS if each in actions), None) or _guessed(headers)
    told = next((block for block, said in zip(recipients, actions, strict=True) if said == action), None)
    notes = {
        "delivery": action,
        "bounced_to": _value(told, "Final-Recipient") or (failed or "").strip(),
        "bounce_status": _value(told, "Status"),
        "bounce_reason": _value(told, "Diagnostic-Code"),
    }
    return {key: value[:_NOTED] for key, value in notes.items() if value}


def _guessed(headers: Headers) -> str:
    return "delayed" if _DELAY.search(headers.text("Subject") or "") else "failed"


def _recipients(message: Part) -> Iterator[Message]:
    """Yield the fields about each recipient (RFC 3464, 2.3); those about the whole mail come first and have none."""
    for part in branches(message) if is_branch(message) else ():
        if part.kind in _STATUS:
            blocks = map(HeaderParser().parsestr, _BLANK_LINES.split(_words(part).strip()))
            yield from (block for block in blocks if block.get("Final-Recipient") or block.get("Action"))


def _value(block: Message | None, name: str) -> str:
    """Return a field's value on one line without its type: `ada@example.com` of `rfc822; ada@example.com`."""
    found = " ".join(storable(str(block.get(name) or "")).split()) if block is not None else ""
    kind, semicolon, value = found.partition(";")
    return value.strip() if semicolon and " " not in kind.strip() else found
