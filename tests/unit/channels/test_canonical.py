"""message.v1: what is taken, what is refused and how the refusal names the field; and its published schema."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from channels import formats, schema
from channels.errors import Malformed, UnknownFormat
from channels.message import InboundMessage, MessageKey

ROOT = Path(__file__).parents[3]
PAYLOADS = ROOT / "tests" / "payloads" / "message.v1"


def read(payload: dict[str, Any] | bytes) -> InboundMessage:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    (message,) = formats.parse("message.v1", raw, None).messages
    return message


def least(**changes: Any) -> dict[str, Any]:
    return json.loads((PAYLOADS / "least.json").read_bytes()) | changes


def test_the_fields_of_a_full_message():
    message = read((PAYLOADS / "full.json").read_bytes())
    assert (message.external_id, message.channel, message.account) == ("c7f3-0001", "email", "support@acme.example")
    assert message.sender.key == "email:ada@example.com"
    assert [handle.key for handle in message.also] == ["phone:+493012345678"]
    assert message.sent_at is not None
    assert message.sent_at.isoformat() == "2026-03-01T09:30:00+00:00"
    assert message.text == "Hello, my card was charged twice."
    assert message.thread.in_reply_to == "c7f3-0000"
    assert [(file.name, file.content) for file in message.attachments] == [
        ("note.txt", b"hello"),
        ("invoice.pdf", None),
    ]


def test_no_name_can_begin_a_new_header():
    injected = "Ada\r\nBcc: b@example.com\u2028x"
    file = {"name": injected, "content_type": "text/plain", "size": 5, "url": "https://example.com/a"}
    sender = {"kind": "user", "value": "77", "name": injected}
    message = read(least(subject=injected, attachments=[file], **{"from": sender}))
    names = {message.subject, message.sender.name, message.attachments[0].name}
    assert names == {"Ada  Bcc: b@example.com x"}


@pytest.mark.parametrize("channel", ["email", "chat"])
def test_a_plus_address_of_a_mail_leads_to_its_conversation(channel: str):
    to = [{"kind": "email", "value": "support+fd.5.8.0a@acme.example"}, {"kind": "user", "value": "a+b@acme.example"}]
    for thread in ({"key": "t1"}, None):
        assert read(least(channel=channel, to=to, thread=thread)).thread.tokens == (
            ("fd.5.8.0a",) if channel == "email" else ()
        )


def test_a_user_id_belongs_to_its_provider():
    assert read(least()).sender.key == "user:birdsite:77"


def test_a_number_without_plus_is_read_as_dialled_from_the_account():
    payload = least(channel="sms", account="+493012345678", **{"from": {"kind": "phone", "value": "0151 12345678"}})
    assert read(payload).sender.value == "+4915112345678"


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"id": None}, "id", "must be text"),
        ({"channel": "fax"}, "channel", "must be one of"),
        ({"colour": "red"}, "colour", "not a field of message.v1"),
        ({"from": {"kind": "email"}}, "from.value", "is missing"),
        ({"from": {"kind": "email", "value": "nobody"}}, "from.value", "is not an email address"),
        ({"from": {"kind": "phone", "value": "12"}}, "from.value", "E.164"),
        ({"from": {"kind": "user", "value": "1", "verified": "yes"}}, "from.verified", "true or false"),
        ({"sent_at": "2026-03-01T09:30:00"}, "sent_at", "RFC 3339"),
        ({"sent_at": 1772357400}, "sent_at", "RFC 3339"),
        ({"sent_at": "2026-02-30T09:30:00Z"}, "sent_at", "exists"),
        ({"sent_at": "0001-01-01T00:00:00+23:00"}, "sent_at", "exists"),
        ({"text": ""}, "text", "at least one of"),
        ({"text": "x" * 300_000}, "text", "longer than 262144"),
        ({"text": "a\x00b"}, "text", "NUL"),
        ({"text": "a\ud800b"}, "text", "surrogate"),
        ({"thread": {"references": ["r"] * 101}}, "thread.references", "longer than 100"),
        ({"attachments": [{"name": "a", "content_type": "text/plain", "size": "5"}]}, "attachments.0.size", "whole"),
        ({"attachments": [{"name": "a", "content_type": "text/plain", "size": 5}]}, "attachments.0", "either url"),
        (
            {"attachments": [{"name": "a", "content_type": "text/plain", "size": 5, "url": "file:///etc/passwd"}]},
            "attachments.0.url",
            "http://",
        ),
        (
            {"attachments": [{"name": "a", "content_type": "text/plain", "size": 4, "content_base64": "aGVsbG8="}]},
            "attachments.0.size",
            "holds 5",
        ),
        ({"id": "1\r\nBcc: b@example.com"}, "id", "control character"),
        ({"id": "1 2"}, "id", "white space"),
        ({"id": "<>"}, "id", "must be an id"),
        ({"account": "acme\nBcc: b@example.com"}, "account", "control character"),
        ({"account": "  "}, "account", "white space"),
        ({"account": "whatsapp:"}, "account", "white space"),
        ({"from": {"kind": "user", "value": "7\n7"}}, "from.value", "control character"),
        ({"from": {"kind": "email", "value": "a\x01@example.com"}}, "from.value", "email address"),
        ({"thread": {"key": "a\nb"}}, "thread.key", "control character"),
        ({"thread": {"in_reply_to": "<a>\r\n <b>"}}, "thread.in_reply_to", "control character"),
        ({"thread": {"references": ["a", "<b> <c>"]}}, "thread.references.1", "white space"),
        ({"attributes": {"a": 1}}, "attributes.a", "must be text"),
        ({"from": "ada@example.com"}, "from", "must be an object with fields"),
        ({"id": ""}, "id", "must not be empty"),
        ({"provider": "Bird Site"}, "provider", "lower-case"),
        ({"language": "german!"}, "language", "pt-BR"),
        ({"to": {}}, "to", "must be a list"),
        ({"text": " \n", "subject": "\u200b", "html": "\t"}, "text", "at least one of"),
    ],
)
def test_a_wrong_field_is_named_with_what_to_do(changes: dict[str, Any], field: str, says: str):
    with pytest.raises(Malformed) as refused:
        read(least(**changes))
    assert refused.value.field == field
    assert says in refused.value.problem


def test_blank_text_gives_way_to_html():
    assert read(least(text=" \n\u200b", html="<p>Hello</p>")).text == "Hello"


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"text": None}, MessageKey("social", "acme", "1")),
        ({"from": None, "account": "Help@ACME.example"}, MessageKey("social", "help@acme.example", "1")),
        ({"id": "x" * 513}, None),
        ({"channel": "fax"}, None),
        ({"account": 7}, None),
        ({"account": " "}, None),
    ],
)
def test_a_refusal_names_the_message_if_so_much_can_be_read(changes: dict[str, Any], key: MessageKey | None):
    with pytest.raises(Malformed) as refused:
        read(least(**changes))
    assert refused.value.key == key


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "must be a JSON object"),
        (b"\xff{}", "not UTF-8"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a":' * 100_000, "nested deeper"),
        (b'{"a": "' + b"[" * 100 + b'"}', "is missing"),
        (b'{"a": "' + b"x" * 10_000_000 + b'"}', "larger than 1024 KiB"),
        (b'{"a": "\x00"}', "not JSON"),
    ],
)
def test_json_that_cannot_be_kept_is_refused(raw: bytes, says: str):
    with pytest.raises(Malformed) as refused:
        read(raw)
    assert says in refused.value.problem


def test_an_unknown_format_is_answered_with_the_known_ones():
    with pytest.raises(UnknownFormat, match=r"message\.v1"):
        formats.parse("email.mbox", b"", None)


def test_validate_says_what_is_wrong_in_one_line_each():
    assert formats.validate("message.v1", json.dumps(least()).encode()) == []
    assert formats.validate("message.v1", b"{") == [
        "body: is not JSON: Expecting property name enclosed in double quotes at line 1 column 2"
    ]


def test_the_published_schema_is_the_one_that_the_code_generates():
    published = (ROOT / "docs" / "message.v1.schema.json").read_text()
    assert published == schema.schema(), "run: python -m channels.schema > docs/message.v1.schema.json"


def test_the_published_schema_takes_what_the_parser_takes():
    check = jsonschema.Draft202012Validator(json.loads(schema.schema()))
    for path in PAYLOADS.glob("*.json"):
        check.validate(json.loads(path.read_bytes()))
    assert not check.is_valid(least(colour="red"))
    read(schema.EXAMPLE)
