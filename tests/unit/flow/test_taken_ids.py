"""Several messages under one id: each is taken in once, as itself, and the id of another leads it nowhere."""

import hashlib

import pytest

from channels.message import Automatic, Channel, Handle, InboundMessage
from router.decide.repeat import TAKEN
from router.flow.intake.changes import Outcome, Received
from tests.fakes.intake import FakeIntake
from tests.making.intake import MAILROOM, deliver, take_in
from tests.making.messages import a_message, a_phone, a_user, an_email

FIRST = "first@mail.example"
ADA, BOB = an_email("ada@example.com"), an_email("bob@example.com")
MAIL = a_message(ADA, "Where is my parcel?", external_id=FIRST, subject="Parcel")
NUMBER = a_phone("+49151555002")


def of(store: FakeIntake) -> list[tuple[str, int | None, bool]]:
    """The text of each message, its conversation, and whether it is marked."""
    return [(m.message.text, m.conversation_id, TAKEN in m.message.attributes) for m in store.messages]


@pytest.mark.parametrize(
    ("first", "sender"),
    [
        (MAIL, ADA),
        (MAIL, BOB),
        (a_message(a_phone(), channel=Channel.SMS), NUMBER),
        (a_message(a_user(scope="whatsapp"), channel=Channel.SOCIAL), a_user("eve", scope="whatsapp")),
        (a_message(a_user(), channel=Channel.CHAT, key="visit"), a_user("eve")),
    ],
)
def test_other_words_under_a_known_id_are_a_ticket_of_their_own(first: InboundMessage, sender: Handle):
    other = first._replace(sender=sender, text="Close my account.")
    store = take_in([first, other])
    assert [text for text, _, _ in of(store)] == [first.text, "Close my account."]
    assert [marked for _, _, marked in of(store)] == [False, True]
    assert len(store.tickets) == len({conversation for _, conversation, _ in of(store)}) == 2
    assert [TAKEN in line.data for line in store.events] == [False, True]
    assert (store.received[first.key].outcome, store.unprocessable) == (Outcome.QUEUED, [])


def test_other_words_of_the_same_person_continue_what_they_would_without_an_id():
    first = a_message(a_phone(), channel=Channel.SMS)
    store = take_in([first, first._replace(text="Any news?")])
    assert len(store.tickets) == 1
    assert [marked for _, _, marked in of(store)] == [False, True]


@pytest.mark.parametrize("split", [1, 2, 3, 6])
def test_each_of_two_changes_nothing_when_it_comes_again(split: int):
    other = MAIL._replace(text="Close my account.", sender=BOB)
    messages = [MAIL, other, MAIL, other, other, MAIL]
    store = take_in(*(messages[at : at + split] for at in range(0, len(messages), split)))
    assert len(store.messages) == len(store.tickets) == len(store.events) == 2


def test_a_taken_id_is_known_after_the_first_message_is_forgotten():
    other = MAIL._replace(text="Close my account.")
    store = take_in([MAIL, other])
    del store.received[MAIL.key]
    take_in([other], store=store)
    assert len(store.messages) == 2


def test_an_answer_to_an_id_of_two_leads_to_the_mail_of_whoever_answers():
    store = take_in([MAIL._replace(text="Forged.", sender=BOB), MAIL])
    take_in([a_message(ADA, "And?", in_reply_to=FIRST), a_message(BOB, "So?", references=[FIRST])], store=store)
    conversations = {text: conversation for text, conversation, _ in of(store)}
    assert conversations["And?"] == conversations[MAIL.text] != conversations["Forged."] == conversations["So?"]


def test_a_taken_id_that_a_mail_names_itself_leads_nowhere():
    selfish = MAIL._replace(text="Me too.", thread=MAIL.thread._replace(in_reply_to=FIRST, references=(FIRST,)))
    store = take_in([MAIL, selfish])
    assert len(store.tickets) == 2


def test_evidence_of_its_own_leads_a_message_with_a_taken_id():
    begun = a_message(ADA, "Hello", external_id="begun@mail.example")
    other = MAIL._replace(text="More", thread=MAIL.thread._replace(in_reply_to="begun@mail.example"))
    store = take_in([begun, MAIL, other])
    conversations = {text: conversation for text, conversation, _ in of(store)}
    assert conversations["More"] == conversations["Hello"] != conversations[MAIL.text]


def test_an_automatic_message_with_a_taken_id_is_marked_where_it_is_attached():
    again = a_message(ADA, "I am away", external_id=FIRST, in_reply_to="begun@mail.example")
    store = take_in([a_message(ADA, external_id="begun@mail.example"), MAIL])
    take_in([again._replace(automatic=Automatic.OUT_OF_OFFICE)], store=store)
    assert (store.events[-1].data["automatic"], TAKEN in store.events[-1].data) == (Automatic.OUT_OF_OFFICE, True)


@pytest.mark.parametrize("elsewhere", [{"account": "sales@acme.example"}, {"channel": Channel.SOCIAL}])
def test_the_same_id_on_another_account_or_channel_is_another_id(elsewhere: dict[str, str]):
    store = take_in([MAIL, MAIL._replace(**elsewhere)])
    assert [marked for _, _, marked in of(store)] == [False, False]
    assert store.namesakes == {}


@pytest.mark.parametrize(
    ("number", "provider", "key"),
    [
        ("+551199990001", "whatsapp", "phone:+551199990001"),
        ("+5491155550001", "whatsapp", "phone:+5491155550001"),
        ("+5215555550001", "whatsapp", "phone:+525555550001"),
        ("+22997000001", "whatsapp", "user:whatsapp:22997000001"),
        ("+22507000001", "twilio", "user:twilio:+22507000001"),
    ],
)
def test_what_an_earlier_release_recorded_under_another_spelling_is_the_same_message(
    number: str, provider: str, key: str
):
    message = a_message(a_phone(number), channel=Channel.SOCIAL, provider=provider)
    before = message._fingerprint(key)
    store = FakeIntake(received={message.key: Received(message.key, before, Outcome.QUEUED)})
    take_in([message], store=store)
    assert store.messages == []
    take_in([message._replace(text="Something else")], store=store)
    assert len(store.messages) == 1


def test_the_same_bytes_are_the_same_message_whatever_another_release_read_in_them():
    delivery = MAILROOM.deliver(MAIL)
    received = Received(MAIL.key, b"as another release read it", Outcome.QUEUED)
    known = received._replace(payload_hash=hashlib.sha256(delivery.body).digest())
    assert deliver([delivery], store=FakeIntake(received={MAIL.key: known})).messages == []
    assert len(deliver([delivery], store=FakeIntake(received={MAIL.key: received})).messages) == 1
