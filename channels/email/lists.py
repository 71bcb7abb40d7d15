"""Weighs whether a mail is a mailing list's or a person's: no single header proves either.

Sources: RFC 2919 (List-Id), RFC 2369 (List-Post, List-Unsubscribe); Precedence was never a standard.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from channels import handles
from channels.email.headers import Headers
from channels.message import Handle

ENOUGH = 2
"""With so many points, nobody has to answer the mail."""

_MAILTO = re.compile(r"<mailto:([^<>?\s@]+@[^<>?\s@]+)", re.IGNORECASE)
_LIST_ID = re.compile(r"<([^<>\s]+)>\s*\Z")
_GROUP = re.compile(r"\s*list\s+([^\s;]+)", re.IGNORECASE)
# Group services that put their own address into From name the person here; Reply-To comes last, as people may set it.
_ORIGINAL = ("X-Original-From", "X-Original-Sender", "Reply-To")


class Weighed(NamedTuple):
    """How many points speak for a list, and what gave them: `List-Id +2, names our mailbox -2`."""

    points: int
    evidence: str

    @property
    def is_list(self) -> bool:
        return self.points >= ENOUGH


def weigh(headers: Headers, account: str | None) -> Weighed:
    """Add up what speaks for a list. What our own mailbox's group service adds says nothing about who wrote."""
    if account and account in _list_addresses(headers):
        return Weighed(0, "the list is our own mailbox")
    found = [(name, points) for name, points, applies in _EVIDENCE if applies(headers, account)]
    return Weighed(sum(points for _, points in found), ", ".join(f"{name} {points:+}" for name, points in found))


def original_author(headers: Headers, sender: Handle, account: str | None) -> tuple[Handle, str] | None:
    """Return who wrote a mail whose list put its own address into From, and the header that says so."""
    addresses = _list_addresses(headers)
    if sender.value not in addresses:
        return None
    for name in _ORIGINAL:
        people = [handle for handle in headers.addresses(name) if handle.value not in {*addresses, account}]
        if len(people) == 1:
            return people[0], name
    return None


def _list_addresses(headers: Headers) -> frozenset[str]:
    """The addresses to write to the list at: its own words, and its List-Id read as `name.domain`."""
    local, _, domain = _first(_LIST_ID, headers, "List-Id").partition(".")
    named = (_first(_MAILTO, headers, "List-Post"), _first(_GROUP, headers, "Mailing-List"), f"{local}@{domain}")
    return frozenset(handles.account(address) for address in named if address.strip("@"))


def _first(pattern: re.Pattern[str], headers: Headers, name: str) -> str:
    found = pattern.search(headers.raw(name) or "")
    return found.group(1) if found else ""


def _precedence(headers: Headers) -> str:
    return (headers.raw("Precedence") or "").strip().lower()


def _names_us(headers: Headers, account: str | None) -> bool:
    return account in {handle.value for name in ("To", "Cc") for handle in headers.addresses(name)}


def _takes_posts(headers: Headers) -> bool:
    return bool(_first(_MAILTO, headers, "List-Post"))


_EVIDENCE: tuple[tuple[str, int, Callable[[Headers, str | None], bool]], ...] = (
    ("passed through a list", 2, lambda headers, _: bool(headers.raw("List-Id") or headers.raw("List-Post"))),
    ("Precedence junk", 2, lambda headers, _: _precedence(headers) == "junk"),
    # Some mail servers mark everything as bulk, and some sales tools let every mail be unsubscribed from.
    ("Precedence bulk or list", 1, lambda headers, _: _precedence(headers) in {"bulk", "list"}),
    ("offers to unsubscribe", 1, lambda headers, _: headers.raw("List-Unsubscribe") is not None),
    ("names us beside a list that people write to", -3, lambda h, us: _takes_posts(h) and _names_us(h, us)),
    ("answers a mail and names us", -2, lambda h, us: bool(h.message_ids("In-Reply-To")) and _names_us(h, us)),
)
