"""WhatsApp Cloud API webhooks: messages and delivery statuses. The sender's side fetches media by id.

Source: https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from channels import handles, numbers, strict_json
from channels.errors import Malformed
from channels.message import (
    Attachment,
    Automatic,
    Channel,
    DeliveryStatus,
    Handle,
    InboundMessage,
    MalformedPart,
    MessageKey,
    Parsed,
    ThreadHints,
)
from channels.text import CONTROL, MAX_TEXT, one_line, storable

PROVIDER = "whatsapp"
MEDIA_KINDS = ("image", "document", "audio", "video", "sticker")
MAX_ID = 512
MAX_BYTES = 3 * 1024 * 1024
"""The largest webhook that Meta sends."""

MAX_PARTS = 1000
"""The most messages and statuses that Meta bundles into one webhook."""

STATUSES = frozenset({"sent", "delivered", "read", "failed"})

Json = Mapping[str, Any]
Read = TypeVar("Read")


class _Part(NamedTuple):
    """One entry, change, message or status of a webhook, with the `value` object around it and its dotted path."""

    value: Json
    content: Any
    path: str


class _Value(NamedTuple):
    """The messages and statuses of one change."""

    written: list[_Part]
    reported: list[_Part]


def parse(raw: bytes, account: str | None = None) -> Parsed:
    """Read one webhook. The payload's own `phone_number_id` is the account, else the one given.

    An entry, change or message that cannot be read becomes a `MalformedPart`; its siblings are still read.
    """
    payload = strict_json.decode(raw, MAX_BYTES)
    if payload.get("object") != "whatsapp_business_account":
        raise Malformed("object", "must be whatsapp_business_account")
    changes, bad_entries = _read(_parts({}, payload, "entry"), _changes, account)
    values, bad_changes = _read(chain.from_iterable(changes), _values, account)
    written = [part for value in values for part in value.written]
    reported = [part for value in values for part in value.reported]
    if len(written) + len(reported) + len(bad_entries) + len(bad_changes) > MAX_PARTS:
        raise Malformed("entry", f"holds more than {MAX_PARTS:,} messages and statuses")
    messages, malformed = _read(written, _message, account)
    statuses, malformed_statuses = _read(reported, _status, account)
    return Parsed(
        messages=tuple(messages),
        statuses=tuple(status for status in statuses if status.status in STATUSES),
        malformed=(*bad_entries, *bad_changes, *malformed, *malformed_statuses),
    )


def _changes(entry: _Part, _account: str | None) -> list[_Part]:
    changes = _parts({}, _object(entry.content, "changes"), "changes", entry.path)
    # Template reviews, account alerts and other fields come to the same URL and hold no messages.
    return [part for part in changes if _field(part.content) == "messages"]


def _values(change: _Part, _account: str | None) -> _Value:
    value = _object(_object(change.content, "value").get("value"), "value")
    return _Value(*(_parts(value, value, key, change.path, "value.") for key in ("messages", "statuses")))


def _field(change: object) -> object:
    return change.get("field", "messages") if isinstance(change, dict) else "messages"


def _parts(value: Json, holder: Json, key: str, path: str = "", within: str = "") -> list[_Part]:
    """Return the parts in the array `key` of `holder`; `Malformed` names the array from `path` on."""
    field = f"{within}{key}"
    around = f"{path}.{field}" if path else field
    return [_Part(value, content, f"{around}.{i}") for i, content in enumerate(_items(holder, key, field))]


def _read(
    parts: Iterable[_Part], read: Callable[[_Part, str | None], Read], account: str | None
) -> tuple[list[Read], list[MalformedPart]]:
    good, bad = [], []
    for part in parts:
        try:
            good.append(read(part, account))
        except Malformed as exc:
            key = _key(part, account) if read is _message else None
            bad.append(MalformedPart(field=f"{part.path}.{exc.field}", problem=exc.problem, key=key))
    return good, bad


def _key(part: _Part, account: str | None) -> MessageKey | None:
    """Return the key of a message whose other fields cannot be read."""
    try:
        return MessageKey(Channel.SOCIAL, _account(part.value, account), _identifier(_object(part.content, "message")))
    except Malformed:
        return None


def _message(part: _Part, account: str | None) -> InboundMessage:
    content = _content(part, "message")
    kind = _text(content, "type") or "unsupported"
    sender, *also = _person(part.value, content)
    return InboundMessage(
        external_id=_identifier(content),
        channel=Channel.SOCIAL,
        provider=PROVIDER,
        account=_account(part.value, account),
        sender=sender,
        also=tuple(also),
        recipients=_recipients(part.value),
        sent_at=_instant(content),
        text=_words(kind, content)[:MAX_TEXT],
        thread=ThreadHints(in_reply_to=_answered(content)),
        attachments=_attachments(kind, content),
        attributes={"type": kind[:64], **_referral(content)},
        automatic=Automatic.REACTION if kind == "reaction" else None,
    )


def _content(part: _Part, name: str) -> Json:
    content = _object(part.content, name)
    strict_json.check_storable(content)
    return content


def _answered(content: Json) -> str | None:
    answered = _text(_inner(content, "context"), "id")
    return one_line(answered) or None if answered else None


def _status(part: _Part, account: str | None) -> DeliveryStatus:
    content = _content(part, "status")
    errors = content.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    return DeliveryStatus(
        external_id=_identifier(content),
        account=_account(part.value, account),
        status=_required(content, "status"),
        at=_instant(content),
        problem=_text(first, "title") or _text(first, "message"),
    )


def _account(value: Json, account: str | None) -> str:
    ours = _text(_inner(value, "metadata"), "phone_number_id")
    if not (ours or account):
        raise Malformed("metadata.phone_number_id", "is missing, and the delivery names no account")
    strict_json.check_storable(ours, "metadata.phone_number_id")
    return handles.account((ours or account or "")[:255])


def _recipients(value: Json) -> tuple[Handle, ...]:
    number = _text(_inner(value, "metadata"), "display_phone_number")
    e164 = numbers.e164(f"+{number.lstrip('+')}") if number else None
    return (handles.phone(e164, "metadata.display_phone_number"),) if e164 else ()


def _person(value: Json, content: Json) -> tuple[Handle, ...]:
    """Return the handles of who wrote, the one to answer to first: a number, or a user id if the person hides it.

    Since 2026 each webhook names the business-scoped user id too, in the message or in its contact.
    """
    written = (_text(content, "from"), _text(content, "from_user_id"), _text(content, "from_parent_user_id"))
    if not (written[0] or written[1]):
        raise Malformed("from", "is missing")
    contact = _contact(value, set(written[:2]) - {None})
    beside = (_text(contact, "wa_id"), _text(contact, "user_id"), _text(contact, "parent_user_id"))
    name = _text(_inner(contact, "profile"), "name")
    named = storable(name)[:255] if name else None
    # What is wrong with a contact costs no message.
    ids = [*filter(None, written), *(id_ for id_ in filter(None, beside) if _is_id(id_))]
    by_key: dict[str, Handle] = {}
    for handle in (_identified(id_, named) for id_ in ids):
        by_key.setdefault(handle.key, handle)
    return tuple(by_key.values())


def _is_id(text: str) -> bool:
    return (
        bool(text.strip()) and len(text) <= handles.MAX_HANDLE and not CONTROL.search(text) and storable(text) == text
    )


def _identified(id_: str, name: str | None) -> Handle:
    number = numbers.e164(f"+{id_.lstrip('+')}")
    if number:
        return handles.phone(number, "from", name=name, verified=True)
    return handles.user(id_, "from", scope=PROVIDER, name=name, verified=True)


def _contact(value: Json, ids: set[str | None]) -> Json:
    """Return what the webhook says about the person with one of these ids."""
    contacts = value.get("contacts")
    for contact in contacts if isinstance(contacts, list) else ():
        if isinstance(contact, dict) and ({_text(contact, "wa_id"), _text(contact, "user_id")} & ids):
            return contact
    return {}


def _instant(content: Json) -> datetime | None:
    seconds = str(content.get("timestamp", ""))
    if not (seconds.isascii() and seconds.isdecimal() and len(seconds) <= 10):
        return None
    return datetime.fromtimestamp(int(seconds), UTC)


def _words(kind: str, content: Json) -> str:
    """Return what the message says, as an agent would read it; things without words are named in brackets."""
    body = content.get(kind)
    if kind == "contacts":
        return _cards(content)
    if kind in _READERS and isinstance(body, dict):
        return _READERS[kind](body)
    if kind == "text":
        raise Malformed("text", "must be an object" if "text" in content else "is missing")
    return f"[{kind[:64]} message]"


def _caption(media: Json) -> str:
    return _text(media, "caption") or ""


def _choice(body: Json) -> str:
    for reply in (body.get("button_reply"), body.get("list_reply")):
        if isinstance(reply, dict):
            return " - ".join(filter(None, (_text(reply, "title"), _text(reply, "description"))))
    flow = body.get("nfm_reply")
    return (_text(flow, "body") or "") if isinstance(flow, dict) else "[interactive message]"


def _place(body: Json) -> str:
    where = ", ".join(filter(None, (_text(body, "name"), _text(body, "address"))))
    point = f"{body.get('latitude')}, {body.get('longitude')}"[:64]
    return f"[location {point}] {where}".strip()


def _sign(reaction: Json) -> str:
    emoji = _text(reaction, "emoji")  # without one, it takes back an earlier reaction
    return f"[reaction {emoji}]" if emoji else "[reaction removed]"


_READERS: Mapping[str, Callable[[Json], str]] = {
    "text": lambda text: _required(text, "body", "text.body"),
    "button": lambda button: _text(button, "text") or "",
    "interactive": _choice,
    "location": _place,
    "reaction": _sign,
    **dict.fromkeys(MEDIA_KINDS, _caption),
}


def _cards(content: Json) -> str:
    lines = []
    for given in _items(content, "contacts", "contacts"):
        card = _object(given, "contacts")
        name = _text(_object(card.get("name", {}), "contacts.name"), "formatted_name")
        numbers = [_text(_object(phone, "contacts.phones"), "phone") for phone in _items(card, "phones", "phones")]
        lines.append(f"[contact] {' '.join(filter(None, (name, *numbers)))}")
    return "\n".join(lines)


def _attachments(kind: str, content: Json) -> tuple[Attachment, ...]:
    if kind not in MEDIA_KINDS:
        return ()
    media = _object(content.get(kind), kind)
    media_id = _required(media, "id", f"{kind}.id")[:MAX_ID]
    content_type = (_text(media, "mime_type") or "application/octet-stream").partition(";")[0].strip()[:127]
    name = one_line(_text(media, "filename") or f"{kind}-{media_id}")[:255]
    # The size is unknown here: WhatsApp gives it with the URL when the id is looked up.
    return (Attachment(name=name, content_type=content_type, size=0, url=f"whatsapp-media:{media_id}"),)


def _referral(content: Json) -> dict[str, str]:
    source = _text(_inner(content, "referral"), "source_url")
    return {"referral": source[:1024]} if source else {}


def _object(value: object, path: str) -> Json:
    if not isinstance(value, dict):
        raise Malformed(path, "must be an object" if value is not None else "is missing")
    return value


def _inner(value: Json, key: str) -> Json:
    """Return the object under the key, or an empty one if there is none."""
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


def _items(value: Json, key: str, path: str) -> list[Any]:
    items = value.get(key, [])
    if not isinstance(items, list):
        raise Malformed(path, "must be an array")
    return items


def _text(value: Json, key: str) -> str | None:
    text = value.get(key)
    return text if isinstance(text, str) and text else None


def _identifier(content: Json) -> str:
    identifier = _required(content, "id")
    if len(identifier) > MAX_ID:
        raise Malformed("id", f"is longer than {MAX_ID}")
    if CONTROL.search(identifier):
        raise Malformed("id", "holds a control character")
    return identifier


def _required(value: Json, key: str, path: str = "") -> str:
    text = _text(value, key)
    if text is None:
        raise Malformed(path or key, "must be text" if key in value else "is missing")
    return text
