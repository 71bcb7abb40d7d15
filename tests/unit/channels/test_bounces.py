"""What mail servers report about mail of ours is held or attached, and says what became of which mail."""

import pytest

from channels import formats
from channels.errors import Malformed
from channels.message import InboundMessage

ANSWER = "fd.512.90071.0123456789abcdef@mail.acme.example"
REPORT = """\
To: support@acme.example
Message-ID: <b1@mx.example>
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

It did not work.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; bob@example.com
Action: relayed
Status: 2.0.0

Final-Recipient: rfc822; ada@example.com
Action: {action}
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 No such
 user here

--b
Content-Type: text/rfc822-headers

From: support@acme.example
Reply-To: support+fd.512.90071.0123456789abcdef@acme.example
Message-ID: <{answer}>

--b--
"""


def read(text: str, *, sender: str | None) -> InboundMessage:
    header = f"From: {sender}\n" if sender is not None else ""
    (message,) = formats.parse("email.rfc822", (header + text).encode(), "support@acme.example").messages
    return message


def a_report(action: str = "failed", *, sender: str | None = "mailer-daemon@mx.example") -> InboundMessage:
    return read(REPORT.format(action=action, answer=ANSWER), sender=sender)


@pytest.mark.parametrize(
    "sender",
    [
        None,
        "<>",
        "MAILER-DAEMON",
        "Mail Delivery System <>",
        "MAILER-DAEMON (Mail Delivery System)",
        "Mail Delivery Subsystem <MAILER-DAEMON>",
        '"Postmaster" <>',
    ],
)
def test_a_report_needs_no_address_in_from(sender: str | None):
    message = a_report(sender=sender)
    assert message.automatic == "bounce"
    assert message.sender.value == "mailer-daemon@acme.example"
    assert ANSWER in message.thread.references
    assert message.attributes["delivery"] == "failed"


@pytest.mark.parametrize("sender", ["MAILER-DAEMON", "Mail Delivery System", "<>"])
@pytest.mark.parametrize("quote", ["", "> "])
def test_an_old_mail_server_quotes_the_header_in_its_text(sender: str, quote: str):
    quoted = f"{quote}Subject: Re: Invoice\n{quote}Message-ID: <{ANSWER}>\n"
    message = read(f"To: support@acme.example\nReturn-Path: <>\n\nHi.\n{quoted}", sender=sender)
    assert (message.automatic, message.thread.references) == ("bounce", (ANSWER,))
    assert message.attributes["delivery"] == "failed"


def test_a_person_without_an_address_cannot_be_answered():
    with pytest.raises(Malformed):
        read("To: support@acme.example\n\nHello", sender="Ada Example")


def test_a_report_names_the_recipient_the_status_and_the_reason():
    assert {key: a_report().attributes[key] for key in ("bounced_to", "bounce_status", "bounce_reason")} == {
        "bounced_to": "ada@example.com",
        "bounce_status": "5.1.1",
        "bounce_reason": "550 5.1.1 No such user here",
    }


@pytest.mark.parametrize("action", ["failed", "delayed", "delivered", "relayed", "expanded"])
def test_the_worst_action_tells_what_became_of_the_mail(action: str):
    worse = action in {"failed", "delayed", "relayed"}
    assert a_report(action).attributes["delivery"] == (action if worse else "relayed")


def test_a_token_in_the_returned_header_leads_back_where_the_message_id_was_replaced():
    message = read(REPORT.format(action="failed", answer="other@relay.example"), sender="postmaster@mx.example")
    assert "fd.512.90071.0123456789abcdef" in message.thread.tokens


@pytest.mark.parametrize(
    ("header", "delivery"),
    [
        ("From: mailer-daemon@mx.example\nSubject: Warning: message delayed 24 hours", "delayed"),
        ("From: mailer-daemon@mx.example\nSubject: Mail delivery failed", "failed"),
        ("From: relay@mx.example\nX-Failed-Recipients: ada@example.com\nReturn-Path: <>", "failed"),
        ("From: ada@example.com\nReturn-Path: <>\nSubject: I am away", None),
        (
            "From: ada@example.com\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b",
            None,
        ),
        ("From: fbl@isp.example\nContent-Type: multipart/report; report-type=feedback-report; boundary=b", None),
    ],
)
def test_only_a_mail_servers_word_counts_as_undelivered(header: str, delivery: str | None):
    message = read(f"{header}\nTo: support@acme.example\n\n--b\n\nHello\n--b--\n", sender=None)
    assert (message.automatic, message.attributes.get("delivery")) == ("bounce", delivery)
