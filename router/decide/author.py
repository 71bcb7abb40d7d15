"""Decides who wrote a message that our own address sent: one of us, or somebody through a form of ours."""

from channels.message import Automatic, HandleKind, InboundMessage
from router.policy.model import Policy

EVIDENCE = ("author_from", "list_evidence")
"""The attributes in which a channel says why it takes somebody other than the sender, or a list, for the author."""


def as_written(message: InboundMessage, policy: Policy) -> InboundMessage:
    """Return the message as its author's: a form that sends from our own address names the person in Reply-To.

    Such a form may call its mail automatic. A mail that answers another one is no form's.
    """
    person = message.reply_to
    if not is_ours(message, policy) or person is None or policy.is_own(person.value) or message.answers:
        return message
    if message.automatic not in (None, Automatic.AUTO_REPLY):
        return message
    said = {**message.attributes, "author_from": "Reply-To"}
    return message._replace(sender=person, reply_to=None, automatic=None, attributes=said)


def as_released(message: InboundMessage, policy: Policy) -> InboundMessage:
    """Return a held message as a person's, because somebody released it: who wrote it is no longer weighed.

    If one of our own addresses sent it, its author is whom Reply-To names.
    """
    person = message.reply_to
    is_named = is_ours(message, policy) and person is not None and not policy.is_own(person.value)
    return message._replace(
        sender=person if is_named and person else message.sender,
        reply_to=None if is_named else person,
        automatic=None,
    )


def is_ours(message: InboundMessage, policy: Policy) -> bool:
    """Return whether one of our own addresses sent it: one that the policy names, or the account itself."""
    sender = message.sender
    # A user's id is not an address: it may equal the name of an account by chance.
    is_account = sender.value == message.account and sender.kind is not HandleKind.USER
    return is_account or policy.is_own(sender.value)
