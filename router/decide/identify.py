"""Whose message is it? Joins handles to customers; never joins two customers, only suggests it."""

from collections.abc import Mapping
from typing import NamedTuple

from channels.message import Handle, InboundMessage
from router.domain.customer import CustomerId, KnownHandle


class Identity(NamedTuple):
    """Who writes: a known customer, or a new one if `customer_id` is None.

    `adopt` are handles to be recorded as theirs from now on, or as verified from now on. `same_as` are other customers
    whose handle the sender has been vouched to control: a person may merge them, the machine does not.
    """

    customer_id: CustomerId | None
    adopt: tuple[Handle, ...]
    same_as: tuple[CustomerId, ...]
    because: str


def identify(message: InboundMessage, known: Mapping[str, KnownHandle]) -> Identity:
    """Find the customer by the sender's own handle, else by another handle that the provider vouches for.

    `known` holds the owners of those of the message's handles that have one. A claim that nobody vouches for (an
    address typed into a chat window) identifies nobody: else a stranger could read another customer's history.
    """
    vouched = tuple(handle for handle in message.also if handle.verified)
    owner = _owner(message.sender, vouched, known)
    mine = (message.sender, *vouched)
    return Identity(
        customer_id=owner.customer_id if owner else None,
        adopt=tuple(handle for handle in mine if _is_news(handle, known.get(handle.key), owner)),
        same_as=_others(owner, vouched, known),
        because=f"{owner.key.partition(':')[0]} handle is known" if owner else "no handle is known",
    )


def _owner(sender: Handle, vouched: tuple[Handle, ...], known: Mapping[str, KnownHandle]) -> KnownHandle | None:
    candidates = (known.get(handle.key) for handle in (sender, *vouched))
    return next((handle for handle in candidates if handle), None)


def _is_news(handle: Handle, known: KnownHandle | None, owner: KnownHandle | None) -> bool:
    if known is None or owner is None:
        return known is None
    return known.customer_id == owner.customer_id and handle.verified and not known.verified


def _others(
    owner: KnownHandle | None, vouched: tuple[Handle, ...], known: Mapping[str, KnownHandle]
) -> tuple[CustomerId, ...]:
    owners = (known[handle.key].customer_id for handle in vouched if handle.key in known)
    return tuple(dict.fromkeys(id_ for id_ in owners if owner and id_ != owner.customer_id))
