"""A person's words are told from a list's by everything in the header together."""

import pytest

from channels.email import rfc822

US = "support@acme.example"
LIST = "List-Id: <board.club.example>\nList-Post: <mailto:board@club.example>\n"
OWN_GROUP = "List-Id: <support.acme.example>\nPrecedence: list\n"
NEWSLETTER = "List-Id: <news.shop.example>\nList-Unsubscribe: <https://shop.example/u/1>\nPrecedence: bulk\n"


def read(header: str, *, sender: str = "Eva <eva@club.example>", to: str = US):
    raw = f"From: {sender}\nTo: {to}\nMessage-ID: <m1@club.example>\nSubject: Chairs\n{header}\nWords.\n"
    return rfc822.parse(raw.encode(), US).messages[0]


@pytest.mark.parametrize(
    ("header", "to", "kind"),
    [
        ("", US, None),
        ("Precedence: bulk\n", US, None),
        ("Precedence: list\n", US, None),
        ("List-Unsubscribe: <https://crm.example/u/1>\n", US, None),
        ("List-Unsubscribe: <https://crm.example/u/1>\nPrecedence: bulk\n", US, "mailing_list"),
        ("Precedence: junk\n", US, "mailing_list"),
        (NEWSLETTER, US, "mailing_list"),
        (NEWSLETTER + "List-Post: NO\n", US, "mailing_list"),
        ("List-Id: <news.shop.example>\n", US, "mailing_list"),
        (LIST, "board@club.example", "mailing_list"),
        (LIST, f"board@club.example, {US}", None),
        (LIST + f"Cc: {US}\n", "board@club.example", None),
        (LIST + "Precedence: list\n", f"board@club.example, {US}", None),
        (LIST + "In-Reply-To: <a@acme.example>\n", "board@club.example", "mailing_list"),
        (OWN_GROUP, US, None),
        ("Mailing-list: list Support@acme.example; contact x@acme.example\nPrecedence: bulk\nList-Id: a\n", US, None),
        ("List-Post: <mailto:support@ACME.example>\nPrecedence: junk\n", US, None),
        (OWN_GROUP + "Auto-Submitted: auto-replied\n", US, "auto_reply"),
    ],
)
def test_a_list_is_told_by_all_evidence_together(header: str, to: str, kind: str | None):
    message = read(header, to=to)
    assert message.automatic == kind
    assert ("list_evidence" in message.attributes) == bool(header)


@pytest.mark.parametrize(
    ("sender", "header", "author", "named_by"),
    [
        (f"\"'Grace' via Support\" <{US}>", OWN_GROUP + "X-Original-From: Grace <grace@c.example>\n", "grace@c.example",
         "X-Original-From"),
        (US, OWN_GROUP + "X-Original-Sender: grace@c.example\n", "grace@c.example", "X-Original-Sender"),
        (US, OWN_GROUP + "Reply-To: Grace <grace@c.example>\n", "grace@c.example", "Reply-To"),
        ("board@club.example", LIST + "X-Original-From: eva@club.example\n", "eva@club.example", "X-Original-From"),
        # Reply-To names the list as well as its author, as group services write it
        (US, OWN_GROUP + f"Reply-To: {US}, grace@c.example\n", "grace@c.example", "Reply-To"),
        # two candidates prove nobody
        (US, OWN_GROUP + "Reply-To: a@c.example, b@c.example\n", US, None),
        # nobody who writes in their own name becomes somebody else
        ("eva@club.example", LIST + "X-Original-From: grace@c.example\n", "eva@club.example", None),
        ("eva@club.example", "X-Original-From: grace@c.example\n", "eva@club.example", None),
    ],
)  # fmt: skip
def test_who_wrote_is_told_where_a_list_puts_itself_into_from(
    sender: str, header: str, author: str, named_by: str | None
):
    message = read(header, sender=sender)
    assert message.sender.value == author
    assert message.attributes.get("author_from") == named_by
    assert not message.sender.verified
