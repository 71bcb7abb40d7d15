"""What an answer looks like to the sender of its channel."""

from dataclasses import replace

import pytest

from channels.message import Channel, Handle, HandleKind
from router.domain.mail_token import read_token
from router.flow.work.compose import Addressed, MailIdentity, compose

MAIL = MailIdentity(secret=b"a sample secret", domain="mail.acme.example")
ADDRESSED = Addressed(
    conversation_id=7,
    message_id=19,
    channel=Channel.EMAIL,
    provider="acme",
    account="support@acme.example",
    reply_to=Handle(kind=HandleKind.EMAIL, value="ada@example.com"),
    subject="Invoice",
    thread_key="root@example.com",
)


@pytest.mark.parametrize(
    ("subject", "answer"),
    [
        ("Invoice", "Re: Invoice"),
        ("Re: Invoice", "Re: Invoice"),
        ("RE: Invoice", "RE: Invoice"),
        ("", "Re:"),
        (None, "Re:"),
    ],
)
def test_mail_keeps_its_subject_with_one_re(subject: str | None, answer: str):
    assert compose(replace(ADDRESSED, subject=subject), "Hello.", MAIL).subject == answer


def test_mail_is_marked_with_its_conversation():
    token = compose(ADDRESSED, "Hello.", MAIL).token_id
    assert token is not None
    assert read_token(MAIL.secret, token).conversation_id == 7


@pytest.mark.parametrize(
    ("root", "mail_ids", "references"),
    [
        ("root@x.example", ("root@x.example", "b@x.example"), ("root@x.example", "b@x.example")),
        ("root@x.example", ("b@x.example",), ("root@x.example", "b@x.example")),
        ("sha256:00", ("b@x.example",), ("b@x.example",)),
        (None, (), ()),
    ],
)
def test_mail_refers_to_its_ancestors_root_first(
    root: str | None, mail_ids: tuple[str, ...], references: tuple[str, ...]
):
    assert compose(replace(ADDRESSED, thread_key=root, mail_ids=mail_ids), "Hello.", MAIL).references == references


@pytest.mark.parametrize("channel", [Channel.CHAT, Channel.SMS, Channel.SOCIAL])
def test_other_channels_carry_nothing_of_mail(channel: Channel):
    answer = compose(replace(ADDRESSED, channel=channel), "Hello.", MAIL)
    assert (answer.subject, answer.token_id, answer.in_reply_to, answer.references) == (None, None, None, ())
    assert answer.thread_key == "root@example.com"
