"""Messages for the load: real customers' texts if they lie beside the repository, or else our own words."""

import gzip
import json
import random
from collections.abc import Iterator

from tests.making.shared_data import SHARED_DATA

CUSTOMERS = 20_000
BYTES = 1024
OWN = (
    "I still wait for the parcel that you sent last week, can you tell me where it is?",
    "My invoice of this month shows the same item twice, please correct it and confirm the new sum.",
    "How do I change the address for my next order? The page does not let me save it.",
    "The device stopped after the update and none of the steps in the manual helped.",
)


def messages(count: int, *, start: int = 0, seed: int = 1) -> Iterator[bytes]:
    """Yield canonical messages of about one kilobyte, from 20,000 customers on four channels."""
    draw = random.Random(seed + start)
    texts = _texts()
    for number in range(start, start + count):
        channel, sender = _sender(draw.randrange(CUSTOMERS), draw)
        message = {
            "id": f"load-{number}",
            "channel": channel,
            "provider": "load",
            "account": f"{channel}-main",
            "from": sender,
            "sent_at": "2026-01-05T09:00:00Z",
            "subject": draw.choice(texts)[:60],
            "text": "",
        }
        message["text"] = _filled(draw, texts, BYTES - len(json.dumps(message)))
        yield json.dumps(message).encode()


def _sender(customer: int, draw: random.Random) -> tuple[str, dict[str, str]]:
    return draw.choice(
        (
            ("email", {"kind": "email", "value": f"customer{customer}@load.example"}),
            ("chat", {"kind": "user", "value": f"visitor{customer}"}),
            ("sms", {"kind": "phone", "value": f"+4915{10_000_000 + customer}"}),
            ("social", {"kind": "user", "value": f"profile{customer}"}),
        )
    )


def _filled(draw: random.Random, texts: list[str], size: int) -> str:
    text = draw.choice(texts)
    while len(text) < size:
        text += " " + draw.choice(texts)
    return text[:size]


def _texts() -> list[str]:
    path = SHARED_DATA / "texts.jsonl.gz"
    if not path.exists():
        return list(OWN)
    with gzip.open(path, "rt") as lines:
        return [json.loads(line)["text"] for line in lines]
