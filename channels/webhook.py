"""What a provider calls us with over HTTP. Each provider's module says how to tell that the provider sent it."""

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Secrets = Mapping[str, Sequence[str]]
"""An account's secrets by name. While one is being replaced, both the old and the new one are there."""


class Request(NamedTuple):
    """A webhook as it came. `url` is the public one that the provider knows; names of headers are in small letters."""

    url: str
    headers: Mapping[str, str]
    raw: bytes


Verify = Callable[[Request, Secrets], bool]
Greet = Callable[[Mapping[str, str], Secrets], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """How one provider calls us.

    `verify` tells whether the provider sent the request. `greet` answers the GET by which some providers try an address
    before they use it: it returns the body, or None to refuse. `secrets` says of each secret of an account where the
    provider has it; `enter` says where to enter the address. The provider expects `thanks` as the answer.
    """

    verify: Verify
    secrets: Mapping[str, str]
    enter: str
    thanks: bytes = b""
    thanks_type: str = "text/plain"
    greet: Greet | None = None


def is_one_of(given: str, expected: Iterable[str]) -> bool:
    """Compare in constant time with each of what is expected, so that the time tells nothing."""
    sent = given.encode(errors="replace")
    # every comparison is made, whether or not an earlier one has succeeded
    return sum(hmac.compare_digest(sent, each.encode(errors="replace")) for each in expected) > 0
