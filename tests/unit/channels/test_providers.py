"""Twilio, WhatsApp Cloud and our own web chat: payloads as their documentation shows them."""

import json
from pathlib import Path
from urllib.parse import urlencode

import pytest

from channels import formats
from channels.errors import Malformed
from channels.message import Automatic, InboundMessage, MessageKey

PAYLOADS = Path(__file__).parents[2] / "payloads"


def one(format_name: str, raw: bytes, account: str | None = None) -> InboundMessage:
    (message,) = formats.parse(format_name, raw, account).messages
    return message


def sample(name: str) -> bytes:
    return (PAYLOADS / name).read_bytes()


def test_a_text_message_through_twilio():
    message = one("sms.twilio", sample("sms.twilio/text.form"))
    assert message.key.external_id == "SM0123456789abcdef0123456789abcdef"
    assert (message.channel, message.account) == ("sms", "+493012345678")
    assert (message.sender.key, message.sender.verified) == ("phone:+4915112345678", True)
    assert message.text == "Where is my order? 😀"


def test_whatsapp_through_twilio_is_social_and_brings_its_media():
    message = one("sms.twilio", sample("sms.twilio/whatsapp_media.form"))
    assert (message.channel, message.provider, message.sender.name) == ("social", "twilio", "Ada")
    assert [(file.url, file.content_type) for file in message.attachments] == [
        ("https://api.example.com/Media/ME01", "image/jpeg")
    ]


@pytest.mark.parametrize(
    ("shared", "text"),
    [
        ({"Label": "Shop", "Address": "Example Street 1"}, "[location 52.5, 13.4] Shop, Example Street 1"),
        ({}, "[location 52.5, 13.4]"),
        ({"Body": "I am here"}, "I am here"),
    ],
)
def test_a_place_shared_through_twilio_becomes_words(shared: dict[str, str], text: str):
    form = {"MessageSid": "SM1", "From": "whatsapp:+4915112345678", "To": "whatsapp:+493012345678", "Body": ""}
    raw = urlencode(form | {"Latitude": "52.5", "Longitude": "13.4"} | shared).encode()
    assert one("sms.twilio", raw).text == text


def test_an_answer_through_twilio_names_the_message_that_it_answers():
    form = {"MessageSid": "SM2", "From": "whatsapp:+4915112345678", "To": "+493012345678", "Body": "Yes"}
    raw = urlencode(form | {"OriginalRepliedMessageSid": "SM1"}).encode()
    assert one("sms.twilio", raw).thread.in_reply_to == "SM1"


@pytest.mark.parametrize(
    ("format_name", "payload", "given", "account"),
    [
        ("sms.twilio", "sms.twilio/text.form", "whatsapp:+493012345678", "+493012345678"),
        ("chat.webchat", "chat.webchat/question.json", "Desk@Shop.Example", "desk@shop.example"),
        ("social.whatsapp", "social.whatsapp/several.json", "whatsapp:+493012345678", "2001"),
    ],
)
def test_an_account_has_one_spelling(format_name: str, payload: str, given: str, account: str):
    assert formats.parse(format_name, sample(payload), given).messages[0].account == account


@pytest.mark.parametrize("format_name", ["chat.webchat", "email.rfc822"])
def test_a_blank_account_of_a_delivery_is_none(format_name: str):
    raw = sample("chat.webchat/question.json" if format_name == "chat.webchat" else "email.rfc822/plain.eml")
    assert one(format_name, raw, " ").account == one(format_name, raw).account


def test_a_web_chat_message_with_a_blank_account_is_malformed():
    payload = json.loads(sample("chat.webchat/question.json")) | {"account": " "}
    with pytest.raises(Malformed, match=r"^account: "):
        one("chat.webchat", json.dumps(payload).encode())


def test_a_sender_that_is_no_number_is_a_user_of_twilio():
    raw = urlencode({"MessageSid": "SM1", "From": "ACME", "To": "+493012345678", "Body": "x"}).encode()
    assert one("sms.twilio", raw).sender.key == "user:twilio:ACME"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"MessageSid": ""}, "MessageSid"),
        ({"From": ""}, "From"),
        ({"From": "messenger:123"}, "From"),
        ({"To": ""}, "To"),
        ({"Body": ""}, "Body"),
        ({"NumMedia": "many"}, "NumMedia"),
        ({"NumMedia": "1"}, "MediaUrl0"),
        ({f"x{i}": "1" for i in range(300)}, "body"),
        ({"Body": "x" * 300_000}, "body"),
    ],
)
def test_a_wrong_twilio_field_is_named(change: dict[str, str], field: str):
    form = {"MessageSid": "SM1", "From": "+4915112345678", "To": "+493012345678", "Body": "x"} | change
    with pytest.raises(Malformed) as refused:
        one("sms.twilio", urlencode(form).encode())
    assert refused.value.field == field


def test_one_webhook_of_whatsapp_holds_messages_statuses_and_one_that_cannot_be_read():
    parsed = formats.parse("social.whatsapp", sample("social.whatsapp/several.json"), None)
    assert [(m.external_id, m.account, m.sender.key, m.text) for m in parsed.messages] == [
        ("wamid.A1", "2001", "phone:+4915112345678", "Hello"),
        ("wamid.A3", "2001", "phone:+4915112345678", "broken"),
        ("wamid.B1", "2002", "user:whatsapp:DE.77aa", "[location 52.5, 13.4] Shop"),
    ]
    assert parsed.messages[0].thread.in_reply_to == "wamid.OURS"
    assert parsed.messages[0].sender.name == "Ada"
    assert parsed.messages[1].attachments[0].url == "whatsapp-media:9001"
    assert [(s.external_id, s.status, s.problem) for s in parsed.statuses] == [
        ("wamid.OURS", "read", None),
        ("wamid.OURS2", "failed", "Re-engagement message"),
    ]
    (bad,) = parsed.malformed
    assert bad.field == "entry.0.changes.0.value.messages.1.text"
    assert bad.key == MessageKey("social", "2001", "wamid.A2")


@pytest.mark.parametrize("kind", ["messages", "statuses"])
def test_a_webhook_of_more_parts_than_whatsapp_bundles_is_refused_whole(kind: str):
    def holding(count: int) -> bytes:
        change = {"field": "messages", "value": {kind: [{}] * count}}
        return json.dumps({"object": "whatsapp_business_account", "entry": [{"changes": [change]}]}).encode()

    assert len(formats.parse("social.whatsapp", holding(1000), None).malformed) == 1000
    with pytest.raises(Malformed, match="entry: holds more than 1,000"):
        formats.parse("social.whatsapp", holding(1001), None)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"type": "button", "button": {"text": "Yes", "payload": "y"}}, "Yes"),
        (
            {"type": "interactive", "interactive": {"list_reply": {"id": "1", "title": "A", "description": "B"}}},
            "A - B",
        ),
        (
            {"type": "contacts", "contacts": [{"name": {"formatted_name": "Bo"}, "phones": [{"phone": "+47 1"}]}]},
            "[contact] Bo +47 1",
        ),
        ({"type": "unsupported", "errors": [{"code": 131051}]}, "[unsupported message]"),
        ({"type": "sticker", "sticker": {"id": "5"}}, ""),
    ],
)
def test_every_kind_of_whatsapp_message_becomes_words(content: dict[str, object], text: str):
    message = {"from": "4915112345678", "id": "wamid.1", "timestamp": "1772357400"} | content
    value = {"metadata": {"phone_number_id": "2001"}, "messages": [message]}
    payload = {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages", "value": value}]}]}
    assert one("social.whatsapp", json.dumps(payload).encode()).text == text


def webhook(*changes: object) -> bytes:
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"changes": changes}]}).encode()


def saying(**message: object) -> dict[str, object]:
    said = {"from": "4915112345678", "id": "wamid.1", "type": "text", "text": {"body": "Hello"}} | message
    return {"field": "messages", "value": {"metadata": {"phone_number_id": "2001"}, "messages": [said]}}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"field": "messages"}, "entry.0.changes.0.value"),
        ({"field": "messages", "value": {"messages": {}}}, "entry.0.changes.0.value.messages"),
        ({"field": "messages", "value": {"statuses": "x"}}, "entry.0.changes.0.value.statuses"),
        (7, "entry.0.changes.0.value"),
    ],
)
def test_a_broken_change_costs_no_message_of_another(change: object, field: str):
    parsed = formats.parse("social.whatsapp", webhook(change, saying()), None)
    assert [part.field for part in parsed.malformed] == [field]
    assert [message.text for message in parsed.messages] == ["Hello"]


def test_a_broken_entry_costs_no_message_of_another():
    good = json.loads(webhook(saying()))
    raw = json.dumps(good | {"entry": [{"changes": 7}, *good["entry"]]}).encode()
    parsed = formats.parse("social.whatsapp", raw, None)
    assert [part.field for part in parsed.malformed] == ["entry.0.changes"]
    assert len(parsed.messages) == 1


@pytest.mark.parametrize("character", ["\x00", "\ud83d"])
def test_what_cannot_be_stored_costs_no_message_but_its_own(character: str):
    bad = saying(id="wamid.2", text={"body": f"a{character}b"})
    parsed = formats.parse("social.whatsapp", webhook(saying(), bad, {"field": "other", "value": character}), None)
    assert [message.external_id for message in parsed.messages] == ["wamid.1"]
    [part] = parsed.malformed
    assert (part.field, part.key) == (
        "entry.0.changes.1.value.messages.0.text.body",
        MessageKey("social", "2001", "wamid.2"),
    )
    assert part.problem == "holds a NUL or half of a surrogate pair: remove it"


def test_what_cannot_be_stored_of_a_profile_is_mended_and_of_an_account_refused():
    change = saying()
    change["value"] |= {"contacts": [{"wa_id": "4915112345678", "profile": {"name": "Ada\ud83d\x00"}}]}
    assert one("social.whatsapp", webhook(change)).sender.name == "Ada\ufffd"
    change["value"] |= {"metadata": {"phone_number_id": "20\x0001"}}
    [part] = formats.parse("social.whatsapp", webhook(change), None).malformed
    assert (part.field, part.key) == ("entry.0.changes.0.value.messages.0.metadata.phone_number_id", None)


@pytest.mark.parametrize(("emoji", "text"), [("👍", "[reaction 👍]"), ("", "[reaction removed]")])
def test_a_reaction_needs_no_answer(emoji: str, text: str):
    reaction = saying(type="reaction", reaction={"message_id": "wamid.X", "emoji": emoji})
    message = one("social.whatsapp", webhook(reaction))
    assert (message.automatic, message.text) == (Automatic.REACTION, text)


def test_a_webhook_may_be_as_large_as_meta_sends_it():
    assert one("social.whatsapp", webhook(saying(), {"field": "other", "value": "x" * 2_900_000})).text == "Hello"
    with pytest.raises(Malformed, match="larger than 3072 KiB"):
        formats.parse("social.whatsapp", b" " * (3 * 1024 * 1024 + 1), None)


def test_a_user_id_beside_the_number_is_a_further_handle():
    (user,) = one("social.whatsapp", webhook(saying(from_user_id="DE.77aa"))).also
    assert (user.key, user.verified) == ("user:whatsapp:DE.77aa", True)


def test_the_ids_of_a_contact_are_further_handles_of_who_wrote():
    change = saying(from_parent_user_id="DE.ENT.1")
    change["value"] |= {
        "contacts": [
            {"wa_id": "493099", "user_id": "DE.2"},
            {"wa_id": "4915112345678", "user_id": "DE.77aa", "parent_user_id": "DE.ENT.1"},
        ]
    }
    message = one("social.whatsapp", webhook(change))
    assert message.sender.key == "phone:+4915112345678"
    assert [handle.key for handle in message.also] == ["user:whatsapp:DE.ENT.1", "user:whatsapp:DE.77aa"]


def test_who_hides_the_number_is_answered_by_user_id_and_known_by_every_id():
    message = {"from_user_id": "BR.77aa", "id": "wamid.1", "type": "text", "text": {"body": "Hello"}}
    value = {"metadata": {"phone_number_id": "2001"}, "contacts": [{"wa_id": "551199990001", "user_id": "BR.77aa"}]}
    read = one("social.whatsapp", webhook({"value": value | {"messages": [message]}}))
    assert read.sender.key == "user:whatsapp:BR.77aa"
    assert [(handle.key, handle.value) for handle in read.also] == [("phone:+5511999990001", "+551199990001")]


@pytest.mark.parametrize("id_", ["x" * 400, "a\x00", "\ud83d", " ", 7])
def test_a_broken_id_of_a_contact_costs_no_message(id_: object):
    change = saying()
    change["value"] |= {"contacts": [{"wa_id": "4915112345678", "user_id": id_}]}
    assert one("social.whatsapp", webhook(change)).also == ()


@pytest.mark.parametrize("contacts", [[{"wa_id": {}}], [7], "x", [{"wa_id": "4915112345678", "profile": 3}]])
def test_a_broken_profile_costs_no_message(contacts: object):
    message = {"from": "4915112345678", "id": "wamid.1", "type": "text", "text": {"body": "Hello"}}
    value = {"metadata": {"phone_number_id": "2001"}, "contacts": contacts, "messages": [message]}
    payload = {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages", "value": value}]}]}
    assert one("social.whatsapp", json.dumps(payload).encode()).text == "Hello"


def test_a_visitor_of_the_web_chat_brings_further_handles():
    message = one("chat.webchat", sample("chat.webchat/question.json"))
    assert (message.account, message.thread.key) == ("shop.example", "s-9")
    assert message.sender.key == "user:webchat:v-5"
    assert [handle.key for handle in message.also] == ["email:ada@example.com", "phone:+4915112345678"]
    assert message.attributes == {"page": "https://shop.example/shipping"}


def test_a_visitor_of_our_chat_who_leaves_says_so_without_a_text():
    left = json.loads(sample("chat.webchat/question.json")) | {"event": "left", "text": "", "id": "w-2"}
    message = one("chat.webchat", json.dumps(left).encode())
    assert (message.automatic, message.thread.key, message.text) == (Automatic.LEFT, "s-9", "")


def test_a_web_chat_message_without_words_is_malformed():
    payload = json.loads(sample("chat.webchat/question.json")) | {"text": " "}
    with pytest.raises(Malformed, match=r"^text: "):
        one("chat.webchat", json.dumps(payload).encode())
