"""The whole life of a ticket: asked, answered, asked again, resolved, reopened, and handed to another team."""

from collections.abc import Mapping
from email.message import EmailMessage
from typing import Any

from tests.acceptance.deployed import Frontdesk
from tests.watching.lives import illegal_changes

DESK = "support@acme.example"


async def test_the_agent_learns_that_an_answer_could_not_be_delivered(frontdesk: Frontdesk):
    grace = await frontdesk.agent("Grace", teams=["frontline"])
    await write(frontdesk, "Which size would fit me?", message_id="first@mail.example")
    page = (await grace.post("/v1/me/next?wait=20")).json
    path = f"/v1/tickets/{page['ticket']['id']}"
    answer = await grace.post(f"{path}/reply", lease=page["lease"], json={"text": "Size 42."})
    _, reply = await frontdesk.next_reply()
    bounce = f"From: MAILER-DAEMON\nReturn-Path: <>\nTo: {DESK}\n\nNo such user.\n\nMessage-ID: <{reply['token_id']}>\n"
    await frontdesk.publish(bounce.encode(), "email.rfc822", account=DESK)
    await frontdesk.has_taken_in(2)
    page = (await grace.get(path)).json
    assert page["ticket"]["bounced_at"] is not None
    last = (await grace.get(f"{path}/history")).json["events"][-1]
    assert (last["data"]["reason"], last["data"]["answer"]) == ("answer_bounced", answer.json["message_id"])


async def test_a_ticket_is_answered_continued_resolved_reopened_and_transferred(frontdesk: Frontdesk):
    grace = await frontdesk.agent("Grace", teams=["frontline"])
    linus = await frontdesk.agent("Linus", teams=["specialists"])

    await write(frontdesk, "Which size would fit me?", message_id="first@mail.example")
    page = (await grace.post("/v1/me/next?wait=20")).json
    ticket, lease = page["ticket"]["id"], page["lease"]
    assert page["ticket"]["queue"] == "general"

    answered = await grace.post(
        f"/v1/tickets/{ticket}/reply", lease=lease, json={"text": "Size 42.", "read_up_to": page["read_up_to"]}
    )
    assert (answered.status, answered.json["customer_wrote_since_read"]) == (201, False)
    properties, reply = await frontdesk.next_reply()
    assert (properties.message_type, properties.app_id) == ("reply.v1", DESK)
    assert reply["message_id"] == answered.json["message_id"]
    assert (reply["to"]["value"], reply["subject"], reply["text"]) == ("ada@example.com", "Re: Shoes", "Size 42.")
    assert (reply["in_reply_to"], reply["references"]) == ("first@mail.example", ["first@mail.example"])
    assert reply["token_id"].endswith("@mail.acme.example")

    await write(frontdesk, "And in blue?", message_id="second@mail.example", answers=reply["token_id"])
    await frontdesk.has_taken_in(2)
    again = await grace.post(
        f"/v1/tickets/{ticket}/reply", lease=lease, json={"text": "Here you are.", "read_up_to": page["read_up_to"]}
    )
    assert again.json["customer_wrote_since_read"] is True
    _, second = await frontdesk.next_reply()
    assert (second["in_reply_to"], second["text"]) == ("second@mail.example", "Here you are.")
    seen = (await grace.get(f"/v1/tickets/{ticket}")).json
    assert said(seen) == {"Which size would fit me?", "Size 42.", "And in blue?", "Here you are."}

    assert (await grace.post(f"/v1/tickets/{ticket}/resolve", lease=lease)).status == 204
    await write(frontdesk, "They do not fit.", message_id="third@mail.example", answers=second["token_id"])
    reopened = (await grace.post("/v1/me/next?wait=20")).json
    assert reopened["ticket"]["id"] == ticket
    assert "They do not fit." in said(reopened)

    moved = await grace.post(
        f"/v1/tickets/{ticket}/transfer",
        lease=reopened["lease"],
        json={"queue": "expert", "note": "Wants her money back."},
    )
    assert moved.status == 204
    taken = (await linus.post("/v1/me/next?wait=20")).json
    assert (taken["ticket"]["id"], taken["ticket"]["team"]) == (ticket, "specialists")
    assert "Wants her money back." in said(taken)
    assert (await grace.get(f"/v1/tickets/{ticket}")).status == 404
    assert (await grace.post(f"/v1/tickets/{ticket}/note", lease=reopened["lease"], json={"text": "?"})).status == 404

    history = (await linus.get(f"/v1/tickets/{ticket}/history")).json["events"]
    waits = [event["data"]["reason"] for event in history if event["kind"] in ("queue", "transfer")]
    assert waits == ["new", "reopened", "transferred"]
    assert history[-1]["state"] == "assigned"
    assert illegal_changes(event["state"] for event in history) == []


async def write(frontdesk: Frontdesk, text: str, *, message_id: str, answers: str | None = None) -> None:
    """Ada writes a mail."""
    mail = EmailMessage()
    mail["From"] = "Ada Example <ada@example.com>"
    mail["To"] = DESK
    mail["Date"] = "Sun, 01 Mar 2026 09:30:00 +0000"
    mail["Message-ID"] = f"<{message_id}>"
    mail["Subject"] = "Re: Shoes" if answers else "Shoes"
    if answers:
        mail["In-Reply-To"] = f"<{answers}>"
    mail.set_content(text)
    await frontdesk.publish(mail.as_bytes(), "email.rfc822", account=DESK, key="email.rfc822")


def said(page: Mapping[str, Any]) -> set[str]:
    return {entry["text"].strip() for entry in page["transcript"]}
