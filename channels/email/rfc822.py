"""`email.rfc822`, a raw mail. The router keeps the raw bytes, so attachments above 256 KiB are only named here.

Each question has its own module: limits, headers, content, what is new, and whether a person wrote it.
"""

import hashlib
import re
from collections.abc import Sequence

from channels import handles
from channels.email.automatic import automatic, reported_ids
from channels.email.content import Content, read_content
from channels.email.content import file_bytes as bytes_of_file
from channels.email.headers import ENVELOPE, Headers
from channels.email.limits import check_limits, mended, with_line_feeds
from channels.email.lists import original_author, weigh
from channels.email.parts import Part, parsed
from channels.email.reply import lines_of
from channels.errors import Malformed
from channels.message import Channel, Handle, InboundMessage, Parsed, ThreadHints
from channels.text import MAX_SUBJECT

PROVIDER = "email"
MAX_REFERENCES = 100
MAX_ID = 512

_FORWARDS = re.compile(r"\s*(fwd?|wg)\s*:", re.IGNORECASE)
_KEPT = {"Reply-To": "reply_to", "Importance": "importance", "X-Priority": "priority", "X-Mailer": "mailer"}


def parse(raw: bytes, account: str | None = None) -> Parsed:
    """Read one mail. Our account is `account` if given, else the first recipient without its plus-address detail."""
    message = _parsed(raw)
    account = handles.account(account) if account else None
    return Parsed(messages=(_message(message, Headers.of(message), raw, account),))


def file_bytes(raw: bytes, place: int) -> bytes:
    """Return the whole file at `place` among the attachments that `parse` finds, however large."""
    return bytes_of_file(_parsed(raw), place)


def _parsed(raw: bytes) -> Part:
    # The limits see the lines that the parser will see.
    check_limits(with_line_feeds(raw).lstrip(b"\n"))
    return parsed(mended(raw))


def _message(message: Part, headers: Headers, raw: bytes, account: str | None) -> InboundMessage:
    sender = _sender(headers)
    list_evidence = weigh(headers, account)
    author, named_by = original_author(headers, sender, account) or (sender, "")
    recipients = _recipients(headers)
    content = read_content(message)
    ours = _account(account, recipients or headers.envelope_recipients())
    return InboundMessage(
        external_id=_external_id(headers, raw),
        channel=Channel.EMAIL,
        provider=PROVIDER,
        account=ours,
        sender=author,
        reply_to=_reply_to(headers, author, ours),
        recipients=recipients,
        sent_at=headers.instant("Date"),
        subject=(headers.text("Subject") or "")[:MAX_SUBJECT] or None,
        text=content.text,
        lines=lines_of(content.text, forwards=_forwards(headers)),
        html=content.html,
        thread=_thread(message, headers),
        attachments=content.attachments,
        language=headers.language(),
        automatic=automatic(headers, message, sender, is_list=list_evidence.is_list),
        attributes=_attributes(headers, content, author_from=named_by, list_evidence=list_evidence.evidence),
    )


def _external_id(headers: Headers, raw: bytes) -> str:
    ids = headers.message_ids("Message-ID")
    if ids and len(ids[0]) <= MAX_ID:
        return ids[0]
    return f"sha256:{hashlib.sha256(ids[0].encode() if ids else raw).hexdigest()}"


def _sender(headers: Headers) -> Handle:
    # Return-Path comes last: it names the machine that takes bounces, which is often not the person.
    for name in ("From", "Sender", "Return-Path"):
        if found := headers.author(name):
            return found
    raise Malformed("from", "is missing or holds no address: a mail needs one sender")


def _forwards(headers: Headers) -> bool:
    return _FORWARDS.match(headers.text("Subject") or "") is not None


def _reply_to(headers: Headers, sender: Handle, ours: str) -> Handle | None:
    # Some web forms set our own mailbox as Reply-To, which would send every answer back to us.
    found = [handle for handle in headers.addresses("Reply-To") if handle.value != ours]
    return found[0] if found and found[0].value != sender.value else None


def _recipients(headers: Headers) -> tuple[Handle, ...]:
    found = [handle for name in ("To", "Cc") for handle in headers.addresses(name)]
    return tuple({handle.value: handle for handle in reversed(found)}.values())[::-1]


def _account(account: str | None, recipients: Sequence[Handle]) -> str:
    if account:
        return account
    if not recipients:
        raise Malformed("to", "holds no address, and the delivery names no account")
    local, _, domain = recipients[0].value.rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"


def _thread(message: Part, headers: Headers) -> ThreadHints:
    own = headers.message_ids("Message-ID")
    answered = headers.message_ids("In-Reply-To")
    references = dict.fromkeys((*headers.message_ids("References"), *answered[1:], *reported_ids(message)))
    usable = [reference for reference in references if len(reference) <= MAX_ID]
    return ThreadHints(
        message_id=own[0] if own and len(own[0]) <= MAX_ID else None,
        in_reply_to=answered[0] if answered and len(answered[0]) <= MAX_ID else None,
        references=tuple(usable[-MAX_REFERENCES:]),
        tokens=headers.plus_details("To", "Cc", *ENVELOPE),
    )


def _attributes(headers: Headers, content: Content, **found: str) -> dict[str, str]:
    kept = {key: (headers.text(name) or "")[:1024] for name, key in _KEPT.items()}
    guessed = {"charset_guessed": headers.guessed}
    return {key: value for key, value in (kept | found | guessed | content.notes).items() if value}
