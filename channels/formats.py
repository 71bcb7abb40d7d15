"""The one table of formats that integrations may send. A new provider is one module and one line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from channels import canonical
from channels.chat import webchat
from channels.email import rfc822
from channels.errors import Malformed, UnknownFormat
from channels.message import Attachment, Channel, InboundMessage, Parsed
from channels.sms import twilio
from channels.social import meta, whatsapp
from channels.webhook import Hook

CANONICAL = "message.v1"
EMAIL = "email.rfc822"
Parse = Callable[[bytes, str | None], Parsed]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A payload's format: `name` is the AMQP property `type`; `channel` is None if the payload itself names it.

    `hook` is how its provider calls us over HTTP, if it does.
    """

    name: str
    channel: Channel | None
    parse: Parse
    hook: Hook | None = None


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            Format(name=CANONICAL, channel=None, parse=canonical.parse),
            Format(name=EMAIL, channel=Channel.EMAIL, parse=rfc822.parse),
            Format(name="sms.twilio", channel=Channel.SMS, parse=twilio.parse, hook=twilio.HOOK),
            Format(name="social.whatsapp", channel=Channel.SOCIAL, parse=whatsapp.parse, hook=meta.HOOK),
            Format(name="chat.webchat", channel=Channel.CHAT, parse=webchat.parse),
        )
    }
)


def routing_key(channel: str, format: str) -> str:  # noqa: A002 - the word of the contract
    """Return the routing key of a payload: `<channel>.<format>`, or only the format if that names the channel."""
    return format if format.startswith(f"{channel}.") else f"{channel}.{format}"


def parse(format: str, raw: bytes, account: str | None) -> Parsed:  # noqa: A002 - as above
    """Read a payload of the named format that came for `account`; raise nothing but `Malformed`, whatever comes in."""
    known = FORMATS.get(format)
    if known is None:
        raise UnknownFormat("type", f"must be one of {', '.join(FORMATS)}")
    try:
        return known.parse(raw, (account or "").strip() or None)
    except Malformed:
        raise
    # The one broad catch: the standard library's parsers raise far more than they document.
    except Exception as exc:
        raise Malformed("body", f"cannot be read as {format} ({type(exc).__name__})") from exc


def attachment(format: str, raw: bytes, message: InboundMessage, place: int) -> Attachment | None:  # noqa: A002 - as above
    """Return the file at `place` of a payload's message with its bytes; None if they are not in the payload."""
    if place >= len(message.attachments):
        return None
    found = message.attachments[place]
    if found.content is None and format == EMAIL:
        return replace(found, content=rfc822.file_bytes(raw, place))
    return found if found.content is not None else None


def validate(format: str, raw: bytes, account: str | None = None) -> list[str]:  # noqa: A002 - as above
    """Return what is wrong with a payload, one line each; empty if all of it would be taken in."""
    try:
        parsed = parse(format, raw, account)
    except Malformed as exc:
        return [f"{field}: {problem}" for field, problem in exc.faults]
    return [f"{part.field}: {part.problem}" for part in parsed.malformed]
