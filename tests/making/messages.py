"""Messages and deliveries with good defaults, and a parser for deliveries that already hold messages."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from channels.errors import Malformed
from channels.message import Channel, Handle, HandleKind, InboundMessage, Parsed, ThreadHints
from router.decide.gist import gist_of
from router.flow.intake.opening import Arrival
from router.flow.run.bus import Delivery

ACCOUNTS: Mapping[Channel, str] = {
    Channel.EMAIL: "support@acme.example",
    Channel.CHAT: "www.acme.example",
    Channel.SMS: "+4930555000",
    Channel.SOCIAL: "acme-page",
}
PROVIDERS: Mapping[Channel, str] = {
    Channel.EMAIL: "email",
    Channel.CHAT: "webchat",
    Channel.SMS: "twilio",
    Channel.SOCIAL: "whatsapp",
}

_numbers = count(1)


def an_email(address: str = "ada@example.com", *, verified: bool = False) -> Handle:
    return Handle(kind=HandleKind.EMAIL, value=address, verified=verified)


def a_phone(number: str = "+49151555001", *, verified: bool = True) -> Handle:
    return Handle(kind=HandleKind.PHONE, value=number, verified=verified)


def a_user(user_id: str = "ada", *, scope: str = "webchat", verified: bool = True) -> Handle:
    return Handle(kind=HandleKind.USER, value=user_id, scope=scope, verified=verified)


def a_message(
    sender: Handle | None = None,
    text: str = "Where is my parcel?",
    *,
    channel: Channel = Channel.EMAIL,
    external_id: str | None = None,
    references: Sequence[str] = (),
    in_reply_to: str | None = None,
    key: str | None = None,
    tokens: Sequence[str] = (),
    **fields: Any,
) -> InboundMessage:
    """A mail of Ada's with an id of its own, unless told otherwise."""
    external_id = external_id or f"m{next(_numbers)}@mail.example"
    return InboundMessage(
        **{"provider": PROVIDERS[channel], "account": ACCOUNTS[channel], **fields},
        external_id=external_id,
        channel=channel,
        sender=sender or an_email(),
        text=text,
        thread=ThreadHints(
            key=key,
            message_id=external_id if channel is Channel.EMAIL else None,
            in_reply_to=in_reply_to,
            references=tuple(references),
            tokens=tuple(tokens),
        ),
    )


class Mailroom:
    """Wraps messages into deliveries, and opens those again: the `parse` of a `Receiver` under test."""

    def __init__(self) -> None:
        self._parcels: dict[bytes, Parsed] = {}

    def deliver(self, *messages: InboundMessage, redelivered: bool = False, **parsed: Any) -> Delivery:
        """One delivery that holds these messages; equal contents make equal bytes."""
        contents = Parsed(messages=messages, **parsed)
        body = repr(contents).encode()
        self._parcels[body] = contents
        return Delivery(body=body, format="message.v1", redelivered=redelivered, routing_key="test.v1")

    def arrival(self, message: InboundMessage) -> tuple[Arrival, Delivery]:
        """The message as it is taken in, with a delivery of its own."""
        gist = gist_of(message.subject or "", message.text)
        return Arrival(message, message.fingerprint, gist), self.deliver(message)

    def open(self, _format: str, body: bytes, _account: str | None) -> Parsed:
        if body not in self._parcels:
            raise Malformed("body", "is not a parcel of this mailroom")
        return self._parcels[body]
