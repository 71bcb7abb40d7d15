"""Opens deliveries: bytes to messages, or to what is wrong with them. All of it can be done before a batch begins."""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from channels.errors import Malformed
from channels.message import InboundMessage, MalformedPart, MessageKey, Parsed
from router.decide.gist import gist_of
from router.decide.language import language_of
from router.domain.conversation import ConversationId
from router.domain.triage import Gist
from router.flow.intake.changes import RefusedMessage, Unprocessable
from router.flow.intake.take_in import Arrival, tokened_conversation
from router.flow.run.bus import Delivery

Parse = Callable[[str, bytes, str | None], Parsed]
_PROBLEMS_NAMED = 3

Languages = Callable[[], tuple[str, ...]]


class Read(NamedTuple):
    """A message, its fingerprint and gist, the conversation that a mail token of ours leads to, and its language."""

    message: InboundMessage
    fingerprint: bytes
    gist: Gist
    tokened: ConversationId | None
    language: str | None


class Refusal(NamedTuple):
    """Why a payload, or a part of it, can never be processed; `key` and `further` as in `Unprocessable`."""

    stage: str
    reason: str
    detail: str
    key: MessageKey | None = None
    further: tuple[RefusedMessage, ...] = ()


class Reading(NamedTuple):
    """What is in a payload: messages, and what is wrong with the rest. Plain tuples: they cross processes."""

    read: tuple[Read, ...] = ()
    refusal: Refusal | None = None


class Parcel(NamedTuple):
    """A delivery opened: its messages, and what of it can never be processed."""

    delivery: Delivery
    arrivals: tuple[Arrival, ...] = ()
    refused: tuple[Unprocessable, ...] = ()


class Reader(Protocol):
    """Reads payloads, here or elsewhere."""

    def read(self, delivery: Delivery) -> "asyncio.Future[Reading]":
        """Read soon, beside others; the future fails for nothing: a delivery that stayed unread would be lost."""


class Opener:
    """Parses payloads, reads our mail tokens, tells language and words: what needs no knowledge of the world."""

    def __init__(self, parse: Parse, secret: bytes, languages: Languages) -> None:
        """`secret` signs our mail tokens; `languages` are those that the policy tells apart."""
        self._parse = parse
        self._secret = secret
        self._languages = languages

    def open(self, format: str, body: bytes, account: str | None) -> Reading:  # noqa: A002 - the contract's word
        """Raises nothing, whatever the payload is."""
        try:
            parsed = self._parse(format, body, account)
            return Reading(tuple(map(self._read, parsed.messages)), _partly(parsed.malformed))
        except Malformed as exc:
            return Reading(refusal=Refusal("receive", "malformed", str(exc), exc.key))
        except Exception as exc:  # noqa: BLE001 - whatever it is, this payload alone has caused it
            return Reading(refusal=unreadable(type(exc).__name__))

    def _read(self, message: InboundMessage) -> Read:
        return Read(
            message=message,
            fingerprint=message.fingerprint,
            gist=gist_of(message.subject or "", message.text),
            tokened=tokened_conversation(message, self._secret),
            language=_hinted(message.language) or self._language_of(message),
        )

    def _language_of(self, message: InboundMessage) -> str | None:
        return language_of(f"{message.text}\n{message.subject or ''}".strip(), self._languages())


class ReaderHere:
    """Implements `Reader` in this process."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener

    def read(self, delivery: Delivery) -> "asyncio.Future[Reading]":
        done: asyncio.Future[Reading] = asyncio.get_running_loop().create_future()
        done.set_result(self._opener.open(delivery.format, delivery.body, delivery.account))
        return done


def parcel(delivery: Delivery, reading: Reading) -> Parcel:
    """The delivery with what was read in it."""
    arrivals = tuple(
        Arrival(
            message=message,
            delivery=delivery,
            fingerprint=fingerprint,
            gist=gist,
            tokened=tokened,
            language=language,
        )
        for message, fingerprint, gist, tokened, language in reading.read
    )
    if reading.refusal is None:
        return Parcel(delivery=delivery, arrivals=arrivals)
    return refused(delivery, reading.refusal)._replace(arrivals=arrivals)


def refused(delivery: Delivery, refusal: Refusal) -> Parcel:
    """A delivery that is kept as unprocessable, whole."""
    return Parcel(delivery=delivery, refused=(Unprocessable(delivery=delivery, **refusal._asdict()),))


def unreadable(why: str) -> Refusal:
    """A payload that its parser stumbled over, or ended by."""
    return Refusal("receive", "cannot_be_read", f"body: cannot be read ({why})")


def _partly(malformed: Sequence[MalformedPart]) -> Refusal | None:
    if not malformed:
        return None
    further = (RefusedMessage(part.key, _problem(part)) for part in malformed[1:] if part.key)
    return Refusal("receive", "malformed", _problems(malformed), malformed[0].key, tuple(further))


def _hinted(language: str | None) -> str | None:
    """The primary subtag of a provider's hint: `de` for `de-AT` or `de_AT` (RFC 5646, 2.2.1)."""
    return re.split("[-_]", language.strip().lower(), maxsplit=1)[0] or None if language else None


def _problems(parts: Sequence[MalformedPart]) -> str:
    """What is wrong with the first few, and how many there are."""
    named = list(map(_problem, parts[:_PROBLEMS_NAMED]))
    more = len(parts) - len(named)
    return "; ".join([*named, f"and {more:,} more"] if more else named)


def _problem(part: MalformedPart) -> str:
    return f"{part.field}: {part.problem}"
