"""How Meta calls us, for WhatsApp, Messenger and Instagram alike.

Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

import hashlib
import hmac
from collections.abc import Mapping

from channels.webhook import Hook, Request, Secrets, is_one_of

APP_SECRET = "app_secret"  # noqa: S105 - the name of the secret
VERIFY_TOKEN = "verify_token"  # noqa: S105 - as above


def verify(request: Request, secrets: Secrets) -> bool:
    """Tell whether Meta signed the raw bytes; the same JSON written in another way has another signature."""
    digests = [hmac.new(key.encode(), request.raw, hashlib.sha256).hexdigest() for key in secrets[APP_SECRET]]
    return is_one_of(request.headers.get("x-hub-signature-256", ""), [f"sha256={digest}" for digest in digests])


def greet(query: Mapping[str, str], secrets: Secrets) -> str | None:
    """Return the challenge if Meta knows the token that was entered with the address."""
    is_asked = query.get("hub.mode") == "subscribe"
    is_known = is_one_of(query.get("hub.verify_token", ""), secrets[VERIFY_TOKEN])
    return query.get("hub.challenge", "") if is_asked and is_known else None


HOOK = Hook(
    verify=verify,
    greet=greet,
    secrets={
        APP_SECRET: "the App Secret in the app's basic settings",
        VERIFY_TOKEN: "any random text, entered beside the address as Verify Token",
    },
    enter="as the Callback URL under WhatsApp, Configuration, with the field `messages` subscribed",
)
