"""Writes the JSON Schema of `message.v1`: `python -m channels.schema > docs/message.v1.schema.json`."""

import json
import sys
from typing import Any

from channels.canonical import MessageV1

EXAMPLE: dict[str, Any] = {
    "id": "c7f3-0001",
    "channel": "email",
    "provider": "acme-mail",
    "account": "support@acme.example",
    "from": {"kind": "email", "value": "ada@example.com", "name": "Ada Example", "verified": True},
    "also": [{"kind": "phone", "value": "+493012345678"}],
    "to": [{"kind": "email", "value": "support@acme.example"}],
    "sent_at": "2026-03-01T09:30:00Z",
    "subject": "Invoice 4711 charged twice",
    "text": "Hello, my card was charged twice for invoice 4711. Please refund one of them.",
    "thread": {"key": "t-88", "in_reply_to": "c7f3-0000", "references": ["c7f3-0000"]},
    "attachments": [
        {
            "name": "invoice.pdf",
            "content_type": "application/pdf",
            "size": 48213,
            "url": "https://files.acme.example/invoice.pdf",
        }
    ],
    "language": "en",
    "attributes": {"plan": "gold"},
}


def schema() -> str:
    """Return the schema as it is published: JSON Schema 2020-12, two spaces, one newline at the end."""
    generated = MessageV1.model_json_schema(by_alias=True)
    published = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://frontdesk.example/message.v1.schema.json",
        **generated,
        "title": "message.v1",
        "examples": [EXAMPLE],
    }
    return json.dumps(published, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema())
