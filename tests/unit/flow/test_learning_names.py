"""The customer's name is the latest that is one, for each handle and for the customer."""

from dataclasses import replace

import pytest

from channels.message import Channel, Handle
from tests.making.intake import take_in
from tests.making.messages import a_message, a_phone, a_user, an_email


def called(name: str | None, handle: Handle | None = None) -> Handle:
    return replace(handle or an_email(), name=name)


@pytest.mark.parametrize(
    ("names", "learnt"),
    [
        ([None], None),
        (["ada@example.com"], None),
        (["ada@example.com", "Ada Example"], "Ada Example"),
        ([None, "Ada Example", None], "Ada Example"),
        (["Ada Example", "ada@example.com"], "Ada Example"),
        (["Ada Example", "Ada King"], "Ada King"),
        (["Ada King", "Ada Example", "Ada King"], "Ada King"),
    ],
)
@pytest.mark.parametrize("in_one_batch", [True, False])
def test_the_latest_name_is_learnt(names: list[str | None], learnt: str | None, in_one_batch: bool):
    messages = [a_message(called(name)) for name in names]
    store = take_in(messages) if in_one_batch else take_in(*([message] for message in messages))
    [customer] = store.customers.values()
    assert (customer.name, store.handles[an_email().key].name) == (learnt, learnt)
    assert [stored.message.sender.name for stored in store.messages] == names


def test_each_handle_keeps_the_name_that_came_with_it():
    phone = called("Ada on the phone", a_phone())
    store = take_in(
        [a_message(called("Ada Example"))],
        [a_message(called(None, a_user()), channel=Channel.CHAT, also=(phone, replace(an_email(), verified=True)))],
    )
    [customer] = store.customers.values()
    assert customer.name == "Ada on the phone"
    assert store.handles[an_email().key].name == "Ada Example"
    assert store.handles[a_phone().key].name == "Ada on the phone"


def test_a_claimed_address_teaches_no_name():
    store = take_in(
        [a_message(called("Ada Example"))],
        [a_message(called("Mallory", a_user()), channel=Channel.CHAT, also=(called("Mallory"),))],
    )
    assert sorted(str(customer.name) for customer in store.customers.values()) == ["Ada Example", "Mallory"]
    assert store.handles[an_email().key].name == "Ada Example"


def test_somebody_else_in_the_conversation_renames_nobody():
    first = a_message(called("Ada Example"), recipients=(an_email("bob@example.com"),))
    other = a_message(called("Bob", an_email("bob@example.com")), in_reply_to=first.external_id)
    store = take_in([first], [other])
    assert sorted(str(customer.name) for customer in store.customers.values()) == ["Ada Example", "Bob"]
