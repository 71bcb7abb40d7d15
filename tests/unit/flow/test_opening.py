"""Opening deliveries: what can be known of a message before the world is."""

import pytest

from channels.message import InboundMessage, Parsed
from router.flow.intake.opening import Opener
from router.flow.run.bus import Delivery
from tests.making.messages import Mailroom, a_message

ROOM = Mailroom()


def language_of(message: InboundMessage, *, languages: tuple[str, ...] = ("en", "de")) -> str | None:
    opener = Opener(ROOM.open, b"sample secret", lambda: languages)
    [arrival] = opener.open(ROOM.deliver(message)).arrivals
    return arrival.language


@pytest.mark.parametrize(
    ("message", "language"),
    [
        (a_message(text="Guten Tag, wo bleibt denn meine Bestellung?"), "de"),
        (a_message(text="Where is my order? It was due yesterday."), "en"),
        (a_message(text="Where is my order? It was due yesterday.", language="de-AT"), "de"),
        (a_message(text="Where is my order?", language="pt_BR"), "pt"),
        (a_message(text="Where is my order?", language="DE"), "de"),
        (a_message(text="see below", subject="Wann kommt endlich meine Bestellung an?"), "de"),
        (a_message(text="ok danke"), None),
        (a_message(text="1234 5678 9012 3456 7890 1234"), None),
        (a_message(text="Przepraszam, gdzie jest moja paczka?"), None),
        (a_message(text="Waar is mijn bestelling gebleven?"), None),
        (a_message(text="hello there, ok thx bye"), "en"),
        (a_message(text="Can I Get My Money Back?"), "en"),
        (a_message(text="WHY WAS MY CARD DECLINED, why"), "en"),
        (a_message(text="", language=""), None),
    ],
)
def test_the_language_is_the_hint_or_what_the_text_shows_beyond_doubt(message: InboundMessage, language: str | None):
    assert language_of(message) == language


def test_every_language_is_recognised_where_the_policy_names_none():
    assert language_of(a_message(text="Przepraszam, gdzie jest moja paczka?"), languages=()) == "pl"


@pytest.mark.parametrize(
    ("format", "account", "property"),
    [
        ("message.v1\0", None, "type"),
        ("\0", "shop", "type"),
        ("message.v1", "shop\0", "app_id"),
        ("message.v1", "\ud800", "app_id"),
    ],
)
def test_a_property_that_no_database_can_hold_is_refused_before_anything_is_read(
    format: str, account: str | None, property: str
):
    def never(*_: object) -> Parsed:
        raise AssertionError

    opened = Opener(never, b"sample secret", lambda: ("en",)).open(Delivery(b"{}", format, account))
    assert opened.arrivals == ()
    assert opened.flaw.reason == "malformed"
    assert opened.flaw.detail == f"property {property}: holds a NUL or half of a surrogate pair: remove it"
