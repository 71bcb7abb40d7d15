"""A file of accounts, and requests to its webhooks as the providers sign them."""

import hashlib
import hmac
from pathlib import Path
from urllib.parse import urlencode

from multidict import MultiDict
from twilio.request_validator import RequestValidator

PUBLIC_URL = "https://desk.example.com"
TWILIO_PATH = "/v1/channels/sms/twilio/support"
META_PATH = "/v1/channels/social/whatsapp/shop"
FILE = """
public_url: %s
accounts:
  - {name: support, channel: sms, provider: twilio, address: "+4930123456", secrets: {auth_token: {file: %s/twilio}}}
  - name: shop
    channel: social
    provider: whatsapp
    address: "2001"
    secrets: {app_secret: [{file: %s/old}, {file: %s/new}], verify_token: {env: SAMPLE_VERIFY_TOKEN}}
"""


def write_accounts(folder: Path) -> Path:
    """Write the file and its secrets; the variable SAMPLE_VERIFY_TOKEN is for the test to set."""
    for name in ("twilio", "old", "new"):
        (folder / name).write_text(f"sample-{name}\n")
    path = folder / "channels.yaml"
    path.write_text(FILE % (PUBLIC_URL, folder, folder, folder))
    return path


def twilio_headers(form: dict[str, str], *, path: str = TWILIO_PATH, token: str = "sample-twilio") -> dict[str, str]:
    signature = RequestValidator(token).compute_signature(PUBLIC_URL + path, MultiDict(form))
    return {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}


def twilio_body(form: dict[str, str]) -> bytes:
    return urlencode(form).encode()


def meta_headers(raw: bytes, *, secret: str = "sample-new") -> dict[str, str]:
    signature = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={signature}", "Content-Type": "application/json"}
