"""Tells whether a person wrote a mail. Headers come first; a subject's words count only if the headers are silent."""

import re
from collections.abc import Iterator

from channels.email.headers import Headers, enclosed_headers
from channels.email.parts import Part, branches, is_branch
from channels.message import Automatic, Handle

OWN_HEADER = "X-Frontdesk-Message"

_ENCLOSING = frozenset({"message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers"})
_DAEMON = re.compile(r"(mailer-daemon|postmaster|mail-daemon)(@|$)")
_VACATION = re.compile(
    r"\s*(auto(matic|matische|mated)?[ -]?(reply|response|antwort)|out of (the )?office|"
    r"abwesen(d|heit|heitsnotiz|heitsnachricht)|réponse automatique|respuesta automática|risposta automatica)\s*(:|$)",
    re.IGNORECASE,
)


def automatic(headers: Headers, message: Part, sender: Handle, *, is_list: bool) -> Automatic | None:
    """Return why no person wrote this mail, or None if it seems that one did (RFC 3834, RFC 3464)."""
    if headers.raw(OWN_HEADER) is not None:
        return Automatic.OWN_NOTIFICATION
    if _is_bounce(headers, message, sender):
        return Automatic.BOUNCE
    if _is_out_of_office(headers) and not is_list:
        return Automatic.OUT_OF_OFFICE
    if _is_auto_reply(headers):
        return Automatic.AUTO_REPLY
    return Automatic.MAILING_LIST if is_list else None


def reported_ids(message: Part) -> Iterator[str]:
    """Yield the Message-IDs of the mails that a report (RFC 3462) is about, from the copies it encloses."""
    if message.kind != "multipart/report" or not is_branch(message):
        return
    for part in branches(message):
        yield from _enclosed_ids(part)


def _enclosed_ids(part: Part) -> list[str]:
    if part.kind in _ENCLOSING:
        return enclosed_headers(part).message_ids("Message-ID")[:1]
    return []


def _is_bounce(headers: Headers, message: Part, sender: Handle) -> bool:
    if message.kind == "multipart/report" or _DAEMON.match(sender.value):
        return True
    return (headers.raw("Return-Path") or "").replace(" ", "") == "<>" and not _is_auto_reply(headers)


def _is_out_of_office(headers: Headers) -> bool:
    vacation = _VACATION.match(headers.text("Subject") or "") is not None
    return vacation and _word(headers, "Auto-Submitted") != "no"


def _is_auto_reply(headers: Headers) -> bool:
    if _word(headers, "Auto-Submitted") not in ("", "no"):
        return True
    if _word(headers, "Precedence") in ("auto_reply", "auto-reply") or _word(headers, "X-Autoreply") not in ("", "no"):
        return True
    return headers.raw("X-Autorespond") is not None


def _word(headers: Headers, name: str) -> str:
    return (headers.raw(name) or "").partition(";")[0].strip().lower()
