"""Opens deliveries: turns bytes into messages, and reads off them all that can be read before anything is decided.

It runs ahead of the batch, mostly in another process. So it imports nothing that decides, and returns plain tuples.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from channels.errors import Malformed
from channels.message import InboundMessage, MalformedPart, Parsed
from channels.text import UNSTORABLE
from router.decide.gist import gist_of
from router.decide.language import language_of
from router.domain.mail_token import TokenOf, read_token
from router.domain.triage import Gist
from router.flow.intake.unprocessable import Flaw, FlawedMessage
from router.flow.run.bus import Delivery

Parse = Callable[[str, bytes, str | None], Parsed]
Languages = Callable[[], tuple[str, ...]]

_PROBLEMS_NAMED = 3


class Arrival(NamedTuple):
    """One message, and what was read off it: fingerprint, gist, language, and what our token in it was made for."""

    message: InboundMessage
    fingerprint: bytes
    gist: Gist
    tokened: TokenOf | None = None
    language: str | None = None


class Opened(NamedTuple):
    """A delivery with its messages, and what is wrong with it or a part of it. Both are empty while it is closed."""

    delivery: Delivery
    arrivals: tuple[Arrival, ...] = ()
    flaw: Flaw | None = None


class Opener:
    """Parses payloads, and reads each message's token, language and words."""

    def __init__(self, parse: Parse, secret: bytes, languages: Languages) -> None:
        """`secret` signs our mail tokens; `languages` are those that the policy distinguishes."""
        self._parse = parse
        self._secret = secret
        self._languages = languages

    def open(self, delivery: Delivery) -> Opened:
        """Never raises, whatever the payload is."""
        if (flaw := _flaw_of_properties(delivery)) is not None:
            return Opened(delivery, flaw=flaw)
        try:
            parsed = self._parse(delivery.format, delivery.body, delivery.account)
            return Opened(delivery, tuple(map(self._read, parsed.messages)), _flaw_of(parsed.malformed))
        except Malformed as exc:
            return Opened(delivery, flaw=Flaw("receive", "malformed", str(exc), exc.key))
        except Exception as exc:  # noqa: BLE001 - whatever it is, this payload alone caused it
            return Opened(delivery, flaw=unreadable(type(exc).__name__))

    def _read(self, message: InboundMessage) -> Arrival:
        return Arrival(
            message=message,
            fingerprint=message.fingerprint,
            gist=gist_of(message.subject or "", message.text),
            tokened=_tokened(message, self._secret),
            language=_hinted(message.language) or self._language_of(message),
        )

    def _language_of(self, message: InboundMessage) -> str | None:
        return language_of(f"{message.text}\n{message.subject or ''}".strip(), self._languages())


def _flaw_of_properties(delivery: Delivery) -> Flaw | None:
    """Refuse what no text of the database can hold before it becomes part of a message."""
    for name, value in (("type", delivery.format), ("app_id", delivery.account)):
        if value and UNSTORABLE.search(value):
            return Flaw("receive", "malformed", f"property {name}: holds a NUL or half of a surrogate pair: remove it")
    return None


def unreadable(why: str) -> Flaw:
    """Return the flaw of a payload that made its parser fail or die."""
    return Flaw("receive", "cannot_be_read", f"body: cannot be read ({why})")


def _tokened(message: InboundMessage, secret: bytes) -> TokenOf | None:
    """Return what our token was made for, in a plus-address or in a Message-ID that the mail answers."""
    tokens = (*message.thread.tokens, *message.answers)
    return next(filter(None, (read_token(secret, token) for token in tokens)), None)


def _hinted(language: str | None) -> str | None:
    """Return the primary subtag of a provider's hint: `de` for `de-AT` or `de_AT` (RFC 5646, 2.2.1)."""
    return re.split("[-_]", language.strip().lower(), maxsplit=1)[0] or None if language else None


def _flaw_of(malformed: Sequence[MalformedPart]) -> Flaw | None:
    if not malformed:
        return None
    further = (FlawedMessage(part.key, _problem(part)) for part in malformed[1:] if part.key)
    return Flaw("receive", "malformed", _problems(malformed), malformed[0].key, tuple(further))


def _problems(parts: Sequence[MalformedPart]) -> str:
    """Return what is wrong with the first few, and how many more there are."""
    named = list(map(_problem, parts[:_PROBLEMS_NAMED]))
    more = len(parts) - len(named)
    return "; ".join([*named, f"and {more:,} more"] if more else named)


def _problem(part: MalformedPart) -> str:
    return f"{part.field}: {part.problem}"
