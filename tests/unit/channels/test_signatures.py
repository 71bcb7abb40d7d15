"""What a provider signed is its own; whatever else comes is not, however near it comes."""

import hashlib
import hmac
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from channels.formats import FORMATS
from channels.webhook import Hook, Request

TWILIO, WHATSAPP = FORMATS["sms.twilio"].hook, FORMATS["social.whatsapp"].hook
URL = "https://desk.example.com/v1/channels/sms/twilio/support"
TOKEN = "12345"
FORM = [("From", "+4915112345678"), ("To", "+4930123456"), ("Body", "Wo ist mein Paket? 😀"), ("NumMedia", "0")]

values = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
forms = st.lists(st.tuples(st.text("ABCab", min_size=1, max_size=3), values), max_size=6)


def twilio_says(url: str, form: list[tuple[str, str]], *, token: str = TOKEN, algorithm: str = "HMAC_SHA1") -> str:
    """What Twilio's own library computes."""
    return RequestValidator(token).compute_signature(url, MultiDict(form), algorithm)


def twilio(url: str, raw: bytes, signature: str, *, tokens: tuple[str, ...] = (TOKEN,)) -> bool:
    return TWILIO.verify(Request(url, {"x-twilio-signature": signature}, raw), {"auth_token": tokens})


def meta(raw: bytes, signature: str, *, secrets: tuple[str, ...] = ("sample",)) -> bool:
    return WHATSAPP.verify(Request(URL, {"x-hub-signature-256": signature}, raw), {"app_secret": secrets})


def meta_says(raw: bytes, *, secret: str = "sample") -> str:
    return "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


@given(forms)
def test_twilio_is_known_by_what_its_own_library_computes(form: list[tuple[str, str]]):
    assert twilio(URL, urlencode(form).encode(), twilio_says(URL, form))


@pytest.mark.parametrize("told", ["https://desk.example.com/x?a=1", "https://desk.example.com:443/x?a=1"])
@pytest.mark.parametrize("came", ["https://desk.example.com/x?a=1", "https://desk.example.com:443/x?a=1"])
def test_a_port_that_a_proxy_added_or_removed_does_not_matter(told: str, came: str):
    assert twilio(came, urlencode(FORM).encode(), twilio_says(told, FORM))


def test_a_signature_by_a_shared_key_has_the_hash_that_its_header_names():
    raw, signature = urlencode(FORM).encode(), twilio_says(URL, FORM, algorithm="HMAC_SHA256")
    headers = {
        "x-twilio-signature": signature,
        "x-twilio-webhooks-signature-settings": "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256",
    }
    assert TWILIO.verify(Request(URL, headers, raw), {"auth_token": (TOKEN,)})
    assert not twilio(URL, raw, signature)


def test_a_json_body_of_twilio_is_signed_by_its_hash():
    raw = b'{"property": "value", "boolean": true}'
    url = f"{URL}?bodySHA256={hashlib.sha256(raw).hexdigest()}"
    signature = twilio_says(url, [])
    assert twilio(url, raw, signature)
    assert not twilio(url, raw + b" ", signature)
    assert not twilio(f"{URL}?bodySHA256=0", raw, twilio_says(f"{URL}?bodySHA256=0", []))


@given(st.binary(max_size=200))
def test_meta_is_known_by_the_raw_bytes(raw: bytes):
    assert meta(raw, meta_says(raw))
    assert not meta(raw + b" ", meta_says(raw))


def test_while_a_secret_is_replaced_both_count_and_then_only_the_new_one():
    raw, signature = urlencode(FORM).encode(), twilio_says(URL, FORM, token="old")
    assert twilio(URL, raw, signature, tokens=("new", "old"))
    assert not twilio(URL, raw, signature, tokens=("new",))
    assert meta(b"{}", meta_says(b"{}", secret="old"), secrets=("new", "old"))
    assert not meta(b"{}", meta_says(b"{}", secret="old"), secrets=("new",))


@given(st.data())
def test_no_change_of_a_request_passes(data: st.DataObject):
    raw, signature = urlencode(FORM).encode(), twilio_says(URL, FORM)
    place = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:place] + data.draw(st.binary(min_size=1, max_size=1)) + raw[place + 1 :]
    assert twilio(URL, changed, signature) == same_form(changed, raw)
    assert meta(changed, meta_says(raw)) == (changed == raw)


def same_form(one: bytes, other: bytes) -> bool:
    return twilio_says(URL, read(one)) == twilio_says(URL, read(other))


def read(raw: bytes) -> list[tuple[str, str]]:
    return parse_qsl(raw.decode(errors="replace"), keep_blank_values=True)


@pytest.mark.parametrize("hook", [TWILIO, WHATSAPP], ids=["twilio", "meta"])
@pytest.mark.parametrize("signature", ["", "sha256=", "ü", "=" * 10_000, "sha256=" + "0" * 64])
def test_what_is_no_signature_is_refused(hook: Hook, signature: str):
    secrets = dict.fromkeys(hook.secrets, (TOKEN,))
    headers = {"x-twilio-signature": signature, "x-hub-signature-256": signature}
    assert not hook.verify(Request(URL, headers, b"a=1"), secrets)
    assert not hook.verify(Request(URL, {}, b"a=1"), secrets)


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"&" * 5000, b"a=1&" * 1000, "ü=ß".encode("latin-1")])
def test_whatever_comes_is_told_apart_without_an_error(raw: bytes):
    assert not twilio(URL, raw, "nonsense")
    assert not meta(raw, "nonsense")


def test_meta_is_greeted_with_its_challenge_if_it_knows_the_token():
    asked = {"hub.mode": "subscribe", "hub.verify_token": "sample", "hub.challenge": "1158201444"}
    secrets = {"verify_token": ("old", "sample"), "app_secret": ("x",)}
    assert WHATSAPP.greet(asked, secrets) == "1158201444"
    assert WHATSAPP.greet({**asked, "hub.verify_token": "guess"}, secrets) is None
    assert WHATSAPP.greet({**asked, "hub.mode": "unsubscribe"}, secrets) is None
    assert WHATSAPP.greet({}, secrets) is None
