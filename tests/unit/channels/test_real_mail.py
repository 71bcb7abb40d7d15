"""Real mails, read by the parser and by a person. They are not part of the repository."""

import pytest

from channels import formats
from channels.errors import Malformed
from tests.making.shared_data import MAILS, NO_MAILS, SHARED_DATA
from tests.unit.channels.expected_mail import EXPECTED, Expected

WITHOUT_SENDER = {"error_emails--bad_encoded_subject"}

pytestmark = pytest.mark.skipif(not MAILS, reason=NO_MAILS)


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_every_real_mail_is_read_or_refused_for_the_right_reason(path):
    if path.stem in WITHOUT_SENDER:
        with pytest.raises(Malformed, match=r"^from: "):
            formats.parse("email.rfc822", path.read_bytes(), "desk@acme.example")
        return
    (message,) = formats.parse("email.rfc822", path.read_bytes(), "desk@acme.example").messages
    assert message.account == "desk@acme.example"
    assert "\x00" not in message.text


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items(), ids=EXPECTED.keys())
def test_a_real_mail_says_what_a_person_reads_in_it(name: str, expected: Expected):
    raw = (SHARED_DATA / "mail" / f"{name}.eml").read_bytes()
    (message,) = formats.parse("email.rfc822", raw, "desk@acme.example").messages
    assert message.sender.value == expected.sender
    assert tuple(handle.value for handle in message.recipients) == expected.recipients
    assert message.subject == expected.subject
    assert message.text.startswith(expected.text)
    assert bool(message.text) == bool(expected.text)
    assert tuple(file.name for file in message.attachments) == expected.files


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("report_422", "15655788.13.1200472642578.JavaMail.Administrator@mail.ttttt.com.au"),
        ("report_530", "200712232303.lBNN3jDq002941@mail12.rrrr.com.au"),
        ("multi_address_bounce1", "118707422.15521266992174819.JavaMail.root@lvmail01"),
        ("multipart_report_multiple_status", "4c2a146147ac8_61ff157c4ec1652df@s.h.c.mail"),
    ],
)
def test_a_bounce_names_the_mail_that_it_is_about(name: str, about: str):
    raw = (SHARED_DATA / "mail" / f"multipart_report_emails--{name}.eml").read_bytes()
    (message,) = formats.parse("email.rfc822", raw, "desk@acme.example").messages
    assert message.automatic == "bounce"
    assert about in message.thread.references
