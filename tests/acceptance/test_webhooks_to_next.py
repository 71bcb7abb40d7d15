"""A provider calls our webhook, and what the customer wrote is what an agent gets, once, however often it is sent."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from router.settings import Settings
from tests.acceptance.deployed import Frontdesk, deployed
from tests.acceptance.test_providers_to_next import TWILIO, WHATSAPP, given, said, where
from tests.making.accounts import META_PATH, TWILIO_PATH, meta_headers, twilio_body, twilio_headers, write_accounts


@pytest.fixture
async def reached(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Frontdesk]:
    monkeypatch.setenv("SAMPLE_VERIFY_TOKEN", "sample-verify")
    async with deployed(settings.model_copy(update={"channels_path": write_accounts(tmp_path)})) as frontdesk:
        await frontdesk.is_ready()
        yield frontdesk


async def test_a_signed_text_message_reaches_an_agent_and_sending_it_again_changes_nothing(reached: Frontdesk):
    twilio, agent = reached.holding(None), await reached.agent()
    for _ in range(2):
        answer = await twilio.post(TWILIO_PATH, data=twilio_body(TWILIO), headers=twilio_headers(TWILIO))
        assert answer.status == 200
    page = await given(agent)
    assert where(page)[:3] == ("sms", "twilio", "+493012345678")
    await reached.has_taken_in(2)
    assert said(page) == [TWILIO["Body"]]
    assert reached.counted("router_messages_received_total", outcome="duplicate") == 1
    assert (await agent.post("/v1/me/next")).status == 204


async def test_a_signed_webhook_of_whatsapp_reaches_an_agent_and_a_forged_one_nobody(reached: Frontdesk):
    meta, raw = reached.holding(None), json.dumps(WHATSAPP).encode()
    forged = await meta.post(META_PATH, data=raw, headers=meta_headers(raw + b" "))
    assert forged.status == 403
    assert (await meta.post(META_PATH, data=raw, headers=meta_headers(raw))).status == 200
    await reached.has_taken_in(3)
    assert where(await given(await reached.agent()))[:3] == ("social", "whatsapp", "2001")
