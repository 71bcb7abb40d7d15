"""Bad input: over HTTP a 4xx names the field, over RabbitMQ it is kept with its reason, and the good pass by."""

import io
import json
from typing import Any, NamedTuple

from tests.acceptance.deployed import Frontdesk
from tests.acceptance.test_mail_to_tickets import every_ticket

GOOD = {
    "id": "m",
    "channel": "chat",
    "provider": "webchat",
    "account": "shop.example",
    "from": {"kind": "user", "value": "visitor"},
    "sent_at": "2026-03-01T09:30:00Z",
    "text": "I am good.",
}


def body(**changes: Any) -> bytes:
    """A canonical message with some fields otherwise; None leaves one out."""
    changed = {**GOOD, "id": "bad", **changes}
    return json.dumps({name: value for name, value in changed.items() if value is not None}).encode()


def mail(text: str, **headers: str) -> bytes:
    lines = {"From": "ada@example.com", "To": "desk@acme.example", "Subject": "Hello", **headers}
    return "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode() + b"\r\n" + text.encode()


def deep_mime(levels: int) -> bytes:
    opening = "".join(f"--b{n}\r\nContent-Type: multipart/mixed; boundary=b{n + 1}\r\n\r\n" for n in range(levels))
    return mail(opening, **{"MIME-Version": "1.0", "Content-Type": "multipart/mixed; boundary=b0"})


ADDRESSES = ", ".join(f"a{number}@example.com" for number in range(16_000))
BROKEN_CHARSET = (
    mail("", **{"Content-Type": "text/plain; charset=no-such-thing", "Message-ID": "<charset@mail.example>"})
    + b"Gr\xfc\xdfe \x00 \xff"
)

CANONICAL = {
    "not JSON": (b"{", 400, "body"),
    "empty": (b"", 400, "body"),
    "not an object": (b"[]", 400, "body"),
    "not UTF-8": (b'{"id": "\xff"}', 400, "body"),
    "nested too deep": (b"[" * 5_000, 400, "body"),
    "NaN": (b'{"id": NaN}', 400, "body"),
    "a key twice": (b'{"id": "1", "id": "2"}', 400, "body"),
    "no sender": (body(**{"from": None}), 422, "from"),
    "a sender without an address": (body(**{"from": {"kind": "email", "value": "nobody"}}), 422, "from.value"),
    "an unknown channel": (body(channel="fax"), 422, "channel"),
    "a number for a text": (body(text=7), 422, "text"),
    "a text for an array": (body(to="support"), 422, "to"),
    "a time without a zone": (body(sent_at="2026-03-01T09:30:00"), 422, "sent_at"),
    "a field misspelt": (body(txet="Hello"), 422, "txet"),
    "a NUL": (body(text="a\x00b"), 422, "text"),
    "half of a surrogate pair": (body(text="\ud83d"), 422, "text"),
    "16,000 addresses": (body(to=[{"kind": "email", "value": f"a{n}@example.com"} for n in range(16_000)]), 422, "to"),
}


class Raw(NamedTuple):
    """A payload of some format, and what the operator reads about it."""

    format: str | None
    payload: bytes
    reason: str


KEPT = {
    "no type": Raw(None, b"Hello?", "type: must be one of"),
    "an unknown type": Raw("fax.v1", b"Hello?", "type: must be one of"),
    "10 MB of JSON": Raw("message.v1", body(text="x" * 10_000_000), "body: is larger than 1024 KiB"),
    "a mail without a sender": Raw("email.rfc822", b"Subject: Hello\r\n\r\nHello?", "from: is missing"),
    "a mail in a mail in a mail": Raw("email.rfc822", deep_mime(500), "body: has parts nested deeper than 20"),
    "a mail to 16,000": Raw("email.rfc822", mail("Hello?", Cc=ADDRESSES), "headers: are larger than 256 KiB"),
    "a form without an id": Raw(
        "sms.twilio", b"From=%2B4915112345678&To=%2B493012345678&Body=Hi", "MessageSid: is missing"
    ),
    "a form that is no text": Raw("sms.twilio", b"\xff\xfe\x00", "body: is not UTF-8"),
    "a webhook of somebody else": Raw("social.whatsapp", b'{"object": "page"}', "object: must be"),
    "a chat without a visitor": Raw("chat.webchat", body(session="s-1"), "visitor: is missing"),
    **{name: Raw("message.v1", raw, field) for name, (raw, _, field) in CANONICAL.items()},
}

TAKEN = {
    "a mail in a charset that nobody knows": ("email.rfc822", BROKEN_CHARSET),
    "a mail of 10 MB": (
        "email.rfc822",
        mail("All work and no play\r\n" * 450_000, **{"Message-ID": "<big@mail.example>"}),
    ),
    "a surrogate in a form": (
        "sms.twilio",
        b"MessageSid=SM9&From=%2B4915112345678&To=%2B493012345678&Body=%EF%BF%BD%00end",
    ),
}


async def test_over_http_the_answer_names_the_field(frontdesk: Frontdesk):
    shop = await frontdesk.integration()
    answers = {}
    for name, (raw, _, _) in CANONICAL.items():
        answer = await shop.post("/v1/messages", data=raw, headers={"Content-Type": "application/json"})
        answers[name] = (answer.status, answer.json["field"])
        assert len(answer.json["detail"]) < 300
    assert answers == {name: (status, field) for name, (_, status, field) in CANONICAL.items()}
    huge = await shop.post(
        "/v1/messages", data=io.BytesIO(b"x" * 10_000_000), headers={"Content-Type": "application/json"}
    )
    assert (huge.status, huge.json["field"]) == (413, "body")
    assert (await shop.post("/v1/messages", json=GOOD)).status == 202


async def test_over_rabbitmq_the_bad_are_kept_with_their_reason_and_the_good_pass_by(frontdesk: Frontdesk):
    for number, (name, bad) in enumerate(KEPT.items()):
        await frontdesk.publish(bad.payload, bad.format, account=None if name == "no type" else "desk@acme.example")
        await frontdesk.publish_json({**GOOD, "id": str(number), "from": {"kind": "user", "value": f"v{number}"}})
    for format_, payload in TAKEN.values():
        await frontdesk.publish(payload, format_, account="desk@acme.example")
    await frontdesk.has_taken_in(2 * len(KEPT) + len(TAKEN))

    kept = await frontdesk.process.deployment.unprocessable.newest(100, before=None, pending=True)
    reasons = dict(zip(KEPT, reversed(kept), strict=True))
    assert {name: (row.stage, row.reason) for name, row in reasons.items()} == dict.fromkeys(
        KEPT, ("receive", "malformed")
    )
    assert {name: row.detail for name, row in reasons.items() if KEPT[name].reason not in row.detail} == {}
    assert len(await every_ticket(frontdesk)) == len(KEPT) + len(TAKEN)
    assert await frontdesk.health() == []


async def test_each_message_of_a_webhook_is_told_what_became_of_it(frontdesk: Frontdesk):
    good = {"from": "4915112345678", "id": "wamid.1", "type": "text", "text": {"body": "Hello"}}
    number = good | {"id": "wamid.2", "text": {"body": 7}}
    nobody = {"id": "wamid.3", "type": "text", "text": {"body": "Hello"}}
    nul = good | {"id": "wamid.4", "text": {"body": "Hel\x00lo"}}
    value = {"metadata": {"phone_number_id": "2001"}, "messages": [good, number, nobody, nul]}
    webhook = {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages", "value": value}]}]}
    await frontdesk.publish(json.dumps(webhook).encode(), "social.whatsapp")
    await frontdesk.has_taken_in(2)
    asked = await frontdesk.integration()
    told = [(await asked.get(f"/v1/messages/social/2001/wamid.{n}")).json for n in (1, 2, 3, 4)]
    assert [status["outcome"] for status in told] == ["queued", *["unprocessable"] * 3]
    problems = [status["unprocessable"]["detail"] for status in told[1:]]
    messages = "entry.0.changes.0.value.messages"
    assert problems[0].startswith(f"{messages}.1.text.body: must be text; ")
    assert problems[1:] == [
        f"{messages}.2.from: is missing",
        f"{messages}.3.text.body: holds a NUL or half of a surrogate pair: remove it",
    ]
