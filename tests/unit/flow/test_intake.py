"""What becomes of a message: every outcome, told through the receiver and a store in memory."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from channels.message import Automatic, Channel, Handle, HandleKind, InboundMessage
from router.domain.conversation import ERASED
from router.domain.customer import ContactOutcome
from router.domain.mail_token import make_token
from router.domain.ticket import TicketState
from router.flow.intake.changes import Outcome
from tests.fakes.intake import FakeIntake
from tests.making.intake import POLICY, SECRET, outcomes, resolve_all, take_in
from tests.making.messages import a_message, a_phone, a_user, an_email
from tests.making.moments import NOON

FIRST = "first@mail.example"
MAIL = a_message(external_id=FIRST, subject="Parcel")
SMS = a_message(a_phone(), channel=Channel.SMS, also=(an_email(verified=True),))


def reply(**fields: object) -> InboundMessage:
    return a_message(**{"in_reply_to": FIRST, **fields})


def test_a_first_message_is_queued_under_a_new_customer():
    store = take_in([MAIL])
    [ticket], [customer], [conversation] = (
        store.tickets.values(),
        store.customers.values(),
        store.conversations.values(),
    )
    assert (ticket.state, ticket.route, ticket.subject) == (TicketState.QUEUED, "rest", "Parcel")
    assert ticket.wait.due_at - ticket.wait.enqueued_at == timedelta(hours=4)
    assert [contact.ticket_id for contact in customer.contacts] == [ticket.id]
    assert (conversation.customer_id, conversation.ticket_id) == (customer.id, ticket.id)


def test_an_answer_continues_its_ticket_which_keeps_its_place():
    store = take_in([MAIL])
    [before] = store.tickets.values()
    take_in([reply()], store=store)
    [after] = store.tickets.values()
    assert [received.outcome for received in store.received.values()] == [Outcome.QUEUED, Outcome.CONTINUED]
    assert after == before._replace(last_customer_at=after.last_customer_at)
    assert after.last_customer_at > before.last_customer_at


@pytest.mark.parametrize(
    ("sender", "channel", "account", "outcome"),
    [
        (an_email("s@acme.example"), Channel.EMAIL, "s@acme.example", Outcome.SET_ASIDE),
        (a_phone("+4930555000"), Channel.SMS, "+4930555000", Outcome.SET_ASIDE),
        (a_user("acme"), Channel.CHAT, "acme", Outcome.QUEUED),
    ],
)
def test_what_an_account_writes_to_itself_is_ours(sender: Handle, channel: Channel, account: str, outcome: Outcome):
    assert outcomes(a_message(sender, channel=channel, account=account)) == [outcome]


def test_answers_go_where_the_mail_wants_them_and_the_sender_stays_the_customer():
    store = take_in([a_message(an_email("form@shop.example"), reply_to=an_email("jo@home.example"))])
    [conversation] = store.conversations.values()
    assert conversation.reply_to == an_email("jo@home.example")
    assert set(store.handles) == {"email:form@shop.example"}


def test_a_mail_in_no_thread_is_a_ticket_of_its_own():
    assert outcomes(MAIL, a_message()) == [Outcome.QUEUED, Outcome.QUEUED]


def test_a_canonical_mail_answers_the_id_of_another():
    def canonical(external_id: str, **fields: object) -> InboundMessage:
        message = a_message(external_id=external_id, **fields)
        return message._replace(thread=message.thread._replace(message_id=None))

    one, two = canonical("<a@mail.example>"), canonical("b@mail.example", in_reply_to="a@mail.example")
    three = canonical("c@mail.example", in_reply_to="b@mail.example")
    assert outcomes(one, two, three) == [Outcome.QUEUED, Outcome.CONTINUED, Outcome.CONTINUED]


def test_a_providers_thread_holds_mails_together():
    assert outcomes(a_message(key="t1"), a_message(key="t1"), a_message(key="t2")) == [
        Outcome.QUEUED,
        Outcome.CONTINUED,
        Outcome.QUEUED,
    ]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_strangers_in_one_mail_thread_have_a_ticket_each_in_either_order(order: tuple[int, int]):
    mails = [MAIL, reply(sender=an_email("bob@example.com"))]
    store = take_in([mails[i] for i in order])
    assert [received.outcome for received in store.received.values()] == [Outcome.QUEUED, Outcome.QUEUED]
    assert len(store.customers) == 2


def test_who_was_copied_answers_in_the_thread():
    bob = an_email("bob@example.com")
    assert outcomes(MAIL._replace(recipients=(bob,)), reply(sender=bob)) == [Outcome.QUEUED, Outcome.CONTINUED]


def test_an_outsider_who_quotes_a_number_begins_a_ticket():
    quoting = {"subject": "Re: [#1] Parcel"}
    assert outcomes(MAIL, a_message(**quoting)) == [Outcome.QUEUED, Outcome.CONTINUED]
    assert outcomes(MAIL, a_message(an_email("bob@example.com"), **quoting)) == [Outcome.QUEUED, Outcome.QUEUED]


def test_our_token_leads_anybody_to_the_conversation_and_a_forged_one_nobody():
    bob = an_email("bob@example.com")
    ours = a_message(bob, tokens=(make_token(SECRET, 1, 1),))
    forged = a_message(bob, tokens=(make_token(b"another secret", 1, 1),))
    assert outcomes(MAIL, ours) == [Outcome.QUEUED, Outcome.CONTINUED]
    assert outcomes(MAIL, forged) == [Outcome.QUEUED, Outcome.QUEUED]


@pytest.mark.parametrize(
    ("owner", "colleague", "route"),
    [
        ("ada@example.com", "bob@example.com", "returning"),
        ("ada@vip.example", "bob@example.com", "vip"),
        ("ada@example.com", "bob@vip.example", "returning"),
    ],
)
def test_whoever_writes_in_a_thread_its_ticket_is_classified_and_routed_for_its_customer(owner, colleague, route):
    def answered_by(address: str) -> FakeIntake:
        store = resolve_all(take_in([a_message(an_email(owner))]), ago=timedelta(hours=2))
        return take_in([a_message(an_email(address), tokens=(make_token(SECRET, 1, 1),))], store=store)

    mine, theirs = (answered_by(address).tickets[2] for address in (owner, colleague))
    assert (mine.route, mine.customer_id) == (route, 1)
    assert (theirs.route, theirs.triage, theirs.customer_id) == (mine.route, mine.triage, mine.customer_id)


def test_our_token_leads_nobody_to_a_conversation_whose_customer_was_erased():
    store = take_in([MAIL])
    [conversation] = store.conversations.values()
    nobody = Handle(kind=HandleKind.USER, value=ERASED, scope=ERASED)
    store.conversations[conversation.id] = conversation._replace(reply_to=nobody, thread_key=None)
    tokens = (make_token(SECRET, conversation.id, 1),)
    assert outcomes(a_message(an_email("bob@example.com"), tokens=tokens), store=store) == [Outcome.QUEUED]
    bounce = a_message(an_email("mailer-daemon@mail.example"), tokens=tokens, automatic=Automatic.BOUNCE)
    assert outcomes(bounce, store=store) == [Outcome.SET_ASIDE]


def test_an_answer_to_a_resolved_ticket_reopens_it_for_a_new_wait():
    store = resolve_all(take_in([MAIL]), ago=timedelta(minutes=30))
    assert outcomes(reply(), store=store) == [Outcome.REOPENED]
    [ticket], [customer] = store.tickets.values(), store.customers.values()
    assert (ticket.state, ticket.reopened_count, ticket.resolved_at) == (TicketState.QUEUED, 1, None)
    assert ticket.wait.enqueued_at > NOON + timedelta(minutes=29)
    assert customer.reopened_count == 1
    assert len(customer.contacts) == 2


def test_an_answer_that_comes_too_late_begins_a_new_ticket_in_the_same_conversation():
    store = resolve_all(take_in([MAIL]), ago=timedelta(hours=2))
    assert outcomes(reply(), store=store) == [Outcome.QUEUED]
    [conversation] = store.conversations.values()
    assert len(store.tickets) == 2
    assert conversation.ticket_id == max(store.tickets)


def test_a_returning_customers_ticket_is_reserved_for_the_last_agent():
    store = resolve_all(take_in([MAIL]), ago=timedelta(hours=2))
    [customer_id] = store.customers
    store.customers[customer_id] = store.customers[customer_id]._replace(last_agent_id=7)
    take_in([a_message()], store=store)
    wait = store.tickets[max(store.tickets)].wait
    assert (wait.reserved_for, wait.reserved_until) == (7, wait.enqueued_at + timedelta(minutes=10))


def changed(store: FakeIntake, *, wait: Mapping[str, object] | None = None, **fields: object) -> FakeIntake:
    """The store after something else has happened to its only ticket."""
    [ticket] = store.tickets.values()
    store.tickets[ticket.id] = ticket._replace(wait=ticket.wait._replace(**wait or {}), **fields)
    return store


def test_an_answer_wakes_a_ticket_that_was_put_aside_for_whoever_did_so():
    store = changed(take_in([MAIL]), state=TicketState.SNOOZED, wait={"reserved_for": 7, "relaxed": 2})
    store.now += timedelta(days=3)
    take_in([reply()], store=store)
    [ticket] = store.tickets.values()
    wait = ticket.wait
    assert (ticket.state, wait.due_at) == (TicketState.QUEUED, wait.enqueued_at + timedelta(hours=4))
    assert (wait.reserved_for, wait.reserved_until) == (7, wait.enqueued_at + timedelta(minutes=10))
    assert (wait.relaxed, wait.relax_at) == (0, wait.enqueued_at + timedelta(hours=1))
    assert (store.events[-1].kind, store.events[-1].data["reason"]) == ("queue", "woken")


def test_an_answer_in_wrap_up_goes_to_the_agent_who_still_has_the_ticket():
    store = changed(take_in([MAIL]), state=TicketState.WRAP_UP, assigned_to=7)
    [customer] = store.customers.values()
    store.customers[customer.id] = customer.with_outcome(customer.contacts[0].ticket_id, ContactOutcome.RESOLVED)
    take_in([reply()], store=store)
    [ticket], [customer] = store.tickets.values(), store.customers.values()
    assert (ticket.state, ticket.assigned_to) == (TicketState.ASSIGNED, 7)
    assert [contact.outcome for contact in customer.contacts] == ["open"]


@pytest.mark.parametrize("state", [TicketState.QUEUED, TicketState.OFFERED, TicketState.ASSIGNED])
def test_an_answer_leaves_everything_else_where_it_is(state: TicketState):
    store = changed(take_in([MAIL]), state=state, wait={"relaxed": 1})
    [before] = store.tickets.values()
    take_in([reply()], store=store)
    [after] = store.tickets.values()
    assert after == before._replace(last_customer_at=after.last_customer_at)


CHAT = a_message(a_user("v1"), channel=Channel.CHAT, key="s1")
LEFT = a_message(a_user("v1"), channel=Channel.CHAT, key="s1", text="", automatic=Automatic.LEFT)


def test_a_visitor_who_leaves_while_nobody_has_answered_abandons_the_ticket():
    store = take_in([CHAT], [LEFT])
    [ticket], [customer] = store.tickets.values(), store.customers.values()
    assert ticket.state is TicketState.ABANDONED
    assert [contact.outcome for contact in customer.contacts] == ["abandoned"]
    assert (store.events[-1].kind, store.events[-1].data["reason"]) == ("abandon", "left")


def test_whoever_leaves_and_comes_back_begins_a_new_ticket():
    store = take_in([CHAT], [LEFT], [a_message(a_user("v1"), channel=Channel.CHAT, key="s1")])
    assert [ticket.state for ticket in store.tickets.values()] == [TicketState.ABANDONED, TicketState.QUEUED]


def test_a_visitor_who_leaves_while_the_ticket_is_offered_ends_the_offer_with_it():
    store = changed(take_in([CHAT]), state=TicketState.OFFERED, assigned_to=7)
    take_in([LEFT], store=store)
    [ticket] = store.tickets.values()
    assert (ticket.state, ticket.assigned_to, store.events[-1].was) == (TicketState.ABANDONED, None, "offered")


def test_a_visitor_who_had_an_answer_may_leave():
    store = changed(take_in([CHAT]), first_reply_at=NOON)
    take_in([LEFT], store=store)
    [ticket] = store.tickets.values()
    assert ticket.state is TicketState.QUEUED


@pytest.mark.parametrize(
    ("state", "kind", "reason"),
    [
        (TicketState.QUEUED, "receive", "joined"),
        (TicketState.WRAP_UP, "receive", "joined"),
        (TicketState.SNOOZED, "queue", "woken"),
    ],
)
def test_a_message_from_another_channel_says_that_it_joined_also_where_it_wakes_the_ticket(
    state: TicketState, kind: str, reason: str
):
    store = changed(take_in([MAIL]), state=state)
    take_in([SMS], store=store)
    event = store.events[-1]
    assert (event.kind, event.data["reason"]) == (kind, reason)
    assert (event.data["joined"], event.data["route"]) == (True, "returning")


@pytest.mark.parametrize("state", [TicketState.ASSIGNED, TicketState.SNOOZED])
def test_a_visitor_who_leaves_an_agent_leaves_the_end_to_the_agent(state: TicketState):
    store = changed(take_in([CHAT]), state=state)
    take_in([LEFT], store=store)
    [ticket] = store.tickets.values()
    assert (ticket.state, store.events[-1].kind) == (state, "receive")


def test_where_the_queue_does_not_allow_it_nothing_is_abandoned():
    store = take_in([a_message(a_user("v1"), channel=Channel.CHAT, key="s1", text="My lawyer will sue")], [LEFT])
    [ticket] = store.tickets.values()
    assert (ticket.queue, ticket.state) == ("expert", TicketState.QUEUED)


def test_a_wait_is_relaxed_by_the_first_step_of_its_route():
    [ticket] = take_in([MAIL]).tickets.values()
    assert ticket.wait.relax_at == ticket.wait.enqueued_at + timedelta(hours=1)
    [other] = take_in([a_message(channel=Channel.CHAT)]).tickets.values()
    assert other.wait.relax_at is None


def test_another_channel_joins_the_open_ticket_of_the_same_team():
    store = take_in([MAIL, SMS])
    [ticket], [customer] = store.tickets.values(), store.customers.values()
    assert store.received[SMS.key].outcome is Outcome.JOINED
    assert {conversation.ticket_id for conversation in store.conversations.values()} == {ticket.id}
    assert [contact.channel for contact in customer.contacts] == ["email", "sms"]


def test_another_channel_does_not_join_a_ticket_of_another_team():
    sms = a_message(a_phone(), "My lawyer will write", channel=Channel.SMS, also=(an_email(verified=True),))
    assert outcomes(MAIL, sms) == [Outcome.QUEUED, Outcome.QUEUED]


def test_the_same_message_again_changes_nothing():
    store = take_in([MAIL])
    before = replace(store, messages=list(store.messages), events=list(store.events), tickets=dict(store.tickets))
    take_in([MAIL, MAIL], store=store)
    assert (store.messages, store.events, store.tickets) == (before.messages, before.events, before.tickets)


def test_sessions_of_one_customer_continue_until_they_fall_silent():
    def chat(**fields: object) -> InboundMessage:
        return a_message(a_user(), channel=Channel.CHAT, **fields)

    store = take_in([chat(key="s1"), chat(key="s2")])
    assert [received.outcome for received in store.received.values()] == [Outcome.QUEUED, Outcome.CONTINUED]
    store.now += timedelta(days=2)
    take_in([chat()], store=store)
    assert [conversation.is_open for conversation in store.conversations.values()] == [False, True]


def test_the_same_session_id_does_not_lead_to_another_customer():
    ada, bob = (a_message(a_user(name), channel=Channel.CHAT, key="s1") for name in ("ada", "bob"))
    assert outcomes(ada, bob) == [Outcome.QUEUED, Outcome.QUEUED]


def test_a_possible_same_customer_is_a_suggestion_in_the_tickets_history():
    chat = a_message(a_user(), channel=Channel.CHAT)
    both = a_message(a_user(), channel=Channel.CHAT, also=(an_email(verified=True),))
    store = take_in([MAIL, chat, both])
    assert len(store.customers) == 2
    assert store.events[-1].data["maybe_same_as"] == [1]


def test_the_history_says_why():
    [event] = take_in([MAIL]).events
    assert event.data == {
        "identify": "no handle is known",
        "thread": "none",
        "reason": "new",
        "complexity": "simple",
        "probability": pytest.approx(0.269),
        "route": "rest",
        "queue": "general",
        "policy_version": POLICY.version,
        "message": 1,
    }


def test_handles_of_every_kind_stay_apart():
    same = [a_message(replace(a_user("1"), kind=kind), channel=Channel.CHAT) for kind in HandleKind]
    assert len(take_in(same).customers) == len(HandleKind)
