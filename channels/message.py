"""The words that all channels share: messages, handles, attachments, thread hints. Each provider's module parses.

What crosses processes with every message is a named tuple: it is made three times as fast as a frozen dataclass, and is
pickled and read back faster. A handle is a dataclass, because the API shows it by its fields, but it has no slots:
pickle takes three times as long for a frozen dataclass with slots.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from channels import numbers


class Channel(StrEnum):
    """How a customer reaches us."""

    EMAIL = "email"
    CHAT = "chat"
    SMS = "sms"
    SOCIAL = "social"


class HandleKind(StrEnum):
    """What sort of address a handle is."""

    EMAIL = "email"
    PHONE = "phone"
    USER = "user"


class Automatic(StrEnum):
    """Why nobody has to answer a message, mostly because no person wrote it. It never opens or reopens a ticket.

    `REACTION` is a sign under an earlier message. With `LEFT` a channel says that the customer has gone.
    """

    AUTO_REPLY = "auto_reply"
    OUT_OF_OFFICE = "out_of_office"
    BOUNCE = "bounce"
    MAILING_LIST = "mailing_list"
    OWN_NOTIFICATION = "own_notification"
    REACTION = "reaction"
    LEFT = "left"


@dataclass(frozen=True, kw_only=True)
class Handle:
    """One address of a person: an email address, an E.164 number or a platform's user id.

    `value` is where answers go, so a number keeps the national rewriting in which it came; `key` compares.
    `scope` is the platform that a `user` id belongs to (two platforms may use the same id); empty for the others.
    `verified` means that the provider guarantees that the sender controls the handle.
    """

    kind: HandleKind
    value: str
    scope: str = ""
    name: str | None = None
    verified: bool = False

    @property
    def key(self) -> str:
        """The handle as one string, unique over all kinds: `email:a@b.example`, `phone:+4930…`, `user:whatsapp:77`."""
        return f"{self.kind}:{self.scope}:{self.value}" if self.scope else f"{self.kind}:{self.compared}"

    @property
    def compared(self) -> str:
        """The value in the one spelling of everything that means the same address."""
        return numbers.canonical(self.value) if self.kind is HandleKind.PHONE else self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that came with a message: either a `url` to fetch it from, or its bytes, or neither (kept in the raw)."""

    name: str
    content_type: str
    size: int
    url: str | None = None
    content: bytes | None = field(default=None, repr=False)


MAX_INLINE = 256 * 1024
"""Bytes of a file that may travel inside a message; a larger one is fetched by its `url`, or stays in the raw mail."""


class ThreadHints(NamedTuple):
    """What a provider says about where a message belongs.

    `key` is a provider's thread or session id. `in_reply_to` and `references` are Message-IDs without angle brackets
    (RFC 5322, 3.6.4), oldest first. `message_id` is the mail's own. `tokens` are plus-address details of recipients.
    """

    key: str | None = None
    message_id: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()


NO_HINTS = ThreadHints()
"""Most messages have none. They share this one, so that it is pickled only once."""


class InboundMessage(NamedTuple):
    """What a customer wrote, in the one shape that every provider's payload is turned into.

    `external_id` is the provider's id of the message, or `sha256:…` of the raw bytes if it gave none. `also` are
    further handles of the sender that the payload names. `reply_to` is where the sender of a mail wants answers, if
    that is another address; it says nothing about who wrote. `text` is what is new in the message, without quoted mail.
    If `id_is_taken`, another message came under the same key before, and the id leads nowhere.
    """

    external_id: str
    channel: Channel
    provider: str
    account: str
    sender: Handle
    also: tuple[Handle, ...] = ()
    reply_to: Handle | None = None
    recipients: tuple[Handle, ...] = ()
    sent_at: datetime | None = None
    subject: str | None = None
    text: str = ""
    html: str | None = None
    thread: ThreadHints = NO_HINTS
    attachments: tuple[Attachment, ...] = ()
    language: str | None = None
    automatic: Automatic | None = None
    attributes: Mapping[str, str] = {}
    id_is_taken: bool = False

    @property
    def key(self) -> "MessageKey":
        """What makes this message the same message when it arrives again."""
        return MessageKey(self.channel, self.account, self.external_id)

    @property
    def mail_id(self) -> str:
        """The Message-ID of a mail, without angle brackets."""
        return self.thread.message_id or self.external_id.strip("<>")

    @property
    def answers(self) -> tuple[str, ...]:
        """The Message-IDs that a mail answers, latest first (RFC 5322, 3.6.4); none on other channels."""
        if self.channel is not Channel.EMAIL:
            return ()
        hints = self.thread
        ids = (*hints.references, *((hints.in_reply_to,) if hints.in_reply_to else ()))
        return tuple(dict.fromkeys(id_ for id_ in reversed(ids) if self._leads(id_)))

    @property
    def thread_root(self) -> str | None:
        """What all mails of a thread share: the provider's key, or the Message-ID it began with; None for the rest."""
        if self.channel is not Channel.EMAIL:
            return None
        hints = self.thread
        ids = (*hints.references, hints.in_reply_to, self.mail_id)
        return hints.key or next((id_ for id_ in ids if id_ and self._leads(id_)), None)

    def _leads(self, mail_id: str) -> bool:
        return not (self.id_is_taken and mail_id == self.mail_id)

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of what the customer said: tells a repeated delivery from another message under the same key."""
        return self._fingerprint(self.sender.key)

    def former_fingerprints(self) -> Iterator[bytes]:
        """Yield the fingerprints that earlier releases gave this message.

        They spelled a number as it came, and some numbers were too short for them: those were a platform's user ids.
        """
        sender = self.sender
        if sender.kind is HandleKind.PHONE:
            yield self._fingerprint(f"{HandleKind.PHONE}:{sender.value}")
            yield self._fingerprint(f"{HandleKind.USER}:{self.provider}:{sender.value}")
            yield self._fingerprint(f"{HandleKind.USER}:{self.provider}:{sender.value.removeprefix('+')}")

    def _fingerprint(self, sender: str) -> bytes:
        said = (sender, self.subject or "", self.text, self.html or "", "")
        digest = hashlib.sha256("\x00".join(said).encode())
        for attachment in self.attachments:
            digest.update(f"{attachment.name}\x00{attachment.size}\x00{attachment.url or ''}".encode())
            digest.update(hashlib.sha256(attachment.content or b"").digest())
        return digest.digest()


class MessageKey(NamedTuple):
    """Channel, account and the provider's message id."""

    channel: str
    account: str
    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStatus:
    """A provider's report on a message that we sent: `sent`, `delivered`, `read` or `failed`."""

    external_id: str
    account: str
    status: str
    at: datetime | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedPart:
    """One message that cannot be read in a payload whose others can; `key` is its key, if that could be read."""

    field: str
    problem: str
    key: MessageKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What one payload held. Any of these may be empty: a payload with only statuses is a good payload.

    `malformed` must be kept as unprocessable, with the whole payload. It never holds up `messages`.
    """

    messages: tuple[InboundMessage, ...] = ()
    statuses: tuple[DeliveryStatus, ...] = ()
    malformed: tuple[MalformedPart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """An agent's answer, addressed by the conversation that it belongs to.

    `message_id` is ours and stable across retries: use it as the idempotency key towards a provider. Mail also has
    `in_reply_to` and `references`, and `token_id` is the Message-ID to send it under.
    """

    message_id: int
    conversation_id: int
    channel: Channel
    provider: str
    account: str
    to: Handle
    text: str
    subject: str | None = None
    thread_key: str | None = None
    token_id: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
