"""What becomes of an erased customer's tickets, and what is written down about customers."""

import json

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from router.domain.actor import OPERATOR
from router.domain.customer import Contact, ContactOutcome, CustomerId
from router.domain.errors import NotFound
from router.flow.work.erasure import Erasure
from router.metrics import Metrics
from router.postgres.database import Database
from router.postgres.work.customers import PostgresCustomers
from tests.making.agents import an_agent
from tests.making.builders import a_ticket
from tests.making.moments import NOON


@pytest.mark.parametrize("state", ["queued", "offered", "assigned", "wrap_up", "snoozed"])
async def test_an_open_ticket_of_somebody_erased_ends(database: Database, ada: CustomerId, state: str):
    grace = await an_agent(database, "Grace") if state in {"offered", "assigned", "wrap_up"} else None
    ticket = await a_ticket(database, customer_id=ada, held_by=grace, state=state)
    await database.execute("test", "update ticket set reserved_for = 7, state_until = now(), relax_at = now()")
    await PostgresCustomers(database).erase(OPERATOR, ada)
    [row] = await database.fetch("test", "select * from ticket")
    assert (row["state"], row["assigned_to"], row["reserved_for"]) == ("resolved", None, None)
    assert (row["state_until"], row["relax_at"]) == (None, None)
    assert row["resolved_at"] is not None
    [event] = await database.fetch("test", "select * from ticket_event")
    assert (event["ticket_id"], event["kind"], event["state"]) == (ticket.ticket_id, "resolve", "resolved")
    assert (event["actor"], json.loads(event["data"])) == ("cli", {"reason": "erased", "queue": "general"})


async def test_a_ticket_that_an_erasure_ends_is_counted_and_logged_like_all_others(database: Database, ada: CustomerId):
    registry = CollectorRegistry()
    ticket = await a_ticket(database, customer_id=ada, held_by=await an_agent(database, "Grace"), state="offered")
    await a_ticket(database, customer_id=ada, state="resolved", subject="Ended before")
    with capture_logs() as logs:
        await Erasure(store=PostgresCustomers(database), metrics=Metrics(registry)).erase(OPERATOR, ada)
    assert logs == [
        {
            "event": "ticket resolved",
            "log_level": "info",
            "ticket_id": ticket.ticket_id,
            "queue": "general",
            "kind": "resolve",
            "reason": "erased",
            "agent_id": 1,
            "by": "cli",
        }
    ]
    place = {"queue": "general", "channel": "email"}
    assert registry.get_sample_value("router_tickets_resolved_total", place) == 1
    assert registry.get_sample_value("router_offers_total", {"queue": "general", "outcome": "withdrawn"}) == 1


async def test_a_ticket_that_had_ended_stays_as_it_is_but_for_the_customers_words(database: Database, ada: CustomerId):
    await a_ticket(database, customer_id=ada, state="resolved")
    await PostgresCustomers(database).erase(OPERATOR, ada)
    [row] = await database.fetch("test", "select * from ticket")
    assert (row["resolved_at"], row["subject"], row["reasons"]) == (NOON, None, "[]")
    assert await database.fetch("test", "select from ticket_event") == []


async def test_the_contacts_of_somebody_erased_are_over(database: Database, ada: CustomerId):
    ticket = await a_ticket(database, customer_id=ada)
    contact = Contact(at=NOON, channel="email", queue="general", ticket_id=ticket.ticket_id)
    await database.execute("test", "update customer set contacts = $1", [contact.encode()])
    await PostgresCustomers(database).erase(OPERATOR, ada)
    [(contacts,)] = await database.fetch("test", "select contacts from customer")
    assert [Contact.decode(text).outcome for text in contacts] == [ContactOutcome.RESOLVED]


async def test_another_customers_ticket_goes_on(database: Database, ada: CustomerId):
    await a_ticket(database)
    await PostgresCustomers(database).erase(OPERATOR, ada)
    [row] = await database.fetch("test", "select state, subject from ticket")
    assert tuple(row) == ("queued", "Invoice 4711")


async def test_every_change_of_a_customer_is_written_down_without_a_word_of_theirs(database: Database, ada: CustomerId):
    customers = PostgresCustomers(database)
    await customers.set_blocked(OPERATOR, ada, blocked=True)
    await customers.set_blocked(OPERATOR, ada, blocked=False)
    await customers.set_tier(OPERATOR, ada, "vip")
    await customers.erase(OPERATOR, ada)
    rows = await database.fetch("test", "select actor, subject, action, data from audit order by id")
    assert {(row["actor"], row["subject"]) for row in rows} == {("cli", f"customer:{ada}")}
    assert [(row["action"], json.loads(row["data"])) for row in rows] == [
        ("customer.block", {"is_blocked": [False, True]}),
        ("customer.unblock", {"is_blocked": [True, False]}),
        ("customer.tier", {"tier": [None, "vip"]}),
        ("customer.erase", {"handles": 1, "messages": 0}),
    ]


async def test_what_was_not_done_is_not_written_down(database: Database):
    with pytest.raises(NotFound, match=r"There is no customer 77\."):
        await PostgresCustomers(database).set_tier(OPERATOR, CustomerId(77), "vip")
    assert await database.fetch("test", "select from audit") == []
