"""Messages as they came and the files in them, for the ticket's team alone."""

import json
from dataclasses import dataclass
from email.message import EmailMessage

from router.domain.actor import Viewer
from router.domain.agent import Agent, Role
from tests.clients.api import Api, Caller
from tests.making.builders import a_conversation, a_message, a_ticket

LARGE = bytes(range(256)) * 2000
PAGE = b"<script>alert(1)</script>"


def a_mail() -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "ada@example.com", "help@acme.example", "Files"
    mail.set_content("Here they are.")
    mail.add_attachment(LARGE, maintype="application", subtype="pdf", filename='R\u00e9sum\u00e9 "final".pdf')
    mail.add_attachment(PAGE, maintype="text", subtype="html", filename="page.html")
    return mail.as_bytes()


MAIL = a_mail()


def whatsapp(messages: list[dict[str, object]]) -> bytes:
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "4930123456", "phone_number_id": "1"},
        "messages": [{"timestamp": "1772357400", **message} for message in messages],
    }
    changes = [{"field": "messages", "value": value}]
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}).encode()


@dataclass(frozen=True)
class Kept:
    """A message whose payload is kept."""

    path: str
    ticket_id: int
    message_id: int


async def kept(api: Api, body: bytes, *, format_: str = "email.rfc822", others: tuple[int, ...] = (), **ticket) -> Kept:
    lease = await a_ticket(api.database, **ticket)
    message = await a_message(api.database, await a_conversation(api.database, lease))
    await api.database.execute(
        "test",
        """insert into payload (id, received_at, message_ids, format, body)
        select id, received_at, $2, $3, $4 from message where id = $1""",
        message,
        [message, *others],
        format_,
        body,
    )
    return Kept(f"/v1/tickets/{lease.ticket_id}/messages/{message}", lease.ticket_id, message)


async def download(caller: Caller, path: str) -> tuple[bytes, str, str]:
    """The bytes, their type and the name to save them under; they may be saved only."""
    answer = await caller.get(path)
    assert answer.status == 200, answer
    disposition, _, name = answer.headers["Content-Disposition"].partition("; ")
    assert (disposition, answer.headers["X-Content-Type-Options"]) == ("attachment", "nosniff")
    return answer.body, answer.headers["Content-Type"], name


async def test_a_message_is_handed_out_as_it_came(api: Api, grace: Agent):
    mail = await kept(api, MAIL)
    found = await download(await api.agent(grace), f"{mail.path}/raw")
    assert found == (MAIL, "application/octet-stream", f"filename*=UTF-8''{mail.message_id}.email.rfc822")


async def test_a_file_of_any_size_is_cut_out_of_its_mail_and_only_harmless_types_are_told(api: Api, grace: Agent):
    mail = await kept(api, MAIL)
    caller = await api.agent(grace)
    name = "filename*=UTF-8''R%C3%A9sum%C3%A9%20%22final%22.pdf"
    assert await download(caller, f"{mail.path}/attachments/0") == (LARGE, "application/pdf", name)
    page = (PAGE, "application/octet-stream", "filename*=UTF-8''page.html")
    assert await download(caller, f"{mail.path}/attachments/1") == page


async def test_what_is_not_there_is_not_found(api: Api, grace: Agent):
    mail, broken = await kept(api, MAIL), await kept(api, b"{", format_="message.v1")
    together = await kept(api, MAIL, others=(4711,))
    caller = await api.agent(grace)
    paths = [
        f"{mail.path}/attachments/2",
        f"{broken.path}/attachments/0",
        f"{together.path}/raw",
        f"/v1/tickets/{broken.ticket_id}/messages/{mail.message_id}/raw",
    ]
    assert [(await caller.get(path)).status for path in paths] == [404] * 4


async def test_a_webhook_with_messages_of_others_is_not_shown_even_where_they_had_been_taken_in_before(
    api: Api, grace: Agent
):
    texts = [{"id": f"wamid.{n}", "from": f"4915112345{n:03}", "type": "text", "text": {"body": "Hi"}} for n in (1, 2)]
    caller = await api.agent(grace)
    statuses = []
    for messages in (texts[:1], texts):
        webhook = await kept(api, whatsapp(messages), format_="social.whatsapp")
        statuses.append((await caller.get(f"{webhook.path}/raw")).status)
    assert statuses == [200, 404]


async def test_another_team_finds_nothing_and_an_admin_does(api: Api, grace: Agent):
    theirs = await kept(api, MAIL, queue="expert", team="specialists")
    caller, admin = await api.agent(grace), await api.caller(Role.ADMIN)
    for part in ("raw", "attachments/0"):
        assert (await caller.get(f"{theirs.path}/{part}")).status == 404
        assert (await admin.get(f"{theirs.path}/{part}")).status == 200


async def test_row_level_security_alone_keeps_another_teams_bytes_away(api: Api, grace: Agent):
    theirs = await kept(api, MAIL, queue="expert", team="specialists")
    no_team_condition = Viewer(agent_id=grace.id, teams=None)
    assert await api.reading.original(no_team_condition, theirs.ticket_id, theirs.message_id) is None
    everybody = Viewer(agent_id=None, teams=None)
    assert await api.reading.original(everybody, theirs.ticket_id, theirs.message_id)
