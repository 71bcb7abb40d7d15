"""Mistakes that other help desks made with real messages, and what is right: each case goes in over RabbitMQ."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from tests.acceptance.cases import deliver
from tests.acceptance.deployed import Frontdesk
from tests.clients.api import Caller

Page = Mapping[str, Any]


async def test_a_group_mailbox_that_rewrites_from_brings_each_customer_a_ticket(frontdesk: Frontdesk):
    for name in ("01-a-rewritten", "01-b-second-customer", "01-c-not-rewritten"):
        await deliver(frontdesk, f"{name}.eml")
    await frontdesk.has_taken_in(3)
    grace = await frontdesk.agent()
    pages = await every_page(grace, 3)
    people = {"grace.lin@customer.example", "petra.novak@customer.example"}
    assert senders(pages) >= people
    assert len(senders(pages)) == 3
    assert {page["conversations"][0]["reply_to"]["value"] for page in pages} == senders(pages)
    rewritten = next(page for page in pages if senders([page]) == {"grace.lin@customer.example"})
    assert not rewritten["customer"]["handles"][0]["verified"]
    await grace.post(f"/v1/tickets/{rewritten['ticket']['id']}/reply", lease=rewritten["lease"], json={"text": "Yes."})
    _, reply = await frontdesk.next_reply()
    assert reply["to"]["value"] == "grace.lin@customer.example"
    history = (await grace.get(f"/v1/tickets/{rewritten['ticket']['id']}/history")).json["events"]
    assert history[0]["data"]["author_from"] == "X-Original-From"
    assert history[0]["data"]["list_evidence"] == "the list is our own mailbox"


async def test_headers_of_lists_alone_hide_no_person(frontdesk: Frontdesk):
    for name in ("d-variant-unsubscribe-only", "e-variant-precedence-only", "f-variant-customer-list"):
        await deliver(frontdesk, f"01-{name}.eml")
    await frontdesk.has_taken_in(3)
    pages = await every_page(await frontdesk.agent(), 3)
    assert senders(pages) == {"carla@agency.example", "dov@firm.example", "eva@verein.example"}


async def test_empty_message_ids_join_nobody(frontdesk: Frontdesk):
    for name in ("03-a-machine-empty-ids.eml", "03-b-stranger-empty-ids.eml", "03-c-stranger-empty-reply.eml"):
        body = await deliver(frontdesk, name)
        if "03-b" in name:
            await frontdesk.publish(body, "email.rfc822", account="support@acme.example")
    await frontdesk.has_taken_in(4)
    pages = await every_page(await frontdesk.agent(), 3)
    assert senders(pages) == {
        "scanner@office.example",
        "lena.voss@customer.example",
        "bruno.silva@elsewhere.example",
    }
    assert [len(page["transcript"]) for page in pages] == [1, 1, 1]
    assert frontdesk.counted("router_messages_received_total", outcome="duplicate") == 1


async def test_an_answer_to_a_merged_ticket_reaches_the_ticket_it_was_merged_into(frontdesk: Frontdesk):
    grace = await frontdesk.agent()
    pages = {}
    for name in ("05-a-first.eml", "05-b-second.eml"):
        await deliver(frontdesk, name)
        page = (await grace.post("/v1/me/next?wait=20")).json
        pages[name[3]] = page
        await grace.get(f"/v1/tickets/{page['ticket']['id']}")
    first, second = pages["a"], pages["b"]
    await grace.post(f"/v1/tickets/{second['ticket']['id']}/reply", lease=second["lease"], json={"text": "It is out."})
    _, reply = await frontdesk.next_reply()
    merged = await grace.post(
        f"/v1/tickets/{second['ticket']['id']}/merge", lease=second["lease"], json={"into": first["ticket"]["id"]}
    )
    assert merged.status == 204, merged.json

    await deliver(frontdesk, "05-c-reply-to-our-answer-on-b.eml", token=reply["token_id"])
    await frontdesk.has_taken_in(3)
    assert "It has come, but page two is missing." in said(await page_of(grace, first))
    assert (await grace.post(f"/v1/tickets/{first['ticket']['id']}/resolve", lease=first["lease"])).status == 204
    await deliver(frontdesk, "05-d-reply-to-own-mail-b.eml")
    reopened = (await grace.post("/v1/me/next?wait=20")).json
    assert reopened["ticket"]["id"] == (await page_of(grace, first))["ticket"]["id"]
    assert "Adding: it is the copy for the tax office." in said(reopened)
    assert (await page_of(grace, second))["ticket"]["state"] == "resolved"
    assert (await grace.post("/v1/me/next")).status == 204


async def test_neither_a_second_message_nor_a_wrong_clock_moves_anything(frontdesk: Frontdesk):
    for name in ("a-first", "b-other-customer", "c-second-of-first"):
        await deliver(frontdesk, f"14-{name}.eml")
    await frontdesk.has_taken_in(3)
    grace = await frontdesk.agent()
    first = (await every_page(grace, 1))[0]
    path = f"/v1/tickets/{first['ticket']['id']}"
    assert [text[:6] for text in said(first)] == ["FIRST:", "SECOND"]
    await grace.post(f"{path}/reply", lease=first["lease"], json={"text": "Change the bulb."})
    _, reply = await frontdesk.next_reply()
    await grace.post(f"{path}/resolve", lease=first["lease"])

    await deliver(frontdesk, "14-d-clock-years-behind.eml", token=reply["token_id"])
    await frontdesk.has_taken_in(4)
    other, again = await every_page(grace, 2)
    assert other["ticket"]["id"] != first["ticket"]["id"] == again["ticket"]["id"]
    assert again["ticket"]["enqueued_at"] > first["ticket"]["enqueued_at"]
    assert [text[:6] for text in said(again)] == ["FIRST:", "SECOND", "Change", "THIRD:"]
    assert again["transcript"][-1]["sent_at"] == "2018-01-01T00:04:44Z"
    unread = {"text": "Send it in.", "read_up_to": first["read_up_to"]}
    answer = await grace.post(f"{path}/reply", lease=again["lease"], json=unread)
    assert answer.json["customer_wrote_since_read"]

    await deliver(frontdesk, "14-e-clock-ahead.eml", token=reply["token_id"])
    await frontdesk.has_taken_in(5)
    await grace.post(f"{path}/reply", lease=again["lease"], json={"text": "Thank you."})
    assert [text[:6] for text in said(await page_of(grace, first))][3:] == ["THIRD:", "Send i", "FOURTH", "Thank "]


async def test_japanese_mail_is_read_whatever_charset_it_claims(frontdesk: Frontdesk):
    readings = {
        "a-jis-without-charset": "お世話になっております。注文番号七一のお届け日を教えてください。",
        "b-jis-html-without-charset": "お世話になっております。注文番号七一のお届け日を教えてください。",
        "c-jis-nec-characters": "㈱見本の森です。①見積 ②納期 をお願いします。",
        "g-variant-jis-said": "お届け日を教えてください。",
        "h-variant-sjis-meta-only": "お届け日を教えてください。",
    }
    for name in readings:
        await deliver(frontdesk, f"06-{name}.eml")
    await frontdesk.has_taken_in(len(readings))
    grace = await frontdesk.agent()
    pages = await every_page(grace, len(readings))
    assert sorted(text for page in pages for text in said(page)) == sorted(readings.values())


async def test_mail_with_a_wrong_charset_or_none_is_read_and_a_guess_is_named(frontdesk: Frontdesk):
    readings = {
        "d-utf8-said-cp1252-sent": "Die Lieferung für Müller fehlt \N{EN DASH} bitte prüfen. Preis: 20 €",
        "i-variant-gb2312-said-gbk-sent": "请问朱镕先生的订单何时发货\N{FULLWIDTH QUESTION MARK}",
        "j-variant-cyrillic-without-charset": "Когда придёт мой заказ? Спасибо.",
    }
    for name in readings:
        await deliver(frontdesk, f"06-{name}.eml")
    await frontdesk.has_taken_in(len(readings))
    pages = await every_page(await frontdesk.agent(), len(readings))
    assert sorted(text for page in pages for text in said(page)) == sorted(readings.values())
    guessed = {page["transcript"][0]["attributes"].get("charset_guessed", "").split(" ")[0] for page in pages}
    assert guessed == {"", "cp1252", "koi8-r"}


async def test_a_nul_costs_a_mail_and_a_text_message_nothing_else(frontdesk: Frontdesk):
    for name in ("06-e-nul-in-body.eml", "06-f-nul.form"):
        await deliver(frontdesk, name)
    await frontdesk.has_taken_in(2)
    pages = await every_page(await frontdesk.agent(), 2)
    assert all("\x00" not in text and text for page in pages for text in said(page))
    assert frontdesk.counted("router_messages_unprocessable_total") == 0


async def test_what_a_customer_says_without_words_is_shown(frontdesk: Frontdesk):
    names = ("a-location", "b-location-with-label", "c-button", "d-list-pick", "e-mms-without-text")
    for name in names:
        await deliver(frontdesk, f"12-{name}.form")
    await frontdesk.has_taken_in(len(names))
    pages = await every_page(await frontdesk.agent(), 4) + await every_page(await frontdesk.agent("Linus"), 1)
    texts = [said(page)[0] for page in pages]
    assert sum("54.3213" in text and "10.1349" in text for text in texts) == 2
    assert any("Yes, call me" in text for text in texts)
    assert any("Tuesday 9 to 11" in text for text in texts)
    assert any(page["transcript"][0]["attachments"] for page in pages)


async def test_short_codes_and_named_senders_stay_as_they_were_sent(frontdesk: Frontdesk):
    for letter in "abcd":
        await deliver(frontdesk, f"13-{letter}.form")
    await frontdesk.has_taken_in(4)
    grace = await frontdesk.agent()
    pages = await every_page(grace, 4)
    assert {"68849", "Acme Bank"} <= senders(pages)
    assert len(senders(pages)) == 4
    coded = next(page for page in pages if senders([page]) == {"68849"})
    await grace.post(f"/v1/tickets/{coded['ticket']['id']}/reply", lease=coded["lease"], json={"text": "Thanks."})
    _, reply = await frontdesk.next_reply()
    assert reply["to"]["value"] == "68849"


async def test_two_spellings_of_a_number_are_one_customer_who_is_answered_as_written(frontdesk: Frontdesk):
    grace = await frontdesk.agent()
    spellings = {
        "a": ("+551199990001", "+5511999990001", "+55 11 9999-0001", "005511999990001"),
        "b": ("+5491155550001", "+541155550001", "+54 9 11 5555 0001", "0054 11 15 5555 0001"),
        "c": ("+5215555550001", "+525555550001", "+52 1 55 5555 0001", "0052 55 5555 0001"),
    }
    taken_in = 0
    for letter, written in spellings.items():
        await deliver(frontdesk, f"11-{letter}-whatsapp.json")
        page = (await grace.post("/v1/me/next?wait=20")).json
        await grace.post(f"/v1/tickets/{page['ticket']['id']}/reply", lease=page["lease"], json={"text": "Yes."})
        _, reply = await frontdesk.next_reply()
        assert reply["to"]["value"] == written[0]
        others = [f"11-{letter}-sms.form", *(["11-d-variant-mexico-with-spaces.json"] if letter == "c" else [])]
        for name in others:
            await deliver(frontdesk, name)
        taken_in += 1 + len(others)
        await frontdesk.has_taken_in(taken_in)
        found = [await grace.get(f"/v1/customers?handle={quote(each)}") for each in written]
        assert {each.json["customers"][0]["id"] for each in found} == {page["customer"]["id"]}
        assert len((await page_of(grace, page))["transcript"]) == 2 + len(others)  # joined from another channel
        await grace.post(f"/v1/tickets/{page['ticket']['id']}/resolve", lease=page["lease"])


async def every_page(agent: Caller, count: int) -> list[Page]:
    """The pages of so many tickets, which the agent then holds."""
    pages = []
    for _ in range(count):
        given = (await agent.post("/v1/me/next?wait=20")).json
        pages.append((await agent.get(f"/v1/tickets/{given['ticket']['id']}")).json)
    return pages


async def page_of(agent: Caller, page: Page) -> Page:
    answer: Page = (await agent.get(f"/v1/tickets/{page['ticket']['id']}")).json
    return answer


def senders(pages: list[Page]) -> set[str]:
    return {page["customer"]["handles"][0]["value"] for page in pages}


def said(page: Page) -> list[str]:
    return [entry["text"] for entry in page["transcript"]]
