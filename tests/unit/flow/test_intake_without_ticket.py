"""What becomes of messages that open no ticket: nobody wrote them, we did, or their sender is blocked."""

from datetime import timedelta

import pytest

from channels.message import Automatic, Channel
from router.domain.mail_token import make_token
from router.domain.ticket import TicketState
from router.flow.intake.changes import Outcome
from tests.making.intake import SECRET, outcomes, resolve_all, take_in
from tests.making.messages import a_message, a_phone, a_user, an_email

FIRST = "first@mail.example"
MAIL = a_message(external_id=FIRST)


@pytest.mark.parametrize("automatic", Automatic)
def test_what_no_person_wrote_never_opens_a_ticket(automatic: Automatic):
    store = take_in([a_message(automatic=automatic)])
    assert [received.outcome for received in store.received.values()] == [Outcome.SET_ASIDE]
    assert (store.tickets, store.customers, store.conversations) == ({}, {}, {})
    assert len(store.messages) == 1


@pytest.mark.parametrize("automatic", Automatic)
def test_what_no_person_wrote_is_attached_to_what_it_answers_and_reopens_nothing(automatic: Automatic):
    store = resolve_all(take_in([MAIL]), ago=timedelta(minutes=30))
    bounce = a_message(an_email("mailer-daemon@mail.example"), tokens=(make_token(SECRET, 1, 1),), automatic=automatic)
    assert outcomes(bounce, store=store) == [Outcome.ATTACHED]
    [ticket] = store.tickets.values()
    assert ticket.state is TicketState.RESOLVED
    assert store.messages[-1].ticket_id == ticket.id
    assert "email:mailer-daemon@mail.example" not in store.conversations[1].participants


def test_a_reaction_stands_in_the_conversation_and_reopens_nothing():
    written = a_message(a_phone(), channel=Channel.SOCIAL)
    store = resolve_all(take_in([written]), ago=timedelta(minutes=30))
    thumb = a_message(a_phone(), "[reaction]", channel=Channel.SOCIAL, automatic=Automatic.REACTION)
    assert outcomes(thumb, store=store) == [Outcome.ATTACHED]
    assert [stored.ticket_id for stored in store.messages] == list(store.tickets) * 2


def test_our_own_address_never_opens_a_ticket():
    store = take_in([MAIL, a_message(an_email("support@acme.example"))])
    assert [received.outcome for received in store.received.values()] == [Outcome.QUEUED, Outcome.SET_ASIDE]


def test_blocked_senders_are_kept_without_a_ticket():
    store = take_in([a_message(an_email("spam@example.com"))])
    assert [received.outcome for received in store.received.values()] == [Outcome.BLOCKED]
    assert (len(store.messages), store.tickets, store.customers) == (1, {}, {})


def test_blocked_customers_are_kept_without_a_ticket_on_every_channel():
    store = take_in([MAIL])
    store.customers = {id_: customer._replace(is_blocked=True) for id_, customer in store.customers.items()}
    chat = a_message(a_user(), channel=Channel.CHAT, also=(an_email(verified=True),))
    assert outcomes(a_message(in_reply_to=FIRST), chat, store=store) == [Outcome.BLOCKED, Outcome.BLOCKED]
    assert {stored.ticket_id for stored in store.messages[1:]} == {None}
