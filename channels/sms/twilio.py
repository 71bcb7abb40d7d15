"""Twilio's incoming-message webhook, for SMS and for WhatsApp through Twilio. The desk fetches the media.

Source: https://www.twilio.com/docs/messaging/guides/webhook-request
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qs, parse_qsl, urlsplit, urlunsplit

from channels import handles, numbers
from channels.errors import Malformed
from channels.message import Attachment, Channel, Handle, InboundMessage, Parsed, ThreadHints
from channels.text import MAX_TEXT, one_line, storable
from channels.webhook import Hook, Request, Secrets, is_one_of

PROVIDER = "twilio"
TOKEN = "auth_token"  # noqa: S105 - the name of the secret
MAX_BYTES = 256 * 1024
MAX_FIELDS = 200
MAX_MEDIA = 50

_WHATSAPP = "whatsapp:"
_KEPT = ("AccountSid", "MessagingServiceSid", "FromCity", "FromState", "FromZip", "FromCountry", "NumSegments")
_SID = re.compile(r"[A-Za-z0-9]{1,64}")


def verify(request: Request, secrets: Secrets) -> bool:
    """Tell whether Twilio signed the request: the base64 of an HMAC over its URL and the sorted form.

    The hash is SHA-1 for a signature by the Auth Token; a header names it for one by a shared key. A JSON body is
    signed by its hash in the query instead (`bodySHA256`). Proxies add and remove the port, so the URL counts with and
    without. Source: https://www.twilio.com/docs/usage/security#validating-requests.
    """
    query = parse_qs(urlsplit(request.url).query)
    if hashes := query.get("bodySHA256"):
        signed = ""
        if not is_one_of(hashlib.sha256(request.raw).hexdigest(), hashes[:1]):
            return False
    else:
        signed = _signed_form(request.raw)
    given, named = request.headers.get("x-twilio-signature", ""), _algorithm(request.headers)
    expected = [_signature(url + signed, token, named) for url in _spellings(request.url) for token in secrets[TOKEN]]
    return is_one_of(given, expected)


def _signed_form(raw: bytes) -> str:
    try:
        form = parse_qs(raw.decode(errors="replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return ""
    return "".join(key + value for key in sorted(form) for value in sorted(set(form[key])))


def _algorithm(headers: Mapping[str, str]) -> str:
    settings = headers.get("x-twilio-webhooks-signature-settings", "")
    return "sha256" if re.search(r"(^|,)\s*algorithm=HMAC_SHA256\s*(,|$)", settings) else "sha1"


def _signature(signed: str, token: str, algorithm: str) -> str:
    digest = hmac.new(token.encode(), signed.encode(errors="replace"), algorithm).digest()
    return base64.b64encode(digest).decode()


def _spellings(url: str) -> Iterator[str]:
    yield url
    parts = urlsplit(url)
    usual = 443 if parts.scheme == "https" else 80
    host, colon, port = parts.netloc.rpartition(":")
    if colon and port.isdecimal():
        yield urlunsplit(parts._replace(netloc=host))
    else:
        yield urlunsplit(parts._replace(netloc=f"{parts.netloc}:{usual}"))


HOOK = Hook(
    verify=verify,
    secrets={TOKEN: "the Auth Token on the first page of Twilio's console"},
    thanks=b"<Response/>",
    thanks_type="text/xml",
    enter="as the URL for “A message comes in” of the number or messaging service, with method POST",
)


def parse(raw: bytes, account: str | None = None) -> Parsed:
    """Read one webhook body. Our account is `account` if given, else the number in `To`."""
    form = _form(raw)
    number, our_side = _without_prefix(form.get("From", "")), handles.account(account or form.get("To", ""))
    if not our_side:
        raise Malformed("To", "is missing, and the delivery names no account")
    message = InboundMessage(
        external_id=_message_sid(form),
        channel=Channel.SOCIAL if form.get("From", "").startswith(_WHATSAPP) else Channel.SMS,
        provider=PROVIDER,
        account=our_side,
        sender=_sender(number, form, our_side),
        recipients=_recipients(form),
        text=_words(form)[:MAX_TEXT],
        thread=ThreadHints(in_reply_to=one_line(form.get("OriginalRepliedMessageSid", "")[:64]) or None),
        attachments=_media(form),
        attributes={key: form[key][:1024] for key in _KEPT if form.get(key)},
    )
    if not message.text and not message.attachments:
        raise Malformed("Body", "is empty and there is no media")
    return Parsed(messages=(message,))


def _form(raw: bytes) -> dict[str, str]:
    if len(raw) > MAX_BYTES:
        raise Malformed("body", f"is larger than {MAX_BYTES // 1024} KiB")
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except UnicodeDecodeError as exc:
        raise Malformed("body", "is not UTF-8") from exc
    except ValueError as exc:
        raise Malformed("body", f"has more than {MAX_FIELDS} fields") from exc
    return {key: storable(value) for key, value in pairs}


def _message_sid(form: Mapping[str, str]) -> str:
    # SmsSid is the older name of the same value; some of Twilio's own forwarders send only that.
    sid = form.get("MessageSid") or form.get("SmsSid") or form.get("SmsMessageSid") or ""
    if not _SID.fullmatch(sid):
        raise Malformed("MessageSid", "is missing" if not sid else "is not a Twilio id")
    return sid


def _sender(number: str, form: Mapping[str, str], account: str) -> Handle:
    if not number:
        raise Malformed("From", "is missing")
    if ":" in number:
        raise Malformed("From", "names a channel that is not taken in: only whatsapp: may precede a sender")
    name = form.get("ProfileName", "")[:255] or None
    # Short codes and alphanumeric sender ids are not numbers, and nobody can call them.
    if not numbers.e164(number):
        return handles.user(number, "From", scope=PROVIDER, name=name, verified=False)
    return handles.phone(number, "From", account=account, name=name, verified=True)


def _recipients(form: Mapping[str, str]) -> tuple[Handle, ...]:
    number = numbers.e164(_without_prefix(form.get("To", "")))
    return (handles.phone(number, "To"),) if number else ()


def _words(form: Mapping[str, str]) -> str:
    # Twilio leaves Body empty where somebody chose from a list or pressed a button instead of writing.
    return form.get("Body") or _place(form) or form.get("ListTitle") or form.get("ButtonText") or ""


def _place(form: Mapping[str, str]) -> str:
    """Return the location that a WhatsApp message shares instead of words; empty if it shares none."""
    if not (form.get("Latitude") and form.get("Longitude")):
        return ""
    where = ", ".join(filter(None, (form.get("Label"), form.get("Address"))))
    return f"[location {form['Latitude'][:32]}, {form['Longitude'][:32]}] {where}".strip()


def _media(form: Mapping[str, str]) -> tuple[Attachment, ...]:
    count = form.get("NumMedia") or "0"
    if not count.isascii() or not count.isdecimal() or len(count) > 3 or int(count) > MAX_MEDIA:
        raise Malformed("NumMedia", f"must be a number up to {MAX_MEDIA}")
    return tuple(_attachment(form, i) for i in range(int(count)))


def _attachment(form: Mapping[str, str], index: int) -> Attachment:
    url = form.get(f"MediaUrl{index}", "")
    if not url.startswith(("https://", "http://")) or len(url) > 2048:
        raise Malformed(f"MediaUrl{index}", "must be an http or https URL" if url else "is missing")
    content_type = form.get(f"MediaContentType{index}", "")[:127] or "application/octet-stream"
    return Attachment(
        name=one_line(url.rsplit("/", 1)[-1])[:255] or f"media-{index}", content_type=content_type, size=0, url=url
    )


def _without_prefix(address: str) -> str:
    return address.removeprefix(_WHATSAPP).strip()
