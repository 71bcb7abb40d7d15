"""Gives each address one spelling, so that the same person is found again. `identify` finds whose address it is."""

import re
from collections.abc import Iterable
from functools import lru_cache

import idna

from channels import numbers
from channels.errors import Malformed
from channels.message import Handle, HandleKind
from channels.text import CONTROL, one_line

MAX_HANDLE = 320
"""Characters in a handle: 64 of local part, `@`, 255 of domain (RFC 5321, 4.5.3.1)."""

_NO_HANDLE = "is not a handle: write name@domain, +49 30 12345678 (the + as %2B), or user:PLATFORM:ID"
_EMAIL = re.compile(r"[^@\s<>,;\x00-\x1f\x7f-\x9f]+@[^@\s<>,;\x00-\x1f\x7f-\x9f]+")
_KELVIN = "\N{KELVIN SIGN}"
"""The one non-ASCII letter whose lower case is in ASCII: a `k`, which would be another mailbox."""

_TWILIO_PREFIX = re.compile(r"^(\s*whatsapp:)+")


def email(value: str, field: str, *, name: str | None = None, verified: bool = False) -> Handle:
    """Return the handle of an email address; raise `Malformed` if it is not one."""
    address = _email(value) if len(value) <= MAX_HANDLE else None
    if address is None:
        raise Malformed(field, "is not an email address: write it as name@domain")
    return Handle(kind=HandleKind.EMAIL, value=address, name=_name(name), verified=verified)


def email_address(value: str) -> str:
    """Return an address in the spelling that is compared.

    The local part is lower-cased too. RFC 5321 lets it be case-sensitive, but no mailbox provider in use makes it so,
    and people write their own address in several cases. An international domain becomes its ASCII form.
    """
    local, at, domain = value.strip().rpartition("@")
    return f"{_KELVIN.join(map(str.lower, local.split(_KELVIN)))}{at}{_ascii_domain(domain.rstrip('. '))}"


def plus_details(addresses: Iterable[str]) -> tuple[str, ...]:
    """Return the details of plus-addresses (RFC 5233) in their own case: `TOKEN` of `support+TOKEN@…`."""
    locals_ = [address.rpartition("@")[0] for address in addresses]
    return tuple(dict.fromkeys(local.partition("+")[2] for local in locals_ if "+" in local[:-1]))


def phone(value: str, field: str, *, account: str = "", name: str | None = None, verified: bool = False) -> Handle:
    """Return the handle of a phone number; without `+` or `00` it is read as dialled from the account's country."""
    number = numbers.e164(value.strip()[:64], numbers.region_of(account))
    if number is None:
        raise Malformed(field, "is not a phone number: write it as E.164, with + and country code")
    return Handle(kind=HandleKind.PHONE, value=number, name=_name(name), verified=verified)


def user(value: str, field: str, *, scope: str, name: str | None = None, verified: bool = False) -> Handle:
    """Return the handle of a platform's user; `scope` is the platform."""
    if not value.strip() or len(value) > MAX_HANDLE:
        raise Malformed(field, f"must be 1 to {MAX_HANDLE} characters")
    if CONTROL.search(value.strip()):
        raise Malformed(field, "holds a control character: remove it")
    return Handle(kind=HandleKind.USER, value=value.strip(), scope=scope, name=_name(name), verified=verified)


def typed(text: str) -> Handle:
    """Return the handle that a person typed: an address, a number or `user:PLATFORM:ID`; else raise `Malformed`."""
    kind, _, value = text.strip().partition(":")
    scope, _, name = value.partition(":")
    if kind == HandleKind.USER and scope and name:
        return Handle(kind=HandleKind.USER, value=name, scope=scope)
    address = value if kind in {HandleKind.EMAIL, HandleKind.PHONE} else text
    try:
        if "@" in address:
            return email(address, "handle")
        return phone(numbers.dialled(address.strip()[:64]) or "", "handle")
    except Malformed as exc:
        raise Malformed("handle", _NO_HANDLE) from exc


def _name(given: str | None) -> str | None:
    return one_line(given) or None if given else None


@lru_cache(maxsize=numbers.CACHED)
def _email(value: str) -> str | None:
    address = email_address(value)
    return address if _EMAIL.fullmatch(address) else None


def _ascii_domain(domain: str) -> str:
    """Return a domain in ASCII, by IDNA 2008 after the mapping of UTS 46, or in lower case if they refuse it."""
    if domain.isascii() or len(domain) > 255:
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode("ascii").rstrip(".")
    except idna.IDNAError:
        return domain.lower()


@lru_cache(maxsize=1024)
def account(value: str) -> str:
    """Return an account in the spelling that is compared: a mailbox lower-cased, a number without `whatsapp:`."""
    bare = _TWILIO_PREFIX.sub("", value).strip()
    return email_address(bare) if "@" in bare else bare
