"""Answers are written as their documented types say, however quickly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from pydantic import TypeAdapter

from channels.message import Channel
from router.api.endpoint import to_json
from router.domain.ticket import TicketState


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    at: datetime
    state: TicketState
    probability: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    parts: Sequence[Part]
    held: Mapping[Channel, int]
    text: str
    number: int


def test_json_is_what_the_types_in_the_openapi_document_make_of_it():
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    elsewhere = noon.astimezone(timezone(timedelta(hours=2)))
    whole = Whole(
        parts=[
            Part(at=noon, state=TicketState.WRAP_UP),
            Part(at=noon + timedelta(microseconds=1), state=TicketState.NEW, probability=0.1),
            Part(at=elsewhere, state=TicketState.NEW, probability=1.0),
        ],
        held={Channel.EMAIL: 2},
        text='"Grüße", \\ \N{SNOWMAN} \N{GRINNING FACE}\n\x7f\u2028',
        number=2**63 - 1,
    )
    assert to_json(whole) == TypeAdapter(Whole).dump_json(whole)
