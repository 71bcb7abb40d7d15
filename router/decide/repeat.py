"""Decides whether a message under a known key is the same one again, and what is left of one that is not."""

from collections.abc import Iterator

from channels.message import InboundMessage

TAKEN = "id_was_taken"
"""The attribute of a message whose id another one had first."""


def fingerprints(message: InboundMessage, fingerprint: bytes) -> Iterator[bytes]:
    """Yield the fingerprint of a message, and those under which earlier releases have recorded it."""
    yield fingerprint
    yield from message.former_fingerprints()


def without_id(message: InboundMessage) -> InboundMessage:
    """Return a message that has another one's id. Whoever chose that id, it leads to nothing and is marked."""
    said = {**message.attributes, TAKEN: "another message with this id came first"}
    return message._replace(id_is_taken=True, attributes=said)
