"""How a delivery and a publication look in AMQP: the `type` property is the format, `app_id` the account."""

from datetime import UTC, datetime
from uuid import uuid4

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from router.flow.run.bus import Delivery, Publication

# AMQP's short strings
_LONGEST = 255

# AMQP's timestamp has whole seconds; by RabbitMQ's convention, this header has milliseconds.
_MILLISECONDS = "timestamp_in_ms"


def delivery_of(message: DeliveredMessage, *, dead: bool = False) -> Delivery:
    """Read a delivery; `dead` means that it comes from the dead-letter queue, so it was delivered before."""
    properties = message.header.properties
    return Delivery(
        body=message.body,
        format=properties.message_type or "",
        account=properties.app_id or None,
        redelivered=dead or bool(message.redelivered),
        trace_id=properties.message_id or None,
        published_at=_published_at(properties),
        routing_key=message.routing_key or "",
    )


def properties_of(publication: Publication) -> Basic.Properties:
    """Return persistent properties with this machine's time, which is only for tracing.

    Never raises, whatever the publication says. It cuts a Message-ID that is too long for AMQP, but leaves out an
    account that is too long, since a cut one would name another account; the body has the whole one.
    """
    now = datetime.now(UTC)
    return Basic.Properties(
        headers={_MILLISECONDS: int(now.timestamp() * 1000)},
        delivery_mode=2,
        message_id=_short(publication.message_id or uuid4().hex),
        timestamp=now,
        message_type=_short(publication.format),
        app_id=_whole(publication.account),
    )


def _short(text: str) -> str:
    return text.encode(errors="replace")[:_LONGEST].decode(errors="ignore")


def _whole(text: str | None) -> str | None:
    return text if text and _short(text) == text else None


def _published_at(properties: Basic.Properties) -> datetime | None:
    milliseconds = (properties.headers or {}).get(_MILLISECONDS)
    if isinstance(milliseconds, int) and 0 < milliseconds < 2**42:  # until 2109
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    return properties.timestamp
