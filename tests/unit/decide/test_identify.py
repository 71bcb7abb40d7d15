"""Whose message is it: handles that somebody vouches for count, claims do not, and nobody is merged by the machine."""

import pytest

from channels.message import Channel, Handle
from router.decide.identify import Identity, identify
from router.domain.customer import CustomerId, KnownHandle
from tests.making.messages import a_message, a_phone, a_user, an_email

ADA, BOB, CYD = CustomerId(1), CustomerId(2), CustomerId(3)


def identified(sender: Handle, *also: Handle, known: dict[Handle, CustomerId] | None = None) -> Identity:
    owners = {h.key: KnownHandle(key=h.key, customer_id=id_, verified=h.verified) for h, id_ in (known or {}).items()}
    return identify(a_message(sender, channel=Channel.CHAT, also=also), owners)


mail, vouched_mail = an_email(), an_email(verified=True)
phone, claimed_phone = a_phone(), a_phone(verified=False)
chat = a_user()


@pytest.mark.parametrize(
    ("case", "sender", "also", "known", "customer"),
    [
        ("a stranger", mail, (), {}, None),
        ("a stranger with a stranger's number", mail, (phone,), {}, None),
        ("a known sender", mail, (), {mail: ADA}, ADA),
        ("a stranger whose number is vouched for", mail, (phone,), {phone: ADA}, ADA),
        ("a stranger who claims a number", mail, (claimed_phone,), {phone: ADA}, None),
        ("a known sender with another's number", mail, (phone,), {mail: ADA, phone: BOB}, ADA),
        ("a known sender who claims another's number", mail, (claimed_phone,), {mail: ADA, phone: BOB}, ADA),
        ("a stranger with the numbers of two", chat, (phone, vouched_mail), {phone: ADA, mail: BOB}, ADA),
    ],
)
def test_the_senders_own_handle_decides_then_what_the_provider_vouches_for(case, sender, also, known, customer):
    assert identified(sender, *also, known=known).customer_id == customer


@pytest.mark.parametrize(
    ("case", "sender", "also", "known", "adopted"),
    [
        ("a new sender", mail, (), {}, (mail,)),
        ("a new sender with a vouched number", mail, (phone,), {}, (mail, phone)),
        ("a claimed number", mail, (claimed_phone,), {}, (mail,)),
        ("a known sender with a new number", mail, (phone,), {mail: ADA}, (phone,)),
        ("everything known", mail, (phone,), {mail: ADA, phone: ADA}, ()),
        ("a handle vouched for at last", chat, (vouched_mail,), {chat: ADA, mail: ADA}, (vouched_mail,)),
        ("a handle vouched for before", mail, (), {vouched_mail: ADA}, ()),
        ("another's verified number", mail, (phone,), {mail: ADA, phone: BOB}, ()),
        ("another's unverified address", chat, (vouched_mail,), {chat: ADA, mail: BOB}, ()),
    ],
)
def test_handles_are_adopted_if_they_are_new_or_newly_vouched_for_and_nobody_elses(case, sender, also, known, adopted):
    assert identified(sender, *also, known=known).adopt == adopted


@pytest.mark.parametrize(
    ("case", "also", "known", "suggested"),
    [
        ("one's own number", (phone,), {chat: ADA, phone: ADA}, ()),
        ("another's number", (phone,), {chat: ADA, phone: BOB}, (BOB,)),
        ("two others", (phone, vouched_mail), {chat: ADA, phone: BOB, mail: CYD}, (BOB, CYD)),
        ("the same other twice", (phone, vouched_mail), {chat: ADA, phone: BOB, mail: BOB}, (BOB,)),
        ("a claim", (claimed_phone,), {chat: ADA, phone: BOB}, ()),
        ("a stranger", (phone, vouched_mail), {phone: ADA, mail: BOB}, (BOB,)),
    ],
)
def test_other_customers_are_suggested_where_the_provider_vouches_and_never_merged(case, also, known, suggested):
    assert identified(chat, *also, known=known).same_as == suggested


def test_it_says_what_kind_of_handle_told_and_never_the_handle():
    assert identified(mail, phone, known={phone: ADA}).because == "phone handle is known"
    assert identified(mail).because == "no handle is known"
