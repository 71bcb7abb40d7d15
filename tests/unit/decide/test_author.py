"""A form that sends from our own address brings a customer's words, and our own machines bring nobody's."""

import pytest

from channels.message import Automatic, Channel, Handle, HandleKind, InboundMessage, ThreadHints
from router.decide.author import as_written, is_ours
from router.policy.parse import parse_policy
from tests.clients.api import POLICY as TEAMS

POLICY = parse_policy(TEAMS + 'own_addresses: ["*@forms.acme.example"]\n')
CUSTOMER, FORM, US = "ada@example.com", "web@forms.acme.example", "support@acme.example"


def email(value: str) -> Handle:
    return Handle(kind=HandleKind.EMAIL, value=value)


def a_mail(sender: str, reply_to: str | None, automatic: Automatic | None = None, answers: str | None = None):
    return InboundMessage(
        external_id="m1",
        channel=Channel.EMAIL,
        provider="email",
        account=US,
        sender=email(sender),
        reply_to=email(reply_to) if reply_to else None,
        automatic=automatic,
        thread=ThreadHints(in_reply_to=answers),
    )


@pytest.mark.parametrize("sender", [FORM, US])
@pytest.mark.parametrize("automatic", [None, Automatic.AUTO_REPLY])
def test_what_a_form_of_ours_sends_is_the_words_of_who_filled_it_in(sender: str, automatic: Automatic | None):
    written = as_written(a_mail(sender, CUSTOMER, automatic), POLICY)
    assert (written.sender.value, written.reply_to, written.automatic) == (CUSTOMER, None, None)
    assert written.attributes["author_from"] == "Reply-To"
    assert not is_ours(written, POLICY)


@pytest.mark.parametrize(
    "mail",
    [
        a_mail(FORM, None),
        a_mail(FORM, "other@forms.acme.example"),
        a_mail(FORM, CUSTOMER, Automatic.OWN_NOTIFICATION),
        a_mail(FORM, CUSTOMER, Automatic.BOUNCE),
        a_mail(FORM, CUSTOMER, Automatic.OUT_OF_OFFICE),
        a_mail(FORM, CUSTOMER, Automatic.AUTO_REPLY, answers="a@acme.example"),
        a_mail("eva@example.com", CUSTOMER),
    ],
)
def test_everything_else_keeps_its_sender(mail: InboundMessage):
    assert as_written(mail, POLICY) is mail
