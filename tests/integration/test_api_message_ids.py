"""Every character that ids may have works in the address where a message's status is asked for."""

import pytest
from yarl import URL

from router.domain.agent import Role
from tests.clients.api import running_api

PRINTABLE = "".join(map(chr, range(0x21, 0x7F))).translate({ord("<"): None, ord(">"): None})

MESSAGE = {
    "id": "m1",
    "channel": "chat",
    "provider": "webchat",
    "account": "shop.example",
    "from": {"kind": "user", "value": "visitor-1"},
    "sent_at": "2026-03-01T09:30:00Z",
    "text": "Hello?",
}


@pytest.mark.parametrize("place", ["id", "account"])
async def test_the_status_url_of_any_id_and_account_leads_to_its_message(database_url: str, place: str):
    async with running_api(database_url) as api:
        shop = await api.caller(Role.INTEGRATION)
        for character in [*PRINTABLE, "ü", "漢", "😀", "%2F", "{id}", "a..b", "//"]:
            body = MESSAGE | {place: f"a{character}b" if len(character) == 1 else character}
            answered = await shop.post("/v1/messages", json=body)
            assert answered.status == 202, (character, answered.json)
            status = await shop.get(URL(answered.json["status_url"], encoded=True))
            assert status.json["detail"].startswith("There is no message with this key yet"), (character, status.json)
