"""Real mails, which the repository does not hold, go in over RabbitMQ and end where a person would put them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest

from channels import formats
from tests.acceptance.deployed import Frontdesk
from tests.clients.api import Caller
from tests.making import shared_data
from tests.unit.channels.expected_mail import EXPECTED, Expected

MAILS = {path.stem: path.read_bytes() for path in shared_data.MAILS}
DESK = "desk@acme.example"

NO_TICKET = {
    "error_emails--bad_date_header": "set_aside: mailing_list",  # Precedence: junk
    "error_emails--bad_encoded_subject": "malformed: from: is missing or holds no address: a mail needs one sender",
    "error_emails--empty_in_reply_to": "set_aside: mailing_list",  # List-Id
    "multipart_report_emails--multi_address_bounce1": "set_aside: bounce",
    "multipart_report_emails--multi_address_bounce2": "set_aside: bounce",
    "multipart_report_emails--multipart_report_multiple_status": "set_aside: bounce",
    "multipart_report_emails--report_422": "set_aside: bounce",
    "multipart_report_emails--report_530": "set_aside: bounce",
}
# read in the mails themselves: those that want answers elsewhere than at their sender
REPLY_TO = {
    "error_emails--empty_group_lists": "western.uniontransfer1@hotmail.fr",
    "rfc2822--example14": "rudeboyjet@gmail.com",
}

pytestmark = pytest.mark.skipif(not MAILS, reason=shared_data.NO_MAILS)


async def test_every_real_mail_becomes_a_ticket_or_is_kept_for_the_right_reason(frontdesk: Frontdesk):
    for raw in MAILS.values():
        await frontdesk.publish(raw, "email.rfc822", account=DESK, key="email.rfc822")
    await frontdesk.has_taken_in(len(MAILS))
    shop = await frontdesk.integration()
    kept = await unprocessable(frontdesk)
    fates = {name: kept.get(raw) or await fate(frontdesk, shop, raw) for name, raw in MAILS.items()}
    assert {name: what for name, what in fates.items() if what != "ticket"} == NO_TICKET


async def test_the_ticket_page_shows_what_a_person_reads_in_the_mail(frontdesk: Frontdesk):
    letters = EXPECTED.keys() - NO_TICKET.keys()
    for name in letters:  # to a mailbox of its own, since some share an id
        await frontdesk.publish(MAILS[name], "email.rfc822", account=f"{name}@acme.example", key="email.rfc822")
    await frontdesk.has_taken_in(len(letters))
    pages = {page["conversations"][0]["account"].partition("@")[0]: page for page in await every_ticket(frontdesk)}
    expected = {name: EXPECTED[name] for name in letters}
    assert {name: shown(page, expected[name]) for name, page in pages.items()} == {
        name: readable(name, mail) for name, mail in expected.items()
    }


async def unprocessable(frontdesk: Frontdesk) -> Mapping[bytes, str]:
    """By its bytes, why a mail was kept."""
    store = frontdesk.process.deployment.unprocessable
    kept = [await store.payload(kept.id) for kept in await store.newest(100, before=None, pending=True)]
    return {found[1].body: f"{found[0].reason}: {found[0].detail}" for found in kept if found}


async def fate(frontdesk: Frontdesk, shop: Caller, raw: bytes) -> str:
    (message,) = formats.parse("email.rfc822", raw, DESK).messages
    status = await shop.get(f"/v1/messages/email/{quote(DESK, safe='')}/{quote(message.external_id, safe='')}")
    if status.json["ticket_id"]:
        return "ticket"
    of_message = "select automatic from message where external_id = $1"
    (row,) = await frontdesk.process.deployment.database.fetch("test", of_message, message.external_id)
    return f"{status.json['outcome']}: {row['automatic']}"


async def every_ticket(frontdesk: Frontdesk) -> list[Mapping[str, Any]]:
    """The pages of all tickets that wait, as an agent of every team is given them, who resolves each at once."""
    grace = await frontdesk.agent()
    pages = []
    while (given := await grace.post("/v1/me/next")).status == 200:
        page = await grace.get(f"/v1/tickets/{given.json['ticket']['id']}")
        pages.append(page.json)
        resolved = await grace.post(f"/v1/tickets/{given.json['ticket']['id']}/resolve", lease=page.json["lease"])
        assert resolved.status in {200, 204}
    return pages


def shown(page: Mapping[str, Any], expected: Expected) -> Mapping[str, object]:
    (letter,) = page["transcript"]
    return {
        "customer": page["customer"]["handles"][0]["value"],
        "answers go to": page["conversations"][0]["reply_to"]["value"],
        "subject": letter["subject"],
        "text": letter["text"][: len(expected.text)],
        "files": tuple(file["name"] for file in letter["attachments"]),
    }


def readable(name: str, mail: Expected) -> Mapping[str, object]:
    return {
        "customer": mail.sender,
        "answers go to": REPLY_TO.get(name, mail.sender),
        "subject": mail.subject,
        "text": mail.text,
        "files": mail.files,
    }
