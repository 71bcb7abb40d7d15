"""`chat.webchat`: the JSON that our own chat widget sends when a visitor says something or leaves."""

from typing import Annotated, Literal

from pydantic import Field, ValidationError

from channels import handles, strict_json
from channels.canonical import CanonicalAttachment, Instant, MessageId, OneLine, Short, Strict, read_attachments
from channels.errors import Malformed
from channels.message import Automatic, Channel, Handle, InboundMessage, Parsed, ThreadHints
from channels.refusal import malformed
from channels.text import MAX_TEXT, is_blank

PROVIDER = "webchat"


class Visitor(Strict):
    """The person who chats; `email` and `phone` are what the visitor typed unless `verified` (signed in)."""

    id: Short
    name: str | None = Field(None, max_length=255)
    email: str | None = Field(None, max_length=handles.MAX_HANDLE)
    phone: str | None = Field(None, max_length=64)
    verified: Annotated[bool, Field(strict=True)] = False


class WebchatMessage(Strict):
    """One message of a visitor, or the notice that the visitor has left.

    `session` is the thread, `page` the address where the widget was open.
    """

    id: MessageId
    event: Literal["message", "left"] = "message"
    session: Annotated[OneLine, Field(min_length=1, max_length=512)]
    visitor: Visitor
    sent_at: Instant
    text: str = Field("", max_length=MAX_TEXT)
    page: str | None = Field(None, max_length=1024)
    account: OneLine | None = Field(None, max_length=255)
    attachments: list[CanonicalAttachment] = Field(default_factory=list, max_length=50)


def parse(raw: bytes, account: str | None = None) -> Parsed:
    """Read one message of a visitor. Our account is `account` if given, else the payload's."""
    payload = strict_json.load(raw)
    try:
        given = WebchatMessage.model_validate(payload)
    except ValidationError as exc:
        raise malformed(exc, "chat.webchat", WebchatMessage) from exc
    return Parsed(messages=(_message(given, handles.account(account or given.account or "")),))


def _message(given: WebchatMessage, account: str) -> InboundMessage:
    if not account:
        raise Malformed("account", "is missing, and the delivery names none")
    has_left = given.event == "left"
    if not has_left and is_blank(given.text) and not given.attachments:
        raise Malformed("text", "is empty and there is no attachment")
    visitor = given.visitor
    return InboundMessage(
        external_id=given.id,
        channel=Channel.CHAT,
        provider=PROVIDER,
        account=account,
        sender=handles.user(visitor.id, "visitor.id", scope=PROVIDER, name=visitor.name, verified=visitor.verified),
        also=_also(visitor),
        sent_at=given.sent_at,
        text=given.text,
        thread=ThreadHints(key=given.session),
        attachments=read_attachments(given.attachments),
        attributes={"page": given.page} if given.page else {},
        automatic=Automatic.LEFT if has_left else None,
    )


def _also(visitor: Visitor) -> tuple[Handle, ...]:
    also = []
    if visitor.email:
        also.append(handles.email(visitor.email, "visitor.email", name=visitor.name, verified=visitor.verified))
    if visitor.phone:
        also.append(handles.phone(visitor.phone, "visitor.phone", name=visitor.name, verified=visitor.verified))
    return tuple(also)
