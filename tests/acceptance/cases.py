"""The case files in `tests/cases`: what integrations deliver, with placeholders for moments and for our own answers."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from tests.acceptance.deployed import Frontdesk

CASES = Path(__file__).parents[1] / "cases"
DESK = "support@acme.example"

_MOMENT = re.compile(rb"@(DATE|EPOCH|ISO)(?:([+-]\d+)([dm]))?@")
_UNITS = {b"d": "days", b"m": "minutes"}
_CANONICAL = ("11-d", "15-")
_FORMATS = {".eml": ("email.rfc822", DESK), ".form": ("sms.twilio", None), ".json": ("social.whatsapp", None)}


def case(name: str, *, token: str = "") -> bytes:
    """Return a case's bytes, dated now; `token` is the `token_id` of the reply that it answers."""
    now = datetime.now(UTC)
    return _MOMENT.sub(lambda found: _written(found, now), (CASES / name).read_bytes()).replace(
        b"@TOKEN@", token.encode()
    )


async def deliver(frontdesk: Frontdesk, name: str, *, token: str = "") -> bytes:
    """Publish a case as its integration would, and return the bytes."""
    format_, account = ("message.v1", None) if name.startswith(_CANONICAL) else _FORMATS[Path(name).suffix]
    body = case(name, token=token)
    await frontdesk.publish(body, format_, account=account, key=format_)
    return body


def _written(found: re.Match[bytes], now: datetime) -> bytes:
    word, shift, unit = found.groups()
    moment = now + (timedelta(**{_UNITS[unit]: int(shift)}) if shift else timedelta())
    match word:
        case b"DATE":
            return format_datetime(moment).encode()
        case b"EPOCH":
            return str(int(moment.timestamp())).encode()
        case _:
            return moment.isoformat(timespec="seconds").encode()
