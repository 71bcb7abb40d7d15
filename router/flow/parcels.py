"""Opens deliveries: bytes to messages, or to what is wrong with them. All of it can be done before a batch begins."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from channels.errors import Malformed
from channels.message import InboundMessage, MalformedPart, MessageKey, Parsed
from router.decide.language import language_of
from router.flow.bus import Delivery
from router.flow.changes import Unprocessable
from router.flow.intake import Arrival, tokened_conversation

Parse = Callable[[str, bytes, str | None], Parsed]
_PROBLEMS_NAMED = 3

Languages = Callable[[], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A delivery opened: its messages, and what of it can never be processed."""

    delivery: Delivery
    arrivals: tuple[Arrival, ...] = ()
    refused: tuple[Unprocessable, ...] = ()


class Opener:
    """Parses payloads, reads our mail tokens and recognises languages: what needs no knowledge of the world."""

    def __init__(self, parse: Parse, secret: bytes, languages: Languages) -> None:
        """`secret` signs our mail tokens; `languages` are those that the policy tells apart."""
        self._parse = parse
        self._secret = secret
        self._languages = languages

    def open(self, delivery: Delivery) -> Parcel:
        """Raises nothing: a delivery that stayed unopened would be lost with the next acknowledgement."""
        try:
            return self._open(delivery)
        except Malformed as exc:
            return refused(delivery, "receive", "malformed", str(exc), key=exc.key)
        except Exception as exc:  # noqa: BLE001 - whatever it is, this payload alone has caused it
            return refused(delivery, "receive", "cannot_be_read", f"body: cannot be read ({type(exc).__name__})")

    def _open(self, delivery: Delivery) -> Parcel:
        parsed = self._parse(delivery.format, delivery.body, delivery.account)
        arrivals = tuple(self._arrivals(parsed, delivery))
        if not parsed.malformed:
            return Parcel(delivery=delivery, arrivals=arrivals)
        first = parsed.malformed[0]
        partly = refused(delivery, "receive", "malformed", _problems(parsed.malformed), key=first.key)
        return replace(partly, arrivals=arrivals)

    def _arrivals(self, parsed: Parsed, delivery: Delivery) -> Iterator[Arrival]:
        for message in parsed.messages:
            yield Arrival(
                message=message,
                delivery=delivery,
                tokened=tokened_conversation(message, self._secret),
                language=_hinted(message.language) or self._language_of(message),
            )

    def _language_of(self, message: InboundMessage) -> str | None:
        return language_of(f"{message.text}\n{message.subject or ''}".strip(), self._languages())


def _hinted(language: str | None) -> str | None:
    """The primary subtag of a provider's hint: `de` for `de-AT` or `de_AT` (RFC 5646, 2.2.1)."""
    return re.split("[-_]", language.strip().lower(), maxsplit=1)[0] or None if language else None


def _problems(parts: Sequence[MalformedPart]) -> str:
    """What is wrong with the first few, and how many there are."""
    named = [f"{part.field}: {part.problem}" for part in parts[:_PROBLEMS_NAMED]]
    more = len(parts) - len(named)
    return "; ".join([*named, f"and {more:,} more"] if more else named)


def refused(delivery: Delivery, stage: str, reason: str, detail: str, *, key: MessageKey | None = None) -> Parcel:
    """A delivery that is kept as unprocessable, whole; `key` is that of its (first) message, as far as it is known."""
    unprocessable = Unprocessable(delivery=delivery, stage=stage, reason=reason, detail=detail, key=key)
    return Parcel(delivery=delivery, refused=(unprocessable,))
