"""Providers' payloads, as their documentation shows them, come out right where an agent asks for the next ticket."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from tests.acceptance.deployed import Frontdesk
from tests.clients.api import Caller

ADA = "+4915112345678"

# https://www.twilio.com/docs/messaging/guides/webhook-request
TWILIO = {
    "ToCountry": "DE",
    "MessageSid": "SM0123456789abcdef0123456789abcdef",
    "AccountSid": "AC00000000000000000000000000000000",
    "From": ADA,
    "To": "+493012345678",
    "Body": "Where is my order? 😀",
    "NumSegments": "1",
    "NumMedia": "1",
    "MediaContentType0": "image/jpeg",
    "MediaUrl0": "https://api.twilio.example/Accounts/AC00/Messages/SM01/Media/ME01",
    "ApiVersion": "2010-04-01",
}

# https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/payload-examples
WHATSAPP = {
    "object": "whatsapp_business_account",
    "entry": [
        {
            "id": "100",
            "changes": [
                {
                    "field": "messages",
                    "value": {
                        "messaging_product": "whatsapp",
                        "metadata": {"display_phone_number": "493012345678", "phone_number_id": "2001"},
                        "contacts": [{"profile": {"name": "Ada"}, "wa_id": ADA[1:]}],
                        "messages": [
                            {
                                "from": ADA[1:],
                                "id": "wamid.A1",
                                "timestamp": "1772357400",
                                "type": "text",
                                "text": {"body": "Where is my order?"},
                            },
                            {
                                "from": ADA[1:],
                                "id": "wamid.A2",
                                "timestamp": "1772357401",
                                "type": "image",
                                "image": {"id": "9001", "mime_type": "image/jpeg", "caption": "The box"},
                            },
                        ],
                    },
                }
            ],
        },
        {
            "id": "101",
            "changes": [
                {
                    "field": "messages",
                    "value": {
                        "messaging_product": "whatsapp",
                        "metadata": {"display_phone_number": "493087654321", "phone_number_id": "2002"},
                        "contacts": [{"profile": {"name": "Grace"}, "wa_id": "4915187654321"}],
                        "messages": [
                            {
                                "from": "4915187654321",
                                "id": "wamid.B1",
                                "timestamp": "1772357402",
                                "type": "location",
                                "location": {"latitude": 52.5, "longitude": 13.4, "name": "Shop"},
                            }
                        ],
                    },
                },
                {
                    "field": "messages",
                    "value": {
                        "messaging_product": "whatsapp",
                        "metadata": {"display_phone_number": "493087654321", "phone_number_id": "2002"},
                        "statuses": [
                            {"id": "wamid.OURS", "status": "read", "timestamp": "1772357403", "recipient_id": ADA[1:]}
                        ],
                    },
                },
            ],
        },
    ],
}

WEBCHAT = {
    "id": "w-1",
    "session": "s-9",
    "visitor": {"id": "v-5", "name": "Ada", "email": "Ada@Example.com", "verified": True},
    "text": "Do you ship to Norway?",
    "sent_at": "2026-03-01T09:30:00Z",
    "page": "https://shop.example/shipping",
    "account": "shop.example",
}

MESSAGE = {
    "channel": "email",
    "provider": "acme-mail",
    "account": "support@acme.example",
    "from": {"kind": "email", "value": "Ada@Example.com", "name": "Ada Example"},
    "to": [{"kind": "email", "value": "support@acme.example"}],
    "sent_at": "2026-03-01T09:30:00Z",
    "subject": "Size",
    "text": "Which size would fit me?",
    "attachments": [{"name": "me.txt", "content_type": "text/plain", "size": 5, "content_base64": "MTgwY20="}],
    "attributes": {"plan": "basic"},
}


async def test_a_text_message_of_twilio_comes_with_its_sender_and_its_picture(frontdesk: Frontdesk):
    await frontdesk.publish(urlencode(TWILIO).encode(), "sms.twilio", key="sms.twilio")
    page = await given(await frontdesk.agent())
    assert where(page) == ("sms", "twilio", "+493012345678", ADA)
    assert said(page) == ["Where is my order? 😀"]
    assert [file["url"] for file in page["transcript"][0]["attachments"]] == [TWILIO["MediaUrl0"]]
    assert verified(page) == [f"phone {ADA}"]


async def test_a_webhook_of_whatsapp_becomes_one_ticket_for_each_customer(frontdesk: Frontdesk):
    await frontdesk.publish(json.dumps(WHATSAPP).encode(), "social.whatsapp", key="social.whatsapp")
    await frontdesk.has_taken_in(3)
    agent = await frontdesk.agent()
    ada, grace = await given(agent), await given(agent)
    assert (where(ada), said(ada), ada["customer"]["name"]) == (
        ("social", "whatsapp", "2001", ADA),
        ["Where is my order?", "The box"],
        "Ada",
    )
    assert ada["transcript"][1]["attachments"][0]["url"] == "whatsapp-media:9001"
    assert (where(grace), said(grace)) == (
        ("social", "whatsapp", "2002", "+4915187654321"),
        ["[location 52.5, 13.4] Shop"],
    )
    assert (await agent.post("/v1/me/next")).status == 204


async def test_the_same_number_on_two_channels_is_one_customer_with_one_ticket(frontdesk: Frontdesk):
    await frontdesk.publish(urlencode(TWILIO).encode(), "sms.twilio", key="sms.twilio")
    await frontdesk.has_taken_in(1)
    await frontdesk.publish(json.dumps(WHATSAPP).encode(), "social.whatsapp", key="social.whatsapp")
    await frontdesk.has_taken_in(4)
    page = await given(await frontdesk.agent())
    assert said(page) == ["Where is my order? 😀", "Where is my order?", "The box"]  # in the order of arrival
    assert sorted(thread["channel"] for thread in page["conversations"]) == ["sms", "social"]
    assert verified(page) == [f"phone {ADA}"]
    assert [contact["channel"] for contact in page["customer"]["contacts"]] == ["social", "sms"]


async def test_a_chat_message_comes_with_the_addresses_that_the_site_vouches_for(frontdesk: Frontdesk):
    await frontdesk.publish(json.dumps(WEBCHAT).encode(), "chat.webchat", key="chat.webchat")
    page = await given(await frontdesk.agent())
    assert where(page) == ("chat", "webchat", "shop.example", "v-5")
    assert said(page) == ["Do you ship to Norway?"]
    assert verified(page) == ["email ada@example.com", "user v-5"]
    assert page["ticket"]["queue"] == "live"


async def test_http_and_rabbitmq_take_the_same_message_in_alike(frontdesk: Frontdesk):
    shop, agent = await frontdesk.integration(), await frontdesk.agent()
    await frontdesk.publish_json({**MESSAGE, "id": "1", "from": {"kind": "email", "value": "Eda@Example.com"}})
    over_rabbitmq = await given(agent)
    accepted = await shop.post("/v1/messages", json={**MESSAGE, "id": "2"})
    over_http = await given(agent)
    assert accepted.status == 202
    assert essence(over_rabbitmq) == essence(over_http)
    assert essence(over_http)["attachments"][0]["name"] == "me.txt"
    status = await shop.get(accepted.json["status_url"])
    assert (status.json["outcome"], status.json["ticket_id"]) == ("queued", over_http["ticket"]["id"])


async def test_a_message_that_comes_again_by_either_way_changes_nothing(frontdesk: Frontdesk):
    shop, agent, times = await frontdesk.integration(), await frontdesk.agent(), 3
    for _ in range(times):
        await frontdesk.publish_json({**MESSAGE, "id": "1"})
        await shop.post("/v1/messages", json={**MESSAGE, "id": "1"})
    await frontdesk.has_taken_in(2 * times)
    assert said(await given(agent)) == [MESSAGE["text"]]
    assert (await agent.post("/v1/me/next")).status == 204
    assert frontdesk.counted("router_messages_received_total", outcome="duplicate") == 2 * times - 1


async def given(agent: Caller) -> Mapping[str, Any]:
    """The page of the next ticket, seen, so that the one after it is another."""
    answer = await agent.post("/v1/me/next?wait=20")
    assert answer.status == 200
    seen = await agent.get(f"/v1/tickets/{answer.json['ticket']['id']}")
    assert seen.json == answer.json
    page: Mapping[str, Any] = answer.json
    return page


def where(page: Mapping[str, Any]) -> tuple[str, ...]:
    """Channel, provider, account, and whom an answer goes to."""
    (thread,) = page["conversations"]
    return thread["channel"], thread["provider"], thread["account"], thread["reply_to"]["value"]


def said(page: Mapping[str, Any]) -> list[str]:
    return [entry["text"] for entry in page["transcript"]]


def verified(page: Mapping[str, Any]) -> list[str]:
    handles = page["customer"]["handles"]
    return sorted(f"{handle['kind']} {handle['value']}" for handle in handles if handle["verified"])


def essence(page: Mapping[str, Any]) -> dict[str, Any]:
    """What does not depend on who wrote, nor on ids and times of ours."""
    (letter,) = page["transcript"]
    kept = ("channel", "subject", "text", "html", "attachments", "automatic", "sent_at")
    (thread,) = page["conversations"]
    return {
        "decision": page["decision"],
        "account": (thread["provider"], thread["account"]),
        **{name: letter[name] for name in kept},
    }
