"""Deliveries that hold more than the rows of their messages are kept as they came, each with its own bytes."""

import json
from pathlib import Path

from channels.formats import parse
from router.flow.run.bus import Delivery
from router.postgres.database import Database
from router.postgres.intake.receive import PostgresIntake
from tests.making.intake import a_receiver

SAMPLES = Path(__file__).parent.parent / "payloads"
WITH_A_FILE = {
    **json.loads((SAMPLES / "message.v1" / "least.json").read_bytes()),
    "id": "with-a-file",
    "attachments": [{"name": "a.txt", "content_type": "text/plain", "size": 1, "content_base64": "YQ=="}],
}
KEPT = """
select payload.format, payload.body, array_agg(message.external_id order by message.id) as ids
from payload
join message on message.id = any (payload.message_ids)
group by payload.id, payload.format, payload.body
order by payload.id
"""


def sample(format_: str, name: str) -> Delivery:
    return Delivery(body=(SAMPLES / format_ / name).read_bytes(), format=format_, account="support@acme.example")


async def test_each_payload_is_kept_with_its_own_bytes_and_messages(database: Database):
    all_in_its_row = sample("message.v1", "least.json")
    with_more = [
        sample("social.whatsapp", "several.json"),
        Delivery(body=json.dumps(WITH_A_FILE).encode(), format="message.v1"),
        sample("email.rfc822", "plain.eml"),
    ]
    await a_receiver(PostgresIntake(database), parse=parse).take([all_in_its_row, *with_more])
    kept = await database.fetch("test", KEPT)
    assert [tuple(row) for row in kept] == [(each.format, each.body, ids_in(each)) for each in with_more]


def ids_in(delivery: Delivery) -> list[str]:
    return [message.external_id for message in parse(delivery.format, delivery.body, delivery.account).messages]
