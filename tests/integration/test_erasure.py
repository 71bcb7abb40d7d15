"""Erasing a customer: no trace is left in any column of any table, and everybody else stays as they are."""

import base64
import json
import re
from collections.abc import AsyncIterator, Mapping
from email.message import EmailMessage
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from router.app import ProcessRole
from router.domain.actor import OPERATOR
from router.domain.customer import CustomerId
from router.domain.errors import NotFound
from router.postgres.database import Database
from router.postgres.statements import SQL
from router.settings import Settings
from tests.acceptance.deployed import Frontdesk, deployed
from tests.clients.api import Caller

CANARY = "quetzalcoatl"
NUMBER = "+4915112349876"
DESK = "desk@acme.example"
GRACE = "grace@example.com"
ERASING = (SQL / "work/customers.sql").read_text()
# as plain text, as the hex of bytes, and as the base64 that attachments travel in
SPELLINGS = [
    *(spelling for text in (CANARY, NUMBER[1:]) for spelling in (text, text.encode().hex())),
    base64.b64encode(base64.b64encode(CANARY.encode())).decode().lower(),
    base64.b64encode(CANARY.encode()).decode().lower(),
    base64.b64encode(CANARY.encode()).hex(),
]

# Tables with columns of text, JSON or bytes: whether these may hold what a customer said, or an address.
WITH_WORDS = {
    "bus_delivery", "conversation", "customer", "handle", "mail_reference", "message", "outbox", "payload", "received",
    "ticket", "unprocessable", "unprocessable_message",
}  # fmt: skip
DELETED_WITH_ITS_PAYLOAD = {"unprocessable_message"}
WITHOUT_WORDS = {
    "agent", "agent_team", "attempt", "audit", "duty", "policy_version", "presence", "refusal",
    "schema_migrations", "secret", "skill_group", "switch", "ticket_event", "token",
}  # fmt: skip
TABLES_THAT_COULD_HOLD_WORDS = """
    select distinct relname
    from pg_class
    join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
      and format_type(atttypid, null) ~ '^(text|character varying|jsonb?|bytea)'"""

TABLES = "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1"
CUSTOMER_OF = "select customer_id from handle where key = $1"
ROWS_WITH_A_TRACE = """
    select count(*) as rows from only {table} as line
    where exists (select from unnest($1::text[]) as spelling where position(spelling in lower(line::text)) > 0)"""


def a_mail(sender: str, subject: str, *, answers: str | None = None, message_id: str = "m1@mail.example") -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, DESK, subject
    mail["Message-ID"], mail["Date"] = f"<{message_id}>", "Sun, 01 Mar 2026 09:30:00 +0000"
    if answers:
        mail["In-Reply-To"] = f"<{answers}>"
    mail.set_content(f"Text of {subject}")
    mail.add_alternative(f"<p>HTML of <b>{subject}</b></p>", subtype="html")
    mail.add_attachment(subject.encode(), maintype="application", subtype="pdf", filename=f"{subject}.pdf")
    return mail.as_bytes()


def a_message(**changes: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "channel": "chat",
        "provider": "webchat",
        "account": "shop.example",
        "from": {"kind": "user", "value": CANARY, "name": CANARY.title()},
        "also": [
            {"kind": "email", "value": f"{CANARY}@example.com", "verified": True},
            {"kind": "phone", "value": NUMBER, "verified": True},
        ],
        "sent_at": "2026-03-01T09:30:00Z",
        "text": f"I am {CANARY}.",
        "html": f"<p>I am <b>{CANARY}</b>.</p>",
        "thread": {"key": f"session-{CANARY}"},
        "attachments": [
            {
                "name": f"{CANARY}.txt",
                "content_type": "text/plain",
                "size": len(CANARY),
                "content_base64": base64.b64encode(CANARY.encode()).decode(),
            }
        ],
        "attributes": {"page": f"https://shop.example/{CANARY}"},
        **changes,
    }


UNPROCESSABLE = [
    ("message.v1", json.dumps(a_message(text="With another text under the same id")).encode()),
    ("message.v1", json.dumps(a_message(id="2", channel="fax")).encode()),
    (
        "email.rfc822",
        b"From: QUETZALCOATL@Example.COM, other@example.com\r\nFrom: x\r\nTo: <>\r\n" + b"X: y\r\n" * 5_000,
    ),
    ("sms.twilio", urlencode({"From": NUMBER, "To": "+493012345678", "Body": "No id"}).encode()),
    ("sms.twilio", f"From={quote(f'{CANARY}@example.com', safe='')}&Body=No+id".encode()),
    ("social.whatsapp", json.dumps({"object": "page", "from": NUMBER[1:]}).encode()),
]
SOMEBODY_ELSE = [
    ("message.v1", json.dumps({"from": {"kind": "email", "value": f"not-{CANARY}@example.com"}}).encode()),
    ("message.v1", json.dumps({"from": {"kind": "email", "value": f"{CANARY}@example.com.au"}}).encode()),
    ("message.v1", json.dumps({"from": {"kind": "user", "value": f"{CANARY}-2"}}).encode()),
    ("sms.twilio", b"From=%2B49151123498760&To=%2B493012345678&Body=No+id"),
]


@pytest.fixture
async def frontdesk(database_url: str, amqp_url: str) -> AsyncIterator[Frontdesk]:
    """Without the role that sends: replies stay in the outbox."""
    settings = Settings(database_url=database_url, amqp_url=amqp_url, http_port=0)
    async with deployed(settings, frozenset({ProcessRole.API, ProcessRole.INTAKE})) as frontdesk:
        await frontdesk.is_ready()
        yield frontdesk


async def test_every_table_that_could_hold_a_customers_words_is_erased_or_holds_none(database: Database):
    found = {row["relname"] for row in await database.fetch("test", TABLES_THAT_COULD_HOLD_WORDS)}
    erased = set(re.findall(r"^(?:update|delete from) (\w+)|  update (\w+)$", ERASING, re.MULTILINE))
    unknown = found - WITH_WORDS - WITHOUT_WORDS
    assert not unknown, (
        f"may {unknown} hold what a customer said, or an address? If so, erase it in "
        "router/postgres/sql/work/customers.sql, let `correspond` below fill it, and add it to WITH_WORDS and to the "
        "tables with a trace; if not, to WITHOUT_WORDS"
    )
    assert found == WITH_WORDS | WITHOUT_WORDS
    kept = WITH_WORDS - {table for pair in erased for table in pair} - DELETED_WITH_ITS_PAYLOAD
    assert not kept, f"no statement of router/postgres/sql/work/customers.sql erases {kept}"


async def test_nothing_of_an_erased_customer_is_left_anywhere(frontdesk: Frontdesk):
    agent = await frontdesk.agent()
    customer_id = await correspond(frontdesk, agent)
    assert {table.rstrip("_0123456789") for table in await traces(frontdesk)} == {
        "conversation", "customer", "handle", "message", "outbox", "payload", "ticket", "unprocessable",
    }  # fmt: skip
    before = await sizes(frontdesk)
    await frontdesk.process.deployment.customers.erase(OPERATOR, customer_id)
    assert await traces(frontdesk) == {}
    after = await sizes(frontdesk)
    kept = ("customer", "conversation", "ticket", "message", "received")
    assert {table: after[table] for table in kept} == {table: before[table] for table in kept}


async def test_other_customers_and_their_unprocessable_payloads_stay_as_they_are(frontdesk: Frontdesk):
    agent = await frontdesk.agent()
    customer_id = await correspond(frontdesk, agent)
    await frontdesk.publish(a_mail(GRACE, "A question", message_id="g1@mail.example"), "email.rfc822", account=DESK)
    page = (await agent.post("/v1/me/next?wait=20")).json
    await agent.post(f"/v1/tickets/{page['ticket']['id']}/reply", lease=page["lease"], json={"text": "An answer"})
    for format_, payload in SOMEBODY_ELSE:
        await frontdesk.publish(payload, format_)
    await frontdesk.has_taken_in(5 + len(UNPROCESSABLE) + len(SOMEBODY_ELSE))
    before = (await agent.get(f"/v1/tickets/{page['ticket']['id']}")).json
    await frontdesk.process.deployment.customers.erase(OPERATOR, customer_id)
    assert (await agent.get(f"/v1/tickets/{page['ticket']['id']}")).json == before
    sizes_after = await sizes(frontdesk)
    assert (sizes_after["unprocessable"], sizes_after["outbox"], sizes_after["payload"]) == (len(SOMEBODY_ELSE), 1, 1)


async def test_who_was_erased_and_writes_again_is_somebody_new(frontdesk: Frontdesk):
    agent = await frontdesk.agent()
    customer_id = await correspond(frontdesk, agent)
    await frontdesk.process.deployment.customers.erase(OPERATOR, customer_id)
    await frontdesk.publish_json(a_message(id="again"))
    page = (await agent.post("/v1/me/next?wait=20")).json
    assert page["customer"]["id"] != customer_id
    assert len(page["transcript"]) == 1


async def test_a_webhook_of_several_customers_is_kept_once_and_goes_with_each_of_them(frontdesk: Frontdesk):
    ours, other = a_social_message("1", NUMBER[1:]), a_social_message("2", "4915112345678")
    await frontdesk.publish(a_webhook(ours), "social.whatsapp")
    await frontdesk.publish(a_webhook(ours, other), "social.whatsapp")  # whose first message came before
    others = [a_social_message(str(number), "4915112345678") for number in range(3, 53)]
    await frontdesk.publish(a_webhook(*others), "social.whatsapp")
    await frontdesk.has_taken_in(53)
    assert (await sizes(frontdesk))["payload"] == 3
    [row] = await frontdesk.process.deployment.database.fetch("test", CUSTOMER_OF, f"phone:{NUMBER}")
    await frontdesk.process.deployment.customers.erase(OPERATOR, row["customer_id"])
    assert await traces(frontdesk) == {}
    assert (await sizes(frontdesk))["payload"] == 1


def a_social_message(id_: str, number: str) -> dict[str, Any]:
    return {"id": f"wamid.{id_}", "from": number, "timestamp": "1772357400", "type": "text", "text": {"body": "Hello"}}


def a_webhook(*messages: Mapping[str, Any]) -> bytes:
    value = {"metadata": {"phone_number_id": "2001"}, "messages": messages}
    payload = {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages", "value": value}]}]}
    return json.dumps(payload).encode()


async def test_a_customer_that_does_not_exist_cannot_be_erased(frontdesk: Frontdesk):
    with pytest.raises(NotFound, match=r"There is no customer 77\."):
        await frontdesk.process.deployment.customers.erase(OPERATOR, CustomerId(77))


async def correspond(frontdesk: Frontdesk, agent: Caller) -> CustomerId:
    """The customer writes on three channels, out of office too, and agents answer; some of it cannot be processed."""
    await frontdesk.publish(a_mail(f'"{CANARY}" <{CANARY}@example.com>', CANARY), "email.rfc822", account=DESK)
    await frontdesk.publish_json(a_message())
    form = {"MessageSid": "SM1", "From": NUMBER, "To": "+493012345678", "Body": f"Again {CANARY}"}
    await frontdesk.publish(urlencode(form).encode(), "sms.twilio")
    away = a_mail(f"{CANARY}@example.com", CANARY, message_id="m2@mail.example")
    await frontdesk.publish(b"Auto-Submitted: auto-replied\r\n" + away, "email.rfc822", account=DESK)
    for format_, payload in UNPROCESSABLE:
        await frontdesk.publish(payload, format_)
    await frontdesk.has_taken_in(4 + len(UNPROCESSABLE))
    while (given := await agent.post("/v1/me/next")).status == 200:
        page = given.json
        path, lease = f"/v1/tickets/{page['ticket']['id']}", page["lease"]
        assert (await agent.post(f"{path}/reply", lease=lease, json={"text": f"Dear {CANARY}"})).status == 201
        assert (await agent.post(f"{path}/note", lease=lease, json={"text": f"{CANARY} again"})).status == 201
        moved = {"queue": "expert" if page["ticket"]["queue"] != "expert" else "vip", "note": f"Is {CANARY} known?"}
        if page["transcript"][-1]["direction"] == "in":
            assert (await agent.post(f"{path}/transfer", lease=lease, json=moved)).status == 204
    return CustomerId(page["customer"]["id"])


async def traces(frontdesk: Frontdesk) -> Mapping[str, int]:
    """The tables that hold a trace of the canary in any column, and in how many rows."""
    database = frontdesk.process.deployment.database
    found = {
        row["relname"]: await rows(frontdesk, ROWS_WITH_A_TRACE.format(table=row["relname"]), SPELLINGS)
        for row in await database.fetch("test", TABLES)
    }
    return {table: count for table, count in found.items() if count}


async def sizes(frontdesk: Frontdesk) -> Mapping[str, int]:
    tables = (
        "customer",
        "conversation",
        "ticket",
        "ticket_event",
        "message",
        "received",
        "payload",
        "outbox",
        "unprocessable",
    )
    return {table: await rows(frontdesk, f"select count(*) as rows from {table}") for table in tables}


async def rows(frontdesk: Frontdesk, counting: str, *arguments: object) -> int:
    (row,) = await frontdesk.process.deployment.database.fetch("test", counting, *arguments)
    return int(row["rows"])
