"""Identify: finds the customer of a message. Joins handles to customers, but only suggests joining two customers."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from channels.message import Handle, InboundMessage
from router.domain.customer import CustomerId, KnownHandle


class Identity(NamedTuple):
    """Who writes: a known customer, or a new one if `customer_id` is None.

    `adopt` lists handles to record as theirs, as verified, or under another name, from now on. `same_as` lists other
    customers with a handle that, as the provider guarantees, the sender controls: a person may merge them, the machine
    does not.
    """

    customer_id: CustomerId | None
    adopt: tuple[Handle, ...]
    same_as: tuple[CustomerId, ...]
    because: str


def identify(message: InboundMessage, known: Mapping[str, KnownHandle]) -> Identity:
    """Find the customer by the sender's own handle, or else by another handle that the provider vouches for.

    `known` holds the handles that have an owner. A handle that nobody vouches for (an address typed into a chat window)
    identifies nobody: otherwise a stranger could read another customer's history.
    """
    mine = (message.sender, *(handle for handle in message.also if handle.verified))
    found = [known.get(handle.key) for handle in mine]
    owner = next(filter(None, found), None)
    if owner is None:
        return Identity(customer_id=None, adopt=mine, same_as=(), because="no handle is known")
    return Identity(
        customer_id=owner.customer_id,
        adopt=tuple(handle for handle, as_known in zip(mine, found, strict=True) if _is_news(handle, as_known, owner)),
        same_as=_others(found, owner),
        because=f"{owner.key.partition(':')[0]} handle is known",
    )


def _is_news(handle: Handle, as_known: KnownHandle | None, owner: KnownHandle) -> bool:
    if as_known is None:
        return True
    is_renamed = handle.person is not None and handle.person != as_known.name
    is_vouched_for = handle.verified and not as_known.verified
    return as_known.customer_id == owner.customer_id and (is_vouched_for or is_renamed)


def _others(found: Iterable[KnownHandle | None], owner: KnownHandle) -> tuple[CustomerId, ...]:
    owners = (handle.customer_id for handle in found if handle)
    return tuple(dict.fromkeys(id_ for id_ in owners if id_ != owner.customer_id))
