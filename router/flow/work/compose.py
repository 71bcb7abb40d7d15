"""Composes an answer for the sender of its channel. Others record and send it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from channels.message import Channel, Handle, OutboundMessage
from router.domain.mail_token import make_token, token_message_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """Where an answer goes: the conversation, the id of the answer, and the mails it follows.

    `mail_ids` lists Message-IDs, oldest first; `answers` is the customer's last one.
    """

    conversation_id: int
    message_id: int
    channel: Channel
    provider: str
    account: str
    reply_to: Handle
    subject: str | None = None
    thread_key: str | None = None
    mail_ids: Sequence[str] = ()
    answers: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailIdentity:
    """How we mark our mails: the secret that signs their Message-IDs, and the domain at the end of these."""

    secret: bytes
    domain: str


def compose(addressed: Addressed, text: str, mail: MailIdentity) -> OutboundMessage:
    """Return the answer for the channel's sender; a mail carries our signed Message-ID and its ancestors."""
    answer = OutboundMessage(
        message_id=addressed.message_id,
        conversation_id=addressed.conversation_id,
        channel=addressed.channel,
        provider=addressed.provider,
        account=addressed.account,
        to=addressed.reply_to,
        text=text,
        thread_key=addressed.thread_key,
    )
    if addressed.channel is not Channel.EMAIL:
        return answer
    token = make_token(mail.secret, addressed.conversation_id, addressed.message_id)
    root = addressed.thread_key or ""  # a Message-ID, or a provider's key, or a hash
    ancestors = [root] if "@" in root else []
    return replace(
        answer,
        subject=_answering(addressed.subject),
        token_id=token_message_id(token, mail.domain),
        in_reply_to=addressed.answers,
        references=tuple(dict.fromkeys((*ancestors, *addressed.mail_ids))),
    )


def _answering(subject: str | None) -> str:
    subject = (subject or "").strip()
    return subject if subject.lower().startswith("re:") else f"Re: {subject}".strip()
