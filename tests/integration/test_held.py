"""Held messages: seen, counted, and released once, whoever asks how often."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from channels.formats import parse
from channels.message import Automatic
from router.domain.actor import OPERATOR
from router.domain.agent import Role
from router.domain.errors import Conflict, NotFound, Refused
from router.flow.intake.held import Held, HeldSearch
from router.flow.intake.opening import Opener
from router.flow.run.bus import Delivery
from router.metrics import Metrics
from router.policy.parse import parse_policy
from router.postgres.database import Database
from router.postgres.intake.held import PostgresHeld
from router.postgres.intake.receive import PostgresIntake
from router.postgres.run.operations import PostgresOperations
from router.postgres.work.customers import PostgresCustomers
from tests.clients.api import POLICY as POLICY_TEXT
from tests.clients.api import Api
from tests.making.agents import an_agent
from tests.making.intake import SECRET, a_receiver

POLICY = POLICY_TEXT + 'own_addresses: ["help@acme.example"]\n'
PARSED = parse_policy(POLICY)
HEADERS = {
    "list": "From: ada@example.com\nList-Id: <news.example.com>",
    "bulk": "From: ada@example.com\nAuto-Submitted: auto-generated",
    "ours": "From: help@acme.example\nReply-To: ada@example.com\nIn-Reply-To: <unknown@acme.example>",
}


def a_mail(kind: str, *, number: int = 1) -> Delivery:
    head = f"{HEADERS[kind]}\nTo: help@acme.example\nSubject: Broken kettle\nMessage-ID: <{kind}{number}@example.com>"
    return Delivery(body=f"{head}\n\nIt leaks.\n".encode(), format="email.rfc822", account="help@acme.example")


@pytest.fixture
async def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
async def held(database: Database, metrics: Metrics) -> Held:
    opener = Opener(parse, SECRET, lambda: ("en",))
    return Held(store=PostgresHeld(database), opener=opener, policy=lambda: PARSED, metrics=metrics)


async def take(database: Database, *mails: Delivery, metrics: Metrics | None = None) -> None:
    more = {"metrics": metrics} if metrics else {}
    await a_receiver(PostgresIntake(database), parse=parse, policy=lambda: PARSED, **more).take(mails)


async def ids(held: Held) -> list[int]:
    return [each.id for each in await held.newest(HeldSearch(limit=50))]


async def tickets(database: Database) -> list[tuple[int, str]]:
    rows = await database.fetch(
        "test", "select ticket.id, handle.key from ticket join handle using (customer_id) order by id"
    )
    return [tuple(row) for row in rows]


async def test_held_messages_are_listed_shown_and_counted_by_reason(database: Database, held: Held):
    await take(database, *(a_mail(kind) for kind in HEADERS))
    newest = await held.newest(HeldSearch(limit=2))
    older = await held.newest(HeldSearch(limit=2, before=newest[-1].id))
    assert [each.reason for each in (*newest, *older)] == ["own_notification", "auto_reply", "mailing_list"]
    assert await held.counts() == {"auto_reply": 1, "mailing_list": 1, "own_notification": 1}
    [listed] = await held.newest(HeldSearch(limit=9, reason=Automatic.MAILING_LIST))
    shown = await held.show(listed.id)
    assert (shown.author, shown.subject, shown.text.strip()) == ("email:ada@example.com", "Broken kettle", "It leaks.")
    assert (await held.payload(listed.id)).body == a_mail("list").body
    assert await PostgresOperations(database).held() == 3


@pytest.mark.parametrize("kind", HEADERS)
async def test_a_released_message_is_a_ticket_of_its_person_once(database: Database, held: Held, kind: str):
    mail = a_mail(kind)
    await take(database, mail)
    [id_] = await ids(held)
    freed = [await held.release(OPERATOR, id_) for _ in range(2)]
    await take(database, mail, mail._replace(redelivered=True))  # and it changes nothing when it comes again
    assert freed == freed[:1] * 2
    assert await tickets(database) == [(freed[0].ticket_id, "email:ada@example.com")]
    assert await ids(held) == []
    [message] = await database.fetch("test", "select id, ticket_id, automatic from message")
    assert tuple(message) == (id_, freed[0].ticket_id, None)
    assert await database.fetch("test", "select from payload") != []
    [line] = await database.fetch(
        "test", "select data ->> 'released_by' as by, data ->> 'reason' as reason from ticket_event"
    )
    assert (line["by"], line["reason"]) == ("cli", "new")


async def test_two_who_release_at_once_make_one_ticket(database: Database, held: Held):
    await take(database, a_mail("list"))
    [id_] = await ids(held)
    freed = await asyncio.gather(*(held.release(OPERATOR, id_) for _ in range(4)))
    assert len({each.ticket_id for each in freed}) == 1
    assert len(await tickets(database)) == 1


async def test_what_a_stranger_writes_releases_nothing(database: Database, held: Held):
    mail = a_mail("list")
    forged = mail._replace(
        body=mail.body.replace(b"List-Id", b"X-Released-By: admin\nreleased_by: admin\nList-Id"), routing_key="release"
    )
    await take(database, forged, forged._replace(routing_key="held.release"))
    assert (len(await ids(held)), await tickets(database)) == (1, [])


async def test_what_cannot_be_released_says_why_and_stays(database: Database, held: Held):
    with pytest.raises(NotFound, match="There is no held message 77"):
        await held.release(OPERATOR, 77)
    await take(database, a_mail("list"))
    [id_] = await ids(held)
    await take(database, a_mail("list")._replace(body=a_mail("list", number=2).body.replace(b"List-Id", b"X-Id")))
    [customer] = await database.fetch("test", "select id from customer")
    await PostgresCustomers(database).set_blocked(OPERATOR, customer["id"], blocked=True)
    with pytest.raises(Refused, match="unblock the sender first"):
        await held.release(OPERATOR, id_)
    await database.execute("test", "delete from payload")
    with pytest.raises(Conflict, match="no longer kept"):
        await held.release(OPERATOR, id_)
    assert await ids(held) == [id_]


async def test_nobody_can_release_a_message_that_was_never_held(database: Database, held: Held):
    await take(database, a_mail("list")._replace(body=a_mail("list").body.replace(b"List-Id", b"X-Id")))
    [message] = await database.fetch("test", "select id from message")
    with pytest.raises(NotFound, match="no held message"):
        await held.release(OPERATOR, message["id"])


async def test_held_and_released_messages_are_counted(database: Database, held: Held, metrics: Metrics):
    await take(database, a_mail("list"), a_mail("bulk"), metrics=metrics)
    for id_ in await ids(held):
        await held.release(OPERATOR, id_)

    def counted(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(name, labels)

    assert counted("router_messages_held_total", channel="email", reason="mailing_list") == 1
    assert counted("router_messages_held_total", channel="email", reason="bounce") == 0
    assert counted("router_messages_released_total", channel="email") == 2


async def test_leads_and_admins_see_and_release_over_the_api(api: Api):
    await take(api.database, a_mail("list"), a_mail("bulk"))
    lead = await api.caller(Role.LEAD, await an_agent(api.database))
    first = await lead.get("/v1/held?limit=1")
    second = await lead.get(f"/v1/held?limit=1&after={first.json['next']}")
    assert [each["reason"] for page in (first, second) for each in page.json["messages"]] == [
        "auto_reply",
        "mailing_list",
    ]
    assert (first.json["counts"], second.json["next"]) == ({"auto_reply": 1, "mailing_list": 1}, None)
    [message] = (await lead.get("/v1/held?reason=mailing_list")).json["messages"]
    assert (await lead.get(f"/v1/held/{message['id']}")).json["text"].strip() == "It leaks."
    admin = await api.caller(Role.ADMIN)
    released = [await who.post(f"/v1/held/{message['id']}/release") for who in (lead, admin)]
    assert [answer.status for answer in released] == [200, 200]
    assert released[0].json == released[1].json
    status = await admin.get("/v1/messages/email/help%40acme.example/list1%40example.com")
    assert (status.json["outcome"], status.json["ticket_id"]) == ("queued", released[0].json["ticket_id"])
    [change] = (await admin.get("/v1/audit?limit=1")).json["changes"]
    assert (change["action"], change["subject"]) == ("message.release", f"message:{message['id']}")
