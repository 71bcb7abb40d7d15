"""What is recorded of a batch's messages: of each its own texts, and its own raw bytes."""

from datetime import UTC, datetime

from channels.message import Attachment
from router.postgres.database import Database
from router.postgres.intake.receive import PostgresIntake
from tests.making.intake import MAILROOM, a_receiver
from tests.making.messages import a_message

RECORDED = """
    select external_id, text, html, payload.body
    from message
    left join payload on message.id = any (payload.message_ids)
    order by message.id"""
FILE = Attachment(name="a.txt", content_type="text/plain", size=1, content=b"a")


async def test_a_message_keeps_the_date_that_its_sender_gave_it(database: Database):
    ahead = a_message(sent_at=datetime(2199, 1, 1, tzinfo=UTC))
    behind = a_message(sent_at=datetime(2026, 1, 1, tzinfo=UTC))
    await a_receiver(PostgresIntake(database)).take([MAILROOM.deliver(ahead), MAILROOM.deliver(behind)])
    rows = await database.fetch("test", "select sent_at from message order by id")
    assert [row["sent_at"] for row in rows] == [ahead.sent_at, behind.sent_at]


async def test_each_message_of_a_batch_keeps_its_own_texts_and_raw_bytes(database: Database):
    messages = [
        a_message(text="first", html="<p>first</p>", attachments=(FILE,)),
        a_message(text="second"),
        a_message(text='"third"\n{}, \\ \N{GRINNING FACE}', html="<p>third</p>", attachments=(FILE,)),
    ]
    deliveries = [MAILROOM.deliver(message) for message in messages]
    await a_receiver(PostgresIntake(database)).take(deliveries)
    assert [tuple(row) for row in await database.fetch("test", RECORDED)] == [
        (message.external_id, message.text, message.html, delivery.body if message.attachments else None)
        for message, delivery in zip(messages, deliveries, strict=True)
    ]
