"""Hypothesis strategies for adversarial sequences of messages, and what a store has made of one, comparable."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from channels.message import Automatic, Channel, Handle, InboundMessage
from router.domain.mail_token import make_token
from tests.fakes.intake import FakeIntake
from tests.making.intake import SECRET
from tests.making.messages import a_message, a_phone, a_user, an_email


def handles_of(person: str) -> dict[Channel, Handle]:
    """One person's handle on each channel; SMS and social share the number."""
    number = f"+4915155500{ord(person[0]) % 10}"
    return {
        Channel.EMAIL: an_email(f"{person}@example.com"),
        Channel.CHAT: a_user(person),
        Channel.SMS: a_phone(number),
        Channel.SOCIAL: a_phone(number),
    }


def correspondence(people: Sequence[str], *, at_most: int = 12) -> st.SearchStrategy[list[InboundMessage]]:
    """What these people write: in threads and out of them, under equal ids, naming handles, numbers and tokens."""
    return st.lists(_messages(people), min_size=1, max_size=at_most)


@st.composite
def _messages(draw: st.DrawFn, people: Sequence[str]) -> InboundMessage:
    person = draw(st.sampled_from(people))
    channel = draw(st.sampled_from(Channel))
    ids = st.sampled_from([f"{person}-{number}" for person in people for number in range(3)])
    others = st.sampled_from([handle for person in people for handle in handles_of(person).values()])
    return a_message(
        handles_of(person)[channel],
        draw(st.sampled_from(["Hello", "My lawyer will write"])),
        channel=channel,
        external_id=f"{person}-{draw(st.integers(0, 5))}",
        subject=draw(st.sampled_from([None, None, "Re: [#1] Hello", "Re: [#3] Hello"])),
        references=draw(st.lists(ids, max_size=2)),
        in_reply_to=draw(st.none() | ids),
        key=draw(st.none() | st.sampled_from([f"{people[0]}-thread", f"{people[-1]}-thread"])),
        tokens=draw(st.just(()) | st.integers(1, 4).map(lambda n: (make_token(SECRET, n, 1),))),
        also=tuple(replace(draw(others), verified=draw(st.booleans())) for _ in range(draw(st.integers(0, 2)))),
        recipients=(an_email("support@acme.example"), *draw(st.lists(others, max_size=1))),
        automatic=draw(st.sampled_from([None, None, None, Automatic.OUT_OF_OFFICE])),
    )


def without_what_leads_elsewhere(message: InboundMessage) -> InboundMessage:
    """The message without tokens and quoted numbers, which may lead to anybody's conversation."""
    return message._replace(subject=None, thread=message.thread._replace(tokens=()))


def picture(store: FakeIntake) -> object:
    """What a store holds without ids and times: two stores with equal pictures tell agents the same."""
    tickets = {id_: frozenset(m.message.key for m in store.messages if m.ticket_id == id_) for id_ in store.tickets}
    owners = {
        id_: frozenset(key for key, h in store.handles.items() if h.customer_id == id_) for id_ in store.customers
    }
    return (
        frozenset((key, r.fingerprint, r.outcome, tickets.get(r.ticket_id)) for key, r in store.received.items()),
        frozenset((key, r.outcome, tickets.get(r.ticket_id)) for key, r in store.namesakes.items()),
        frozenset((key, h.verified, owners[h.customer_id]) for key, h in store.handles.items()),
        frozenset(
            (
                owners[id_],
                customer.reopened_count,
                tuple((c.channel, c.queue, tickets[c.ticket_id], c.outcome) for c in customer.contacts),
            )
            for id_, customer in store.customers.items()
        ),
        frozenset(
            (
                owners[c.customer_id],
                c.channel,
                c.thread_key,
                c.reply_to,
                c.is_open,
                c.participants,
                tickets[c.ticket_id],
            )
            for c in store.conversations.values()
        ),
        frozenset(
            (
                tickets[t.id],
                owners[t.customer_id],
                t.state,
                t.channel,
                (t.route, t.target, t.policy_version, t.wait.requirement),
                t.reopened_count,
                t.triage.probability,
            )
            for t in store.tickets.values()
        ),
        frozenset((kept.flaw.key, kept.flaw.reason, kept.delivery.body) for kept in store.unprocessable),
    )
