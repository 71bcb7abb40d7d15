"""Where does a message belong: the strongest evidence that holds, windows of silence, reopening, joining channels."""

from datetime import timedelta

import pytest

from channels.message import Channel, InboundMessage
from router.decide.thread import Candidates, Evidence, Thread, find_thread, follow_up, joins, ticket_number
from router.domain.conversation import Conversation, ConversationId
from router.domain.customer import CustomerId
from router.domain.ticket import Ticket, TicketId, TicketState
from router.domain.triage import Complexity, Routing, Triage
from router.domain.wait import Wait, requirement
from router.policy.parse import parse_policy
from tests.making.messages import a_message, a_user, an_email
from tests.making.moments import DAY, HOUR, MINUTE, NOON

POLICY = parse_policy("""
teams:
  frontline: {takes: any}
  specialists: {takes: any}
queues:
  always: {team: frontline, reopen: always}
  never: {team: frontline, reopen: never}
  two-days: {team: specialists, reopen: 2d}
routes: [{name: rest, queue: always, target: 4h}]
triage: {bias: -1}
threading: {window: {chat: 30m}}
""")

ADA, BOB = CustomerId(1), CustomerId(2)
BOBS_MAIL = an_email("bob@example.com")


def a_conversation(number: int = 1, *, customer: CustomerId = ADA, silent_for: timedelta = MINUTE, **fields: object):
    message = a_message(an_email())
    defaults = {"channel": Channel.EMAIL, "participants": frozenset({an_email().key})}
    return Conversation(
        id=ConversationId(number),
        customer_id=customer,
        provider=message.provider,
        account=message.account,
        reply_to=message.sender,
        created_at=NOON,
        last_message_at=NOON - silent_for,
        **{**defaults, **fields},
    )


def thread_of(message: InboundMessage | None = None, customer: CustomerId | None = ADA, **found: object) -> Thread:
    return find_thread(message or a_message(), customer, Candidates(**found), POLICY.threading, NOON)


STRONGEST_FIRST = {
    Evidence.TOKEN: {"tokened": a_conversation(1)},
    Evidence.REFERENCE: {"referenced": (a_conversation(2),)},
    Evidence.THREAD_KEY: {"keyed": a_conversation(3)},
    Evidence.OPEN_CONVERSATION: {"open_here": a_conversation(4)},
    Evidence.TICKET_NUMBER: {"numbered": (a_conversation(5),)},
    Evidence.NONE: {},
}


@pytest.mark.parametrize("strongest", STRONGEST_FIRST)
def test_the_strongest_evidence_decides(strongest: Evidence):
    rank = list(STRONGEST_FIRST).index(strongest)
    found = {name: value for there in list(STRONGEST_FIRST.values())[rank:] for name, value in there.items()}
    assert thread_of(**found).evidence is strongest


@pytest.mark.parametrize("evidence", [e for e in STRONGEST_FIRST if e not in {Evidence.TOKEN, Evidence.NONE}])
def test_an_outsider_with_any_evidence_but_our_token_begins_a_thread_of_their_own(evidence: Evidence):
    outsider = a_message(BOBS_MAIL)
    assert thread_of(outsider, BOB, **STRONGEST_FIRST[evidence]) == Thread()
    assert thread_of(outsider, None, **STRONGEST_FIRST[evidence]) == Thread()


def test_our_signed_token_holds_for_whoever_has_it():
    assert thread_of(a_message(BOBS_MAIL), BOB, tokened=a_conversation(7)).conversation.id == 7


def test_who_took_part_may_answer_though_the_conversation_is_another_customers():
    copied = a_conversation(participants=frozenset({an_email().key, BOBS_MAIL.key}))
    assert thread_of(a_message(BOBS_MAIL), BOB, referenced=(copied,)).evidence is Evidence.REFERENCE


def test_the_latest_reference_that_holds_decides():
    of_others = a_conversation(1, customer=BOB, participants=frozenset())
    assert thread_of(referenced=(of_others, a_conversation(2), a_conversation(3))).conversation.id == 2


@pytest.mark.parametrize(
    ("channel", "silent_for", "evidence"),
    [
        (Channel.CHAT, 30 * MINUTE, Evidence.OPEN_CONVERSATION),
        (Channel.CHAT, 31 * MINUTE, Evidence.NONE),
        (Channel.SMS, 72 * HOUR, Evidence.OPEN_CONVERSATION),
        (Channel.SMS, 73 * HOUR, Evidence.NONE),
        (Channel.SOCIAL, 73 * HOUR, Evidence.NONE),
    ],
)
def test_a_conversation_ends_by_silence(channel: Channel, silent_for: timedelta, evidence: Evidence):
    here = a_conversation(channel=channel, silent_for=silent_for)
    assert thread_of(a_message(a_user(), channel=channel), open_here=here).evidence is evidence


def test_a_mail_thread_does_not_end():
    assert thread_of(keyed=a_conversation(silent_for=1000 * DAY)).evidence is Evidence.THREAD_KEY


@pytest.mark.parametrize(
    ("subject", "number"),
    [
        ("Re: [#42] Parcel", 42),
        ("[#42]", 42),
        ("Re: #42", None),
        ("[#]", None),
        ("[#4242424242424242424242]", None),
        ("", None),
        (None, None),
    ],
)
def test_a_subject_quotes_a_ticket_in_brackets(subject: str | None, number: int | None):
    assert ticket_number(subject) == number


def a_ticket(
    number: int = 1,
    *,
    queue: str = "always",
    state: TicketState = TicketState.QUEUED,
    ended: timedelta | None = None,
    channel: Channel = Channel.EMAIL,
    quiet_for: timedelta = MINUTE,
) -> Ticket:
    team = POLICY.queues[queue].team if queue in POLICY.queues else "gone"
    return Ticket(
        id=TicketId(number),
        customer_id=ADA,
        channel=channel,
        subject=None,
        state=state,
        triage=Triage(complexity=Complexity.SIMPLE, probability=0.2),
        route="rest",
        target=HOUR,
        policy_version="v1",
        wait=Wait(requirement=requirement(queue, team, (), "email"), enqueued_at=NOON - quiet_for, due_at=NOON),
        last_customer_at=NOON - quiet_for,
        created_at=NOON - quiet_for,
        resolved_at=None if ended is None else NOON - ended,
    )


RESOLVED, ABANDONED = TicketState.RESOLVED, TicketState.ABANDONED


@pytest.mark.parametrize(
    ("case", "ticket", "expected"),
    [
        ("no ticket", None, "begins_anew"),
        ("one that waits", a_ticket(), "continues"),
        ("one with an agent", a_ticket(state=TicketState.ASSIGNED), "continues"),
        ("one in wrap-up", a_ticket(state=TicketState.WRAP_UP), "continues"),
        ("one resolved long ago, always", a_ticket(state=RESOLVED, ended=1000 * DAY), "reopens"),
        ("one just resolved, never", a_ticket(queue="never", state=RESOLVED, ended=MINUTE), "begins_anew"),
        ("one resolved inside the time", a_ticket(queue="two-days", state=RESOLVED, ended=2 * DAY), "reopens"),
        ("one resolved outside", a_ticket(queue="two-days", state=RESOLVED, ended=2 * DAY + MINUTE), "begins_anew"),
        ("one of a queue that is gone", a_ticket(queue="gone", state=RESOLVED, ended=MINUTE), "begins_anew"),
        ("one that the customer left", a_ticket(state=ABANDONED), "begins_anew"),
    ],
)
def test_a_follow_up_continues_reopens_or_begins_anew(case: str, ticket: Ticket | None, expected: str):
    assert follow_up(ticket, POLICY, NOON) == expected


def joined(*tickets: Ticket, within: timedelta = HOUR, team: str = "frontline") -> int | None:
    routing = Routing("rest", requirement("general", team, (), "chat"), HOUR, "v1")
    ticket = joins(a_message(a_user(), channel=Channel.CHAT), routing, tickets, within, NOON)
    return ticket and ticket.id


@pytest.mark.parametrize(
    ("case", "tickets", "expected"),
    [
        ("a mail's ticket", [a_ticket(1)], 1),
        ("none", [], None),
        ("one of the same channel", [a_ticket(1, channel=Channel.CHAT)], None),
        ("one of another team", [a_ticket(1, queue="two-days")], None),
        ("one just inside the time", [a_ticket(1, quiet_for=HOUR)], 1),
        ("one outside", [a_ticket(1, quiet_for=HOUR + MINUTE)], None),
        ("the latest word", [a_ticket(1, quiet_for=MINUTE), a_ticket(2, quiet_for=2 * MINUTE)], 1),
        ("the latest ticket of one moment", [a_ticket(2), a_ticket(1)], 2),
    ],
)
def test_another_channel_joins_an_open_ticket_of_the_same_team(case: str, tickets: list[Ticket], expected: int | None):
    assert joined(*tickets) == expected


def test_channels_are_not_joined_where_the_policy_says_so():
    assert joined(a_ticket(), within=timedelta(0)) is None
