"""Our signed token in Message-IDs and plus-addresses: it leads an answer to its conversation. Nobody can forge it."""

import hashlib
import hmac
import re
from typing import NamedTuple

from router.domain.conversation import ConversationId

_SIGNATURE_DIGITS = 16
_TOKEN = re.compile(r"fd\.([1-9][0-9]{0,17})\.([1-9][0-9]{0,17})\.([0-9a-f]{16})", re.ASCII | re.IGNORECASE)


def make_token(secret: bytes, conversation_id: int, message_id: int) -> str:
    """Return `fd.CONVERSATION.MESSAGE.SIGNATURE`; the signature is the first 64 bits of an HMAC-SHA256, in hex."""
    signed = f"fd.{conversation_id}.{message_id}"
    return f"{signed}.{_signature(secret, signed)}"


class TokenOf(NamedTuple):
    """The conversation that a token leads to, and our message that carried it."""

    conversation_id: ConversationId
    message_id: int


def read_token(secret: bytes, token: str) -> TokenOf | None:
    """Return what a token was made for, or None if it is not one of ours.

    `token` is the bare token, or a Message-ID without angle brackets that begins with it. Case is ignored, because
    mail servers change it.
    """
    found = _TOKEN.fullmatch(token.partition("@")[0])
    if found is None:
        return None
    conversation_id, message_id, signature = found.groups()
    expected = _signature(secret, f"fd.{conversation_id}.{message_id}")
    if not hmac.compare_digest(signature.lower(), expected):
        return None
    return TokenOf(ConversationId(int(conversation_id)), int(message_id))


def token_message_id(token: str, mail_domain: str) -> str:
    """Return the Message-ID, without angle brackets, for a mail that carries this token."""
    return f"{token}@{mail_domain}"


def _signature(secret: bytes, signed: str) -> str:
    return hmac.new(secret, signed.encode(), hashlib.sha256).hexdigest()[:_SIGNATURE_DIGITS]
