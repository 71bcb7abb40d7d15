"""Tells whether a person wrote a mail. Headers come first; a subject's words count only if the headers are silent."""

import re

from channels.email.bounces import is_daemon
from channels.email.headers import Headers
from channels.email.parts import Part
from channels.message import Automatic, Handle

OWN_HEADER = "X-Frontdesk-Message"

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


def _is_bounce(headers: Headers, message: Part, sender: Handle) -> bool:
    if message.kind == "multipart/report" or is_daemon(sender):
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
