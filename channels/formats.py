"""The one table of formats that integrations may send. A new provider is one module and one line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from channels import canonical
from channels.chat import webchat
from channels.email import rfc822
from channels.errors import Malformed, UnknownFormat
from channels.message import Channel, Parsed
from channels.sms import twilio
from channels.social import whatsapp

Parse = Callable[[bytes, str | None], Parsed]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A payload's format: `name` as in the AMQP property `type`; `channel` is None where the payload says it itself."""

    name: str
    channel: Channel | None
    parse: Parse


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            Format(name="message.v1", channel=None, parse=canonical.parse),
            Format(name="email.rfc822", channel=Channel.EMAIL, parse=rfc822.parse),
            Format(name="sms.twilio", channel=Channel.SMS, parse=twilio.parse),
            Format(name="social.whatsapp", channel=Channel.SOCIAL, parse=whatsapp.parse),
            Format(name="chat.webchat", channel=Channel.CHAT, parse=webchat.parse),
        )
    }
)


def parse(format: str, raw: bytes, account: str | None) -> Parsed:  # noqa: A002 - the word of the contract
    """Read a payload of the named format that came for `account`; raise nothing but `Malformed`, whatever comes in."""
    known = FORMATS.get(format)
    if known is None:
        raise UnknownFormat("type", f"must be one of {', '.join(FORMATS)}")
    try:
        return known.parse(raw, account)
    except Malformed:
        raise
    # The one broad catch: the standard library's parsers raise far more than they document.
    except Exception as exc:
        raise Malformed("body", f"cannot be read as {format} ({type(exc).__name__})") from exc


def validate(format: str, raw: bytes, account: str | None = None) -> list[str]:  # noqa: A002 - as above
    """Return what is wrong with a payload, one line each; empty when all of it would be taken in."""
    try:
        parsed = parse(format, raw, account)
    except Malformed as exc:
        return [str(exc)]
    return [f"{part.field}: {part.problem}" for part in parsed.malformed]
