"""What a provider signed is published as it came; everything else is refused without a hint."""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from prometheus_client import CollectorRegistry

from router.metrics import Metrics
from tests.fakes.publisher import FakePublisher
from tests.making.accounts import META_PATH, TWILIO_PATH, meta_headers, twilio_body, twilio_headers, write_accounts
from tests.unit.api.doubles import ADMIN, INTEGRATION, an_app

FORM = {"MessageSid": "SM01", "From": "+4915112345678", "To": "+4930123456", "Body": "Grüße 😀"}
BODY = twilio_body(FORM)
GREETING = {"hub.mode": "subscribe", "hub.verify_token": "sample-verify", "hub.challenge": "1158201444"}

Client = TestClient[Any, Any]


@pytest.fixture
def publisher() -> FakePublisher:
    return FakePublisher()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def client(
    tmp_path: Path, publisher: FakePublisher, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Client]:
    monkeypatch.setenv("SAMPLE_VERIFY_TOKEN", "sample-verify")
    async with an_app(publisher, metrics=Metrics(registry), channels_path=write_accounts(tmp_path)) as client:
        yield client


async def test_what_the_provider_signed_is_published_as_it_came(client: Client, publisher: FakePublisher):
    answer = await client.post(TWILIO_PATH, data=BODY, headers=twilio_headers(FORM))
    assert (answer.status, answer.content_type, await answer.read()) == (200, "text/xml", b"<Response/>")
    answer = await client.post(META_PATH, data=b'{"object": "x"}', headers=meta_headers(b'{"object": "x"}'))
    assert (answer.status, await answer.read()) == (200, b"")
    assert [(each.routing_key, each.format, each.body, each.account) for each in publisher.published] == [
        ("sms.twilio", "sms.twilio", BODY, None),
        ("social.whatsapp", "social.whatsapp", b'{"object": "x"}', None),
    ]


async def test_the_query_belongs_to_the_address_that_is_signed(client: Client):
    path = f"{TWILIO_PATH}?from=console&a=%2B"
    assert (await client.post(path, data=BODY, headers=twilio_headers(FORM, path=path))).status == 200
    assert (await client.post(f"{path}1", data=BODY, headers=twilio_headers(FORM, path=path))).status == 403


@pytest.mark.parametrize("secret", ["sample-old", "sample-new"])
async def test_while_a_secret_is_replaced_both_count(client: Client, secret: str):
    answer = await client.post(META_PATH, data=b"{}", headers=meta_headers(b"{}", secret=secret))
    assert answer.status == 200


async def test_all_that_is_not_theirs_is_refused_alike(
    client: Client, publisher: FakePublisher, registry: CollectorRegistry
):
    signed = twilio_headers(FORM)
    answers = [
        await client.post(TWILIO_PATH, data=BODY),
        await client.post(TWILIO_PATH, data=BODY + b"x", headers=signed),
        await client.post(TWILIO_PATH, data=BODY, headers=twilio_headers(FORM, token="guess")),
        await client.post("/v1/channels/sms/twilio/nobody", data=BODY, headers=signed),
        await client.post("/v1/channels/social/twilio/support", data=BODY, headers=signed),
        await client.post("/v1/channels/sms/whatsapp/support", data=BODY, headers=signed),
        await client.get(TWILIO_PATH),
        await client.get(META_PATH),
        await client.get(META_PATH, params=GREETING | {"hub.verify_token": "guess"}),
    ]
    assert {answer.status for answer in answers} == {403}
    assert len({await answer.read() for answer in answers}) == 1
    assert publisher.published == []
    assert registry.get_sample_value("router_webhooks_total", {"provider": "twilio", "outcome": "refused"}) == 2 + 1


async def test_a_provider_that_tries_the_address_is_greeted(client: Client):
    answer = await client.get(META_PATH, params=GREETING)
    assert (answer.status, answer.content_type, await answer.text()) == (200, "text/plain", "1158201444")


async def test_what_the_bus_does_not_confirm_is_to_be_sent_again(
    client: Client, publisher: FakePublisher, registry: CollectorRegistry
):
    publisher.refused.add(BODY)
    answer = await client.post(TWILIO_PATH, data=BODY, headers=twilio_headers(FORM))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert registry.get_sample_value("router_webhooks_total", {"provider": "twilio", "outcome": "unavailable"}) == 1


async def test_with_more_at_once_than_there_is_room_for_it_is_to_be_sent_again(tmp_path: Path):
    async with an_app(max_in_flight=0, channels_path=write_accounts(tmp_path)) as client:
        assert (await client.post(TWILIO_PATH, data=BODY, headers=twilio_headers(FORM))).status == 503


async def test_what_cannot_be_checked_for_want_of_a_secret_is_to_be_sent_again(
    tmp_path: Path, publisher: FakePublisher
):
    path = write_accounts(tmp_path)
    (tmp_path / "twilio").unlink()
    async with an_app(publisher, channels_path=path) as client:
        answer = await client.post(TWILIO_PATH, data=BODY, headers=twilio_headers(FORM))
        ready = await (await client.get("/health/ready")).json()
    assert (answer.status, publisher.published) == (503, [])
    assert f"account support: auth_token is not in file {tmp_path}/twilio" in ready["warnings"]


@pytest.mark.parametrize(("secret", "status"), [(INTEGRATION, 200), (ADMIN, 200), ("nobody", 401)])
async def test_an_integration_may_try_an_account_without_a_signature(
    client: Client, publisher: FakePublisher, secret: str, status: int
):
    headers = {"Authorization": f"Bearer {secret}"}
    answer = await client.post(f"{TWILIO_PATH}/raw", data=BODY, headers=headers)
    assert (answer.status, len(publisher.published)) == (status, 1 if status == 200 else 0)


async def test_an_account_that_is_not_in_the_file_is_named_to_who_has_a_token(client: Client):
    headers = {"Authorization": f"Bearer {INTEGRATION}"}
    answer = await client.post("/v1/channels/sms/twilio/other/raw", data=BODY, headers=headers)
    assert (answer.status, (await answer.json())["detail"]) == (
        404,
        "The file of accounts has no other of sms by twilio.",
    )


async def test_a_body_that_is_too_large_is_refused(client: Client, publisher: FakePublisher):
    assert (await client.post(TWILIO_PATH, data=io.BytesIO(b"x" * 2_000_000))).status == 413
    assert publisher.published == []
