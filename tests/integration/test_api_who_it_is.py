"""Who it is, on a ticket's page: names, what nobody vouches for, where answers are wanted, and what came back."""

from dataclasses import replace
from typing import Any

import pytest

from channels.message import Automatic, Channel, InboundMessage
from router.domain.agent import Agent, Role
from router.domain.mail_token import make_token
from router.policy.parse import parse_policy
from router.postgres.intake.receive import PostgresIntake
from router.postgres.work.tokens import Tokens
from tests.clients.api import POLICY, Api, Caller
from tests.clients.stream import listening
from tests.making.agents import an_agent
from tests.making.intake import MAILROOM, SECRET, a_receiver
from tests.making.messages import a_message, a_user, an_email

ADA = replace(an_email(), name="Ada Example")
MAIL = a_message(ADA, external_id="first@mail.example")


async def written(api: Api, *messages: InboundMessage) -> None:
    receiver = a_receiver(PostgresIntake(api.database), policy=lambda: parse_policy(POLICY))
    for message in messages:
        await receiver.take([MAILROOM.deliver(message)])


@pytest.fixture
async def asking(api: Api, grace: Agent) -> Caller:
    return await api.agent(grace)


async def given(asking: Caller) -> Any:
    answer = await asking.post("/v1/me/next")
    assert answer.status == 200, answer.json
    return answer.json


async def test_the_latest_name_and_that_of_each_message_are_on_the_page(api: Api, asking: Caller):
    renamed = replace(ADA, name="Ada King")
    unnamed = replace(ADA, name="ada@example.com")
    await written(api, MAIL, *(a_message(each, in_reply_to=MAIL.external_id) for each in (renamed, unnamed)))
    page = await given(asking)
    assert page["customer"]["name"] == "Ada King"
    assert [handle["name"] for handle in page["customer"]["handles"]] == ["Ada King"]
    assert [entry["author_name"] for entry in page["transcript"]] == ["Ada Example", "Ada King", "ada@example.com"]


async def test_what_a_visitor_says_of_themselves_is_on_the_page_and_identifies_nobody(api: Api, asking: Caller):
    visitor = replace(a_user(verified=False), name="Ada")
    claims = (an_email("ada@old.example"), an_email("ada@new.example"))
    chats = [
        a_message(visitor, channel=Channel.CHAT, key="visit", also=(claim,), attributes={"page": f"/help/{number}"})
        for number, claim in enumerate((claims[0], claims[1], claims[0]))
    ]
    await written(api, *chats)
    page = await given(asking)
    assert [(claim["kind"], claim["value"]) for claim in page["unverified"]] == [
        ("email", "ada@old.example"),
        ("email", "ada@new.example"),
    ]
    assert page["unverified"][0]["said_at"] == page["transcript"][-1]["received_at"]
    assert [[claim["value"] for claim in entry["unverified"]] for entry in page["transcript"]] == [
        [message.also[0].value] for message in chats
    ]
    assert [entry["attributes"]["page"] for entry in page["transcript"]] == ["/help/0", "/help/1", "/help/2"]
    assert [handle["kind"] for handle in page["customer"]["handles"]] == ["user"]


async def test_unverified_handles_outlast_the_last_fifty_entries(api: Api, asking: Caller):
    said = a_message(a_user(), channel=Channel.CHAT, key="visit", also=(an_email(),))
    await written(api, said, *(a_message(a_user(), channel=Channel.CHAT, key="visit") for _ in range(51)))
    page = await given(asking)
    assert [claim["value"] for claim in page["unverified"]] == [an_email().value]
    assert not any(entry["unverified"] for entry in page["transcript"])
    earlier = await asking.get(f"/v1/tickets/{page['ticket']['id']}/transcript?before={page['transcript_before']}")
    assert earlier.json["entries"][0]["unverified"][0]["value"] == an_email().value


async def test_where_answers_are_wanted_is_on_the_page_if_it_is_elsewhere(api: Api, asking: Caller):
    elsewhere = replace(an_email("office@example.com"), name="The office")
    await written(api, MAIL, a_message(ADA, in_reply_to=MAIL.external_id, reply_to=elsewhere))
    page = await given(asking)
    assert [entry["reply_to"] and entry["reply_to"]["value"] for entry in page["transcript"]] == [
        None,
        "office@example.com",
    ]
    assert page["conversations"][0]["reply_to"]["value"] == ADA.value


async def test_agents_are_shown_by_name(api: Api, grace: Agent, asking: Caller):
    await written(api, MAIL)
    page = await given(asking)
    path, lease = f"/v1/tickets/{page['ticket']['id']}", page["lease"]
    assert page["ticket"]["assigned_to_name"] == grace.name
    [held] = (await asking.get("/v1/me/tickets")).json["tickets"]
    [listed] = (await asking.get("/v1/tickets")).json["tickets"]
    assert held["assigned_to_name"] == listed["assigned_to_name"] == grace.name
    assert (await asking.post(f"{path}/reply", lease=lease, json={"text": "It is on its way."})).status == 201
    assert (await asking.post(f"{path}/resolve", lease=lease)).status == 204
    page = (await asking.get(path)).json
    assert page["transcript"][-1]["agent"] == page["customer"]["last_agent"] == grace.name
    assert page["ticket"]["assigned_to_name"] is None


async def test_the_name_of_another_teams_agent_is_nobodys_business(api: Api, grace: Agent, asking: Caller):
    await written(api, MAIL)
    page = await given(asking)
    stranger = await an_agent(api.database, "Linus", teams=["specialists"])
    await api.database.execute("test", "update customer set last_agent_id = $1", stranger.id)
    path = f"/v1/customers/{page['customer']['id']}"
    assert (await asking.get(path)).json["last_agent"] is None
    assert (await (await api.caller(Role.ADMIN)).get(path)).json["last_agent"] == stranger.name


def a_bounce(answer: int, conversation: int, *, delivery: str = "failed") -> InboundMessage:
    return a_message(
        an_email("mailer-daemon@mx.example"),
        "No such user",
        in_reply_to=f"{make_token(SECRET, conversation, answer)}@mail.acme.example",
        automatic=Automatic.BOUNCE,
        attributes={"delivery": delivery, "bounce_status": "5.1.1", "bounced_to": "ada@example.com"},
    )


async def test_an_agent_learns_that_an_answer_bounced(api: Api, grace: Agent, asking: Caller):
    await written(api, MAIL)
    page = await given(asking)
    path, conversation = f"/v1/tickets/{page['ticket']['id']}", page["conversations"][0]["id"]
    answer = (await asking.post(f"{path}/reply", lease=page["lease"], json={"text": "Yes."})).json["message_id"]
    secret = await Tokens(api.database).create("stream", Role.AGENT, agent_name=grace.name)
    async with listening(api.client, secret) as stream:
        assert (await stream.told()).data["tickets"][0]["bounced_at"] is None
        await written(api, a_bounce(answer, conversation, delivery="delayed"), a_bounce(answer, conversation))
        told = await stream.told()
    assert (told.kind, told.data["id"]) == ("answer_bounced", page["ticket"]["id"])
    page = (await asking.get(path)).json
    assert page["ticket"]["state"] == "assigned"
    assert page["ticket"]["bounced_at"] >= page["transcript"][-1]["received_at"]
    assert page["transcript"][-1]["attributes"]["bounced_to"] == "ada@example.com"
    delayed, bounced = (await asking.get(f"{path}/history")).json["events"][-2:]
    assert delayed["data"].keys() == {"automatic", "message"}
    assert bounced["kind"] == "receive"
    assert bounced["data"] == {
        "reason": "answer_bounced",
        "automatic": "bounce",
        "answer": answer,
        "status": "5.1.1",
        "message": page["transcript"][-1]["id"],
    }


async def test_a_bounce_reopens_nothing_and_a_forged_one_is_held(api: Api, asking: Caller):
    await written(api, MAIL)
    page = await given(asking)
    path, conversation = f"/v1/tickets/{page['ticket']['id']}", page["conversations"][0]["id"]
    answer = (await asking.post(f"{path}/reply", lease=page["lease"], json={"text": "Yes."})).json["message_id"]
    await asking.post(f"{path}/resolve", lease=page["lease"])
    forged = a_message(
        an_email("mailer-daemon@mx.example"),
        in_reply_to=f"fd.{conversation}.{answer}.0123456789abcdef@mail.acme.example",
        automatic=Automatic.BOUNCE,
        attributes={"delivery": "failed"},
    )
    await written(api, forged)
    assert (await asking.get(path)).json["ticket"]["bounced_at"] is None
    await written(api, a_bounce(answer, conversation))
    ticket = (await asking.get(path)).json["ticket"]
    assert (ticket["state"], ticket["bounced_at"] is None) == ("resolved", False)
