"""The commands as an operator types them, each in a process of its own, beside a Frontdesk that runs."""

import asyncio
import re
from pathlib import Path

import pytest

from router.settings import Settings
from tests.acceptance.deployed import EVERY_TEAM, Frontdesk, until
from tests.clients import command_line
from tests.clients.command_line import COLUMNS, Ended

PAYLOADS = Path(__file__).parents[1] / "payloads"
SECRET = re.compile(r"fd_\w+\S*")
MESSAGE = {
    "id": "1",
    "channel": "chat",
    "provider": "webchat",
    "account": "shop.example",
    "from": {"kind": "user", "value": "visitor-1", "name": "Ada Example"},
    "sent_at": "2026-03-01T09:30:00Z",
    "text": "Hello?",
}


class Operator:
    """Types commands, and reads what they say on a narrow terminal."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def tries(self, *arguments: str, stdin: bytes = b"") -> Ended:
        ended = await asyncio.to_thread(command_line.frontdesk, *arguments, settings=self._settings, stdin=stdin)
        assert "Traceback" not in ended.err
        return ended

    async def does(self, *arguments: str, stdin: bytes = b"") -> str:
        ended = await self.tries(*arguments, stdin=stdin)
        assert ended.status == 0, ended.err
        return ended.out

    async def lists(self, *arguments: str) -> str:
        """A table that fits the terminal."""
        table = await self.does(*arguments, "list")
        assert max(map(len, table.splitlines())) <= COLUMNS, table
        return table


@pytest.fixture
def operator(settings: Settings) -> Operator:
    return Operator(settings)


async def test_a_token_works_until_it_is_revoked_and_no_longer_than_five_seconds_after(
    frontdesk: Frontdesk, operator: Operator
):
    made = await operator.does("token", "create", "shop", "--role", "integration")
    shop = frontdesk.holding(made.strip())
    assert (await shop.post("/v1/messages", json=MESSAGE)).status == 202
    listed = await operator.lists("token")
    assert "shop" in listed
    assert not SECRET.search(listed)

    assert await operator.does("token", "revoke", "shop") == "revoked shop\n"

    async def is_refused() -> bool:
        return (await shop.post("/v1/messages", json=MESSAGE)).status == 401

    await until(is_refused, within_s=5)


async def test_a_token_names_teams_of_the_policy_and_one_without_any_comes_with_a_warning(
    frontdesk: Frontdesk, operator: Operator
):
    ada = ("--role", "agent", "--agent", "Ada")
    unknown = await operator.tries("token", "create", "ada", *ada, "--team", "frontlin")
    assert (unknown.status, unknown.err) == (
        1,
        "frontdesk: --team: 'frontlin' is not a team of the policy, which has frontline, specialists, key-accounts\n",
    )
    teamless = await operator.tries("token", "create", "ada", *ada)
    assert (teamless.status, teamless.err) == (
        0,
        "frontdesk: Ada is in no team and will see no tickets: use `frontdesk team add`\n",
    )
    await operator.does("team", "add", "frontline", "Ada")
    assert (await operator.tries("token", "create", "phone", *ada)).err == ""


async def test_a_payload_is_sent_as_an_integration_would_and_an_agent_gets_it(frontdesk: Frontdesk, operator: Operator):
    teams = [word for team in EVERY_TEAM for word in ("--team", team)]
    made = await operator.does(
        "token", "create", "grace", "--role", "agent", "--agent", "Grace", "--skill", "german", *teams
    )
    grace = frontdesk.holding(made.strip())
    mail = str(PAYLOADS / "email.rfc822" / "plain.eml")
    sent = await operator.does("send", mail, "--format", "email.rfc822", "--account", "desk@acme.example")
    confirmed, told = sent.splitlines()
    assert confirmed == "confirmed"
    assert re.search(r"ask GET (/v1/messages/email/desk%40acme\.example/\S+) what became of it", told)
    page = (await grace.post("/v1/me/next?wait=20")).json
    assert [(thread["channel"], thread["account"]) for thread in page["conversations"]] == [
        ("email", "desk@acme.example")
    ]


async def test_what_could_not_be_processed_is_listed_shown_and_sent_through_again(
    frontdesk: Frontdesk, operator: Operator
):
    broken = b'{"id": "1", "text": "\xc3\xa4"}'
    await frontdesk.publish(broken, "message.v1")
    await frontdesk.publish_json(MESSAGE)
    await frontdesk.publish(broken + b" ", "message.v1")
    await frontdesk.has_taken_in(3)
    listed = await operator.lists("unprocessable")
    assert re.findall(r"^\s*(\d+) ", listed, re.MULTILINE) == ["2", "1"]

    shown = await operator.does("unprocessable", "show", "1")
    assert "reason       malformed" in shown
    assert "channel: is missing" in shown
    assert shown.encode().endswith(broken)

    replayed = await operator.tries("unprocessable", "replay", "1", "2", "1")
    assert (replayed.status, replayed.err) == (0, "")
    assert replayed.out.splitlines() == [
        "replayed 1",
        "replayed 2",
        "Payloads that are refused again get a new id: see `frontdesk unprocessable list`.",
    ]
    await frontdesk.has_taken_in(5)
    assert [row.reason for row in await pending(frontdesk)] == ["malformed", "malformed"]
    assert {row.id for row in await pending(frontdesk)} == {3, 4}


async def test_what_a_sender_wrote_neither_breaks_the_list_nor_steers_the_terminal(
    frontdesk: Frontdesk, operator: Operator
):
    await frontdesk.publish(b"?", "[/x]", account="a\x1b]0;owned\x07")
    await frontdesk.has_taken_in(1)
    listed = await operator.lists("unprocessable")
    shown = await operator.does("unprocessable", "show", "1")
    assert "[/x]" in listed
    assert "format       [/x]" in shown
    assert "account      a\ufffd]0;owned\ufffd" in shown
    assert not {"\x1b", "\x07"} & set(listed + shown)


async def test_a_blocked_customer_gets_no_tickets_until_unblocked(frontdesk: Frontdesk, operator: Operator):
    grace = await frontdesk.agent()
    await frontdesk.publish_json(MESSAGE)
    page = (await grace.post("/v1/me/next?wait=20")).json
    await grace.post(f"/v1/tickets/{page['ticket']['id']}/resolve", lease=page["lease"])
    customer = str(page["customer"]["id"])

    assert await operator.does("customer", "block", customer) == f"blocked {customer}\n"
    await frontdesk.publish_json({**MESSAGE, "id": "2"})
    await frontdesk.has_taken_in(2)
    assert (await grace.post("/v1/me/next")).status == 204
    assert frontdesk.counted("router_messages_received_total", outcome="blocked") == 1

    assert await operator.does("customer", "unblock", customer) == f"unblocked {customer}\n"
    await frontdesk.publish_json({**MESSAGE, "id": "3"})
    assert (await grace.post("/v1/me/next?wait=20")).status == 200


async def test_a_customer_is_of_the_tier_that_an_operator_gives(frontdesk: Frontdesk, operator: Operator):
    grace = await frontdesk.agent()
    await frontdesk.publish_json(MESSAGE)
    page = (await grace.post("/v1/me/next?wait=20")).json
    assert page["decision"]["route"] == "chat"
    await grace.post(f"/v1/tickets/{page['ticket']['id']}/resolve", lease=page["lease"])
    customer = str(page["customer"]["id"])

    unknown = await operator.tries("customer", "tier", customer, "gold")
    assert (unknown.status, unknown.err) == (
        1,
        "frontdesk: TIER: 'gold' is not a tier of the policy, which has vip\n",
    )
    assert await operator.does("customer", "tier", customer, "vip") == f"{customer} is in tier vip\n"
    await frontdesk.publish_json({**MESSAGE, "id": "2", "channel": "sms"})
    page = (await grace.post("/v1/me/next?wait=20")).json
    assert (page["decision"]["route"], page["customer"]["tier"]) == ("vip-live", "vip")

    await operator.does("customer", "tier", customer)
    assert (await grace.get(f"/v1/customers/{customer}")).json["tier"] is None


async def test_erasing_asks_first_and_says_what_went(frontdesk: Frontdesk, operator: Operator):
    grace = await frontdesk.agent()
    await frontdesk.publish_json(MESSAGE)
    page = (await grace.post("/v1/me/next?wait=20")).json
    customer = str(page["customer"]["id"])
    unknown = await operator.tries("customer", "erase", "77")
    assert (unknown.out, unknown.err) == ("", "frontdesk: There is no customer 77.\n")
    assert (await operator.tries("customer", "erase", customer, stdin=b"n\n")).status == 1
    assert (await grace.get(f"/v1/customers/{customer}")).json["name"] == "Ada Example"
    erased = await operator.does("customer", "erase", customer, "--yes")
    assert erased == "erased 1 handle and the words of 1 message\n"
    assert (await grace.get(f"/v1/customers/{customer}")).json["name"] is None


async def test_the_switch_stops_intake_and_lets_it_go_on(frontdesk: Frontdesk, operator: Operator):
    assert await operator.does("switch", "off") == "intake is off: messages stay in the broker\n"
    await until(frontdesk.warnings)
    assert await operator.does("switch", "status") == "intake is off\n"
    assert await operator.does("switch", "on") == "intake is on\n"
    await frontdesk.is_ready()


async def pending(frontdesk: Frontdesk):
    return await frontdesk.process.deployment.unprocessable.newest(10, before=None, pending=True)
