"""`message.v1`, our own canonical JSON: the format for integrations that translate for themselves."""

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from channels import handles, strict_json
from channels.errors import Malformed
from channels.message import (
    MAX_INLINE,
    NO_HINTS,
    Attachment,
    Channel,
    Handle,
    HandleKind,
    InboundMessage,
    MessageKey,
    Parsed,
    ThreadHints,
)
from channels.refusal import LANGUAGE, MEDIA_TYPE, PROVIDER, WEB_ADDRESS, malformed, whole_number
from channels.text import CONTROL, MAX_SUBJECT, MAX_TEXT, from_html, is_blank, one_line, sanitised

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_NOT_IN_AN_ID = re.compile(r"[\s<>]")
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _instant(value: object) -> datetime:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("must be RFC 3339 with a zone, as 2026-03-01T09:30:00Z")
    try:
        instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise ValueError("is not a date and time that exists") from exc
    if not _EARLIEST <= instant < _LATEST:
        raise ValueError("must lie between 1970 and 2200")
    return instant


def _without_control(value: str) -> str:
    if CONTROL.search(value):
        raise ValueError("holds a control character: remove it")
    return value


def _account(value: str) -> str:
    spelled = handles.account(_without_control(value))
    if not spelled:
        raise ValueError("must hold more than white space")
    return spelled


def _message_id(value: str) -> str:
    # Our answers repeat ids in In-Reply-To and References, where anything else could start a new header.
    bare = _without_control(value.strip("<> "))
    if _NOT_IN_AN_ID.search(bare) or (value and not bare):
        raise ValueError("must be an id without white space and angle brackets")
    return bare


Short = Annotated[str, Field(min_length=1, max_length=255)]
Account = Annotated[Short, AfterValidator(_account)]
OneLine = Annotated[str, AfterValidator(_without_control)]
MessageId = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_message_id)]
Instant = Annotated[
    datetime,
    BeforeValidator(_instant, json_schema_input_type=Annotated[str, Field(json_schema_extra={"format": "date-time"})]),
]


class Strict(BaseModel):
    """A model that reports unknown fields instead of dropping them."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class CanonicalHandle(Strict):
    """One address of a person."""

    kind: HandleKind = Field(description="What sort of address `value` is.")
    value: str = Field(
        min_length=1,
        max_length=handles.MAX_HANDLE,
        description="`email`: an address. `phone`: E.164; without `+` it is read as dialled from the account's country."
        " `user`: the provider's own id of the person.",
    )
    name: str | None = Field(None, max_length=255, description="How the person is called by the provider.")
    verified: bool = Field(
        False, strict=True, description="Whether the provider vouches that the person controls this address."
    )


class CanonicalThread(Strict):
    """Where the message belongs, as far as the provider knows."""

    key: OneLine | None = Field(None, max_length=512, description="The provider's thread or session id.")
    in_reply_to: Annotated[str, AfterValidator(_message_id)] | None = Field(
        None, max_length=512, description="The `id` of the message that this one answers."
    )
    references: list[MessageId] = Field(
        default_factory=list, max_length=100, description="Earlier messages of the thread, oldest first."
    )


class CanonicalAttachment(Strict):
    """A file: by `url`, or inside the message as `content_base64` up to 256 KiB."""

    name: Short = Field(description="The file's name.")
    content_type: str = Field(pattern=MEDIA_TYPE, max_length=127, description="Media type, RFC 6838.")
    size: Annotated[int, BeforeValidator(whole_number, json_schema_input_type=int)] = Field(
        ge=0, le=2**40, description="Bytes, decoded."
    )
    url: str | None = Field(None, pattern=WEB_ADDRESS, max_length=2048, description="Where to fetch the file.")
    content_base64: str | None = Field(
        None, max_length=350_000, description="The file itself, at most 256 KiB decoded."
    )


class MessageV1(Strict):
    """One message of a customer, in Frontdesk's canonical form."""

    id: MessageId = Field(
        description="The provider's id of the message, without white space; angle brackets around it are taken off."
        " The same id is the same message."
    )
    channel: Channel = Field(description="How the customer reached us.")
    provider: str = Field(pattern=PROVIDER, description="Who carries the channel; also the scope of `user` ids.")
    account: Account = Field(description="Our side of the channel: a mailbox, a phone number, a page.")
    sender: CanonicalHandle = Field(alias="from", description="Who wrote.")
    also: list[CanonicalHandle] = Field(
        default_factory=list, max_length=10, description="Further addresses of the sender."
    )
    to: list[CanonicalHandle] = Field(default_factory=list, max_length=500, description="Who it was sent to.")
    sent_at: Instant = Field(description="When it was written: RFC 3339 with a zone.")
    subject: str | None = Field(None, max_length=MAX_SUBJECT, description="Subject line, where the channel has one.")
    text: str | None = Field(None, max_length=MAX_TEXT, description="What is new in the message, as plain text.")
    html: str | None = Field(
        None,
        max_length=MAX_TEXT,
        description="The same as HTML; sanitised, and the source of `text` if that is absent.",
    )
    thread: CanonicalThread | None = Field(None, description="Where the message belongs.")
    attachments: list[CanonicalAttachment] = Field(default_factory=list, max_length=50, description="Files.")
    language: str | None = Field(None, pattern=LANGUAGE, max_length=35, description="BCP 47, if it is known.")
    attributes: dict[Annotated[str, Field(min_length=1, max_length=64)], Annotated[str, Field(max_length=1024)]] = (
        Field(default_factory=dict, max_length=50, description="Anything else that routing may look at.")
    )


class _Key(BaseModel):
    id: MessageId
    channel: Channel
    account: Account


_VALIDATOR = MessageV1.__pydantic_validator__


def parse(raw: bytes, account: str | None = None) -> Parsed:
    """Read one `message.v1`. The payload's own `account` counts; the delivery's is ignored."""
    del account
    payload = strict_json.load(raw)
    try:
        return Parsed(messages=(_message(_VALIDATOR.validate_python(payload)),))
    except ValidationError as exc:
        raise malformed(exc, "message.v1", MessageV1, key=_key(payload)) from exc
    except Malformed as exc:
        raise Malformed(exc.field, exc.problem, key=_key(payload), further=exc.faults[1:]) from exc


def _key(payload: dict[str, Any]) -> MessageKey | None:
    """Return the key of a message whose other fields cannot be read."""
    try:
        read = _Key.model_validate(payload)
    except ValidationError:
        return None
    return MessageKey(read.channel, read.account, read.id)


def _message(model: MessageV1) -> InboundMessage:
    if not model.attachments and all(map(is_blank, (model.text, model.html, model.subject))):
        raise Malformed("text", "a message needs at least one of text, html, subject and attachments")
    return InboundMessage(
        external_id=model.id,
        channel=model.channel,
        provider=model.provider,
        account=model.account,
        sender=_handle(model.sender, "from", model),
        also=tuple(_handle(also, f"also.{i}", model) for i, also in enumerate(model.also)),
        recipients=tuple(_handle(to, f"to.{i}", model) for i, to in enumerate(model.to)),
        sent_at=model.sent_at,
        subject=one_line(model.subject) if model.subject else None,
        text=_text(model),
        html=sanitised(model.html) if model.html else None,
        thread=_thread(model),
        attachments=read_attachments(model.attachments),
        language=model.language,
        attributes=model.attributes,
    )


def _text(model: MessageV1) -> str:
    return from_html(model.html or "")[:MAX_TEXT] if is_blank(model.text) else model.text or ""


def _handle(given: CanonicalHandle, path: str, model: MessageV1) -> Handle:
    field = f"{path}.value"
    match given.kind:
        case HandleKind.EMAIL:
            return handles.email(given.value, field, name=given.name, verified=given.verified)
        case HandleKind.PHONE:
            return handles.phone(given.value, field, account=model.account, name=given.name, verified=given.verified)
        case HandleKind.USER:
            return handles.user(given.value, field, scope=model.provider, name=given.name, verified=given.verified)


def _thread(model: MessageV1) -> ThreadHints:
    given, tokens = model.thread, _tokens(model)
    if given is None:
        return NO_HINTS._replace(tokens=tokens) if tokens else NO_HINTS
    return ThreadHints(
        key=given.key or None,
        in_reply_to=given.in_reply_to or None,
        references=tuple(given.references),
        tokens=tokens,
    )


def _tokens(model: MessageV1) -> tuple[str, ...]:
    if model.channel is not Channel.EMAIL:
        return ()
    return handles.plus_details(to.value for to in model.to if to.kind is HandleKind.EMAIL)


def read_attachments(given: Sequence[CanonicalAttachment]) -> tuple[Attachment, ...]:
    """Return the files of a payload; raise `Malformed` if bytes and size disagree or there are too many bytes."""
    return tuple(_attachment(file, f"attachments.{i}") for i, file in enumerate(given))


def _attachment(given: CanonicalAttachment, path: str) -> Attachment:
    if (given.url is None) == (given.content_base64 is None):
        raise Malformed(path, "needs either url or content_base64")
    content = None if given.content_base64 is None else _decoded(given.content_base64, f"{path}.content_base64")
    if content is not None and len(content) != given.size:
        raise Malformed(f"{path}.size", f"says {given.size} bytes, but content_base64 holds {len(content)}")
    return Attachment(
        name=one_line(given.name) or "file",
        content_type=given.content_type.lower(),
        size=given.size,
        url=given.url,
        content=content,
    )


def _decoded(text: str, field: str) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Malformed(field, "is not base64 (RFC 4648, section 4)") from exc
    if len(content) > MAX_INLINE:
        raise Malformed(field, f"is larger than {MAX_INLINE // 1024} KiB: send it by url")
    return content
