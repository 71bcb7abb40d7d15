"""What holds for every sequence of messages, however it is cut, shuffled and repeated."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from channels.message import Channel, InboundMessage
from router.domain.ticket import TicketState
from tests.making.intake import MAILROOM, deliver, resolve_all, take_in
from tests.making.messages import a_message, a_user, an_email
from tests.properties.correspondence import correspondence, picture, without_what_leads_elsewhere
from tests.watching.lives import illegal_changes

some_messages = correspondence(["ada", "bob"])
long_resolved = st.sampled_from([timedelta(minutes=5), timedelta(hours=2)])
thorough = settings(max_examples=120, deadline=None)

# Rare in the random ones: a provider vouches for an address that somebody else has written from.
BOBS_ADDRESS = [
    a_message(an_email("bob@example.com")),
    a_message(a_user("ada"), channel=Channel.CHAT),
    a_message(a_user("ada"), channel=Channel.CHAT, also=(an_email("bob@example.com", verified=True),)),
    a_message(an_email("bob@example.com")),
]


@thorough
@given(some_messages)
@example(BOBS_ADDRESS)
def test_a_batch_gives_what_its_messages_give_one_by_one(messages: list[InboundMessage]):
    assert take_in(messages) == one_by_one(messages)


@thorough
@given(some_messages, some_messages, long_resolved)
def test_a_batch_of_follow_ups_gives_what_its_messages_give_one_by_one(
    earlier: list[InboundMessage], messages: list[InboundMessage], ago: timedelta
):
    follow_ups = later(messages)

    def after_the_first_round(*batches: Sequence[InboundMessage]):
        return take_in(*batches, store=resolve_all(take_in(earlier), ago=ago))

    assert after_the_first_round(follow_ups) == after_the_first_round(*([message] for message in follow_ups))


@thorough
@given(some_messages, some_messages, long_resolved)
def test_every_change_of_a_ticket_follows_an_arrow(
    earlier: list[InboundMessage], messages: list[InboundMessage], ago: timedelta
):
    first = take_in(earlier)
    begun = {ticket.id: ticket.state for ticket in first.tickets.values()}
    second = take_in(later(messages), store=resolve_all(first, ago=ago))
    for ticket in second.tickets.values():
        resolved = [TicketState.RESOLVED] if ticket.id in begun else []
        assert illegal_changes([begun.get(ticket.id, ticket.state), *resolved, ticket.state]) == []


@thorough
@given(some_messages, st.data())
def test_any_split_into_batches_gives_the_same_tickets(messages: list[InboundMessage], data: st.DataObject):
    cuts = data.draw(st.sets(st.integers(0, len(messages))), label="cuts")
    ends = sorted({0, len(messages), *cuts})
    assert take_in(*(messages[start:end] for start, end in pairwise(ends))) == take_in(messages)


@thorough
@given(correspondence(["ada", "bob"]), correspondence(["cyd", "dan"]), st.randoms(use_true_random=False))
def test_messages_of_different_customers_commute(ours: list[InboundMessage], theirs: list[InboundMessage], random):
    ours, theirs = ([without_what_leads_elsewhere(message) for message in side] for side in (ours, theirs))
    turns = [ours] * len(ours) + [theirs] * len(theirs)
    random.shuffle(turns)
    sides = {id(ours): iter(ours), id(theirs): iter(theirs)}
    shuffled = [next(sides[id(side)]) for side in turns]
    assert picture(take_in(shuffled)) == picture(take_in(ours + theirs))


@thorough
@given(some_messages, st.data())
def test_repeated_deliveries_change_nothing(messages: list[InboundMessage], data: st.DataObject):
    sent = [MAILROOM.deliver(message) for message in messages]
    repeated = list(sent)
    for original in data.draw(st.lists(st.sampled_from(range(len(sent))), max_size=6), label="repeated"):
        first = repeated.index(sent[original])
        again = MAILROOM.deliver(messages[original], redelivered=data.draw(st.booleans()))
        repeated.insert(data.draw(st.integers(first + 1, len(repeated))), again)
    cut = data.draw(st.integers(0, len(repeated)), label="cut")
    assert picture(deliver(repeated[:cut], repeated[cut:])) == picture(deliver(sent))


def one_by_one(messages: Sequence[InboundMessage]):
    return take_in(*([message] for message in messages))


def later(messages: Sequence[InboundMessage]) -> list[InboundMessage]:
    """The same once more, under other ids."""
    return [rename(message, f"later-{message.external_id}") for message in messages]


def rename(message: InboundMessage, external_id: str) -> InboundMessage:
    return message._replace(external_id=external_id, thread=message.thread._replace(message_id=external_id))
