"""Turns what a person wrote into each provider's payload. `customers` decides who writes when."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from itertools import count
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from channels.formats import routing_key
from router.demo.samples import Person, Sample
from router.flow.run.bus import Exchange, Publication

MAILBOX = "support@shop.example"
NUMBER = "+442079460100"
WHATSAPP = "200100"
SITE = "shop.example"
PICTURES = "picturegram"

_ids = count(1)


def payload(person: Person, sample: Sample) -> Publication:
    """Return a sample in its own format."""
    match sample.format:
        case "email.rfc822":
            return mail(person, sample.subject or "", sample.text)
        case "sms.twilio":
            return sms(person.phone, sample.text)
        case "social.whatsapp":
            return whatsapp(person.phone, sample.text, name=person.name)
        case "chat.webchat":
            return chat(person.user_id, session_of(person), sample.text, name=person.name)
        case _:
            return canonical(person.user_id, sample.text)


def session_of(person: Person) -> str:
    """Return the session in which the person chats."""
    return f"session-{person.user_id}"


def mail(person: Person, subject: str, text: str, **headers: str) -> Publication:
    """Return a mail from a person; underscores in extra header names become hyphens."""
    message = EmailMessage()
    message.set_content(text)
    return _mail(message, f"{person.name} <{person.email}>", subject, headers)


def bounce(reported: str) -> Publication:
    """Return a mail server's report (RFC 3464) that it could not deliver the mail with the Message-ID `reported`."""
    returned = MIMENonMultipart("text", "rfc822-headers")
    returned.set_payload(f"Message-ID: <{reported}>\n")
    report = MIMEMultipart("report", _subparts=[MIMEText("The mailbox is full."), returned])
    report.set_param("report-type", "delivery-status")
    return _mail(report, "Mail Delivery System <mailer-daemon@example.com>", "Undelivered Mail", {"Return_Path": "<>"})


def sms(phone: str, text: str) -> Publication:
    """Return Twilio's webhook for a text message."""
    form = {
        "MessageSid": f"SM{uuid4().hex}",
        "AccountSid": f"AC{'0' * 32}",
        "From": phone,
        "To": NUMBER,
        "Body": text,
        "NumMedia": "0",
        "NumSegments": "1",
    }
    return _publication("sms", "sms.twilio", urlencode(form).encode(), NUMBER)


def whatsapp(phone: str, text: str, *, name: str | None = None) -> Publication:
    """Return the webhook of WhatsApp's Cloud API for a text message; its id is the publication's `message_id`."""
    wa_id, id_ = phone.lstrip("+"), f"wamid.{uuid4().hex}"
    sent_at = str(int(datetime.now(UTC).timestamp()))
    value: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": NUMBER.lstrip("+"), "phone_number_id": WHATSAPP},
        "contacts": [{"profile": {"name": name}, "wa_id": wa_id}] if name else [],
        "messages": [{"from": wa_id, "id": id_, "timestamp": sent_at, "type": "text", "text": {"body": text}}],
    }
    entry = {"id": "100", "changes": [{"field": "messages", "value": value}]}
    webhook = {"object": "whatsapp_business_account", "entry": [entry]}
    return _publication("social", "social.whatsapp", _json(webhook), WHATSAPP, message_id=id_)


def chat(visitor: str, session: str, text: str, *, name: str | None = None) -> Publication:
    """Return what our chat widget sends for one line from a visitor."""
    line = {
        "id": f"chat-{next(_ids)}",
        "session": session,
        "visitor": {"id": visitor, "name": name},
        "sent_at": _now(),
        "text": text,
        "page": f"https://{SITE}/help",
    }
    return _publication("chat", "chat.webchat", _json(line), SITE)


def left(visitor: str, session: str) -> Publication:
    """Return what our chat widget sends when a visitor closes the chat."""
    line = {
        "id": f"chat-{next(_ids)}",
        "event": "left",
        "session": session,
        "visitor": {"id": visitor},
        "sent_at": _now(),
    }
    return _publication("chat", "chat.webchat", _json(line), SITE)


def canonical(user_id: str, text: str) -> Publication:
    """Return a message in our own format, from an integration for a picture network."""
    return _publication("social", "message.v1", _json(_canonical(user_id, text)), SITE)


def without_sender(text: str) -> Publication:
    """Return a payload that can never be processed: the integration left out the sender."""
    message = {key: value for key, value in _canonical("nobody", text).items() if key != "from"}
    return _publication("social", "message.v1", _json(message), SITE)


def _canonical(user_id: str, text: str) -> dict[str, Any]:
    return {
        "id": f"picture-{next(_ids)}",
        "channel": "social",
        "provider": PICTURES,
        "account": SITE,
        "from": {"kind": "user", "value": user_id},
        "sent_at": _now(),
        "text": text,
    }


def _mail(message: Message, sender: str, subject: str, headers: Mapping[str, str]) -> Publication:
    message["From"] = sender
    message["To"] = MAILBOX
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<demo-{next(_ids)}@mail.example.com>"
    for header, value in headers.items():
        message[header.replace("_", "-")] = value
    return _publication("email", "email.rfc822", message.as_bytes(), MAILBOX)


def _publication(
    channel: str, format_: str, body: bytes, account: str, *, message_id: str | None = None
) -> Publication:
    return Publication(
        exchange=Exchange.INBOUND,
        routing_key=routing_key(channel, format_),
        format=format_,
        body=body,
        account=account,
        message_id=message_id or uuid4().hex,
    )


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def _now() -> str:
    return datetime.now(UTC).isoformat()
