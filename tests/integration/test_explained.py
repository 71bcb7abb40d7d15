"""An explanation is true: its facts decide the same again, and after each move it names who, when, why, from where."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import TypeAdapter

from channels.message import Attachment, Channel, InboundMessage
from router.api.endpoint import to_json
from router.decide.classify import classify
from router.decide.route import considered, route
from router.domain.actor import OPERATOR, Actor
from router.domain.agent import Agent, Lease, Role, Status
from router.domain.customer import CustomerId
from router.domain.ticket import TicketId
from router.flow.assign.hold import Hold
from router.flow.see.explanation import Explained
from router.flow.see.steps import Place
from router.flow.see.telling import WIDTH, lines
from router.flow.work.explaining import Explaining
from router.flow.work.transfer import Destination
from router.policy.parse import parse_policy
from router.postgres.database import Database
from router.postgres.run.operations import PostgresOperations
from router.postgres.see.records import PostgresRecords
from router.postgres.work.customers import PostgresCustomers
from router.settings import default_policy_path
from tests.making.messages import a_message, a_phone, a_user, an_email
from tests.making.moments import HOUR, MINUTE
from tests.making.product import Product

SHIPPED = default_policy_path().read_text()
POLICY = """
assignment: {grace: 90s, away_after_missed: 1}
teams:
  frontline: {takes: any, overflow_to: [specialists]}
  specialists: {takes: any}
queues:
  general: {team: frontline, cherry_pick: true, sticky_for: 10m, reopen: always}
  live: {team: frontline, mode: push}
  expert: {team: specialists}
routes:
  - {name: chat, when: {channel: chat}, queue: live, target: 1m}
  - name: rest
    queue: general
    target: 4h
    relax: [{after: 1h, target: 2h}, {after: 2h, queue: expert}]
triage: {bias: -1, languages: [en]}
threading: {join_channels_within: 4h}
"""
ADA, VERIFIED_ADA = an_email(), an_email(verified=True)
A_FILE = Attachment(name="bill.pdf", content_type="application/pdf", size=3, url="https://files.example/bill.pdf")
VARIED: Mapping[str, InboundMessage] = {
    "a simple question": a_message(subject="Opening hours", text="When do you open on Saturday?"),
    "legal words": a_message(an_email("legal@example.com"), "My lawyer will sue you over the refund. This is fraud!"),
    "German": a_message(
        an_email("de@example.com"), "Guten Tag, wo bleibt meine Bestellung? Ich warte schon lange darauf."
    ),
    "German and complex": a_message(
        an_email("dsgvo@example.com"),
        "Mein Anwalt verlangt Auskunft nach der DSGVO und eine Rückerstattung, sonst Klage!",
    ),
    "a chat": a_message(a_user("visitor"), "hi, anyone there?", channel=Channel.CHAT),
    "a text message": a_message(a_phone("+447700900123"), "Where is my order?", channel=Channel.SMS),
    "a complex text message": a_message(
        a_phone("+447700900124"), "You charged me twice. Chargeback! My lawyer writes next.", channel=Channel.SMS
    ),
    "capitals and questions": a_message(
        an_email("loud@example.com"), "WHY IS THIS LATE? WHERE IS IT? WHEN DOES IT COME?"
    ),
    "a file and attributes": a_message(
        an_email("file@example.com"), "The bill is attached.", attachments=(A_FILE,), attributes={"plan": "gold"}
    ),
    "a very long mail": a_message(an_email("long@example.com"), "I would like to tell you a story. " * 400),
    "no words": a_message(a_phone("+447700900125"), "", channel=Channel.SOCIAL, attachments=(A_FILE,)),
}
ADMIN = Actor(role=Role.ADMIN)
TO_EXPERT, TO_ANN = Destination(queue="expert", note="One for you."), Destination(agent="Ann")
_JSON = TypeAdapter(Explained)


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A center under a policy, and Ann, who works in both teams and leads them."""

    database: Database
    product: Product
    ann: Agent

    @property
    def lead(self) -> Actor:
        return Actor(role=Role.LEAD, agent=self.ann)

    async def hear(self, message: InboundMessage | None = None) -> TicketId:
        message = message or a_message()
        await self.product.receive([message])
        return TicketId((await self.product.see_messages())[message.external_id])

    async def pick(self, ticket_id: TicketId) -> Hold:
        return Hold(agent=self.ann, lease=await self.product.picking.take(self.ann, ticket_id))

    async def offered(self) -> Hold:
        await self.product.dispatcher.offer_all()
        [row] = await self.database.fetch("test", "select id, lease_epoch from ticket where state = 'offered'")
        return Hold(agent=self.ann, lease=Lease(row["id"], row["lease_epoch"]))

    async def pass_time(self, by: timedelta) -> None:
        await self.product.pass_time(by)
        await self.product.presences.seen(self.ann.id)

    async def explain(self, ticket_id: TicketId, by: Actor = OPERATOR) -> Explained:
        """As it comes out of its JSON."""
        explaining = Explaining(lead=self.product.lead, records=PostgresRecords(self.database))
        return _JSON.validate_json(to_json(await explaining.explain(by, ticket_id)))


@asynccontextmanager
async def a_shift(database: Database, text: str) -> AsyncIterator[Shift]:
    policy = parse_policy(text)
    product = Product(database, policy)
    async with product.running():
        await PostgresOperations(database).remember_policy(policy.version, text)
        ann = await product.hire("Ann", teams=["frontline", "specialists"], skills=[], limit=9)
        yield Shift(database=database, product=product, ann=ann)


async def test_what_an_explanation_says_decides_the_same_again(database: Database):
    policy = parse_policy(SHIPPED)
    seen = set()
    async with a_shift(database, SHIPPED) as shift:
        for name, message in VARIED.items():
            told = await shift.explain(await shift.hear(message))
            [read] = told.messages
            decided = read.decided
            assert decided, name
            triage = classify(decided.query, policy.triage)
            facts = decided.facts_for(triage.complexity)
            again = route(facts, policy)
            assert (triage.complexity, round(triage.probability, 3)) == (decided.complexity, decided.probability), name
            assert [(r.signal, r.words) for r in triage.reasons] == [(r.signal, r.words) for r in decided.reasons], name
            assert (again.route, again.requirement.queue) == (decided.route, told.queue), name
            assert [(c.route, c.why_not) for c in considered(facts, policy)] == [
                (c.route, c.why_not) for c in decided.considered
            ], name
            score = decided.bias + sum(reason.weight for reason in decided.reasons)
            assert (score >= 0) == (decided.probability >= 0.5), name
            assert (decided.queue, decided.team) == (told.queue, told.team), name
            seen.add(told.queue)
    assert len(seen) > 2  # else this shows little


async def test_customer_and_thread_are_named_with_their_evidence(database: Database):
    async with a_shift(database, POLICY) as shift:
        first = a_message(VERIFIED_ADA)
        ticket_id = await shift.hear(first)
        await shift.hear(a_message(ADA, references=[first.external_id]))
        sms = a_message(a_phone(), "And by text", channel=Channel.SMS, also=(VERIFIED_ADA,))
        assert await shift.hear(sms) == ticket_id
        told = await shift.explain(ticket_id)
    assert [(read.did, read.identify, read.thread) for read in told.messages] == [
        ("began it", "no handle is known", "none"),
        ("continued it", "email handle is known", "reference"),
        ("joined it", "email handle is known", "none"),
    ]
    joined = told.messages[2].decided
    assert joined
    assert (joined.route, joined.queue, joined.channel) == ("rest", "general", "sms")
    assert told.messages[0].conversation == told.messages[1].conversation != told.messages[2].conversation


async def test_a_policy_that_changed_since_still_explains_what_it_decided(database: Database):
    async with a_shift(database, POLICY) as shift:
        ticket_id = await shift.hear()
        later = Shift(database=database, product=Product(database, parse_policy(SHIPPED)), ann=shift.ann)
        decided = (await later.explain(ticket_id)).messages[0].decided
        assert decided
        assert [(c.route, c.why_not) for c in decided.considered] == [
            ("chat", "channel is email, not chat"),
            ("rest", None),
        ]
        await database.execute("test", "delete from policy_version")
        decided = (await later.explain(ticket_id)).messages[0].decided
    assert decided
    assert (decided.considered, decided.bias, decided.route, decided.queue) == ([], None, "rest", "general")


async def test_after_an_erasure_an_explanation_holds_no_words(database: Database):
    async with a_shift(database, POLICY) as shift:
        ticket_id = await shift.hear(a_message(an_email("zyx@example.com"), "Pomegranate?", subject="Quince"))
        told = await shift.explain(ticket_id)
        assert b"Pomegranate" in to_json(told)
        await PostgresCustomers(database).erase(OPERATOR, CustomerId(told.customer))
        after = to_json(await shift.explain(ticket_id)).decode()
    assert [word for word in ("zyx", "Pomegranate", "Quince") if word in after] == []


async def transferred(shift: Shift, ticket_id: TicketId) -> None:
    await shift.product.desk.transfer(await shift.pick(ticket_id), TO_EXPERT)


async def transferred_to_an_agent(shift: Shift, ticket_id: TicketId) -> None:
    await shift.product.desk.transfer(await shift.pick(ticket_id), TO_ANN)


async def reassigned(shift: Shift, ticket_id: TicketId) -> None:
    await shift.pick(ticket_id)
    await shift.product.lead.reassign(shift.lead, ticket_id, TO_EXPERT)


async def undone(shift: Shift, ticket_id: TicketId) -> None:
    await shift.product.lead.reassign(ADMIN, ticket_id, TO_EXPERT)
    await shift.product.lead.undo(shift.lead, ticket_id)


async def brought_forward(shift: Shift, _: TicketId) -> None:
    await shift.pass_time(HOUR + MINUTE)
    await shift.product.timers.relax()


async def relaxed_elsewhere(shift: Shift, _: TicketId) -> None:
    await shift.pass_time(2 * HOUR + MINUTE)
    await shift.product.timers.relax()


async def merged_into_another(shift: Shift, ticket_id: TicketId) -> None:
    other = await shift.hear(a_message(ADA))
    await shift.product.desk.merge(await shift.pick(ticket_id), other)


async def merged_from_another(shift: Shift, ticket_id: TicketId) -> None:
    other = await shift.hear(a_message(ADA))
    await shift.product.desk.merge(await shift.pick(other), ticket_id)


async def reopened(shift: Shift, ticket_id: TicketId) -> None:
    await shift.product.desk.resolve(await shift.pick(ticket_id))
    [row] = await shift.database.fetch("test", "select external_id from message where ticket_id = $1", ticket_id)
    await shift.hear(a_message(ADA, references=[row["external_id"]]))


async def woken_by_time(shift: Shift, ticket_id: TicketId) -> None:
    await shift.product.desk.snooze(await shift.pick(ticket_id), until=datetime.now(UTC) + HOUR)
    await shift.pass_time(2 * HOUR)
    await shift.product.timers.wake()


async def requeued(shift: Shift, ticket_id: TicketId) -> None:
    await shift.pick(ticket_id)
    await shift.product.lead.requeue(shift.lead, "Ann")


async def lost(shift: Shift, ticket_id: TicketId) -> None:
    await shift.pick(ticket_id)
    await shift.product.pass_time(2 * MINUTE)
    await shift.product.timers.release_lost()


async def closed(shift: Shift, _: TicketId) -> None:
    await shift.product.lead.close(shift.lead, "general", why="The storm is over.")


Move = Callable[[Shift, TicketId], Awaitable[None]]
HELD, IN_GENERAL, FOR_ANN = ("assigned", "general", "Ann"), ("queued", "general", None), ("queued", "general", "Ann")
IN_EXPERT, ENDED = ("queued", "expert", None), ("resolved", "general", None)
# by whom, the kind or reason, from where to where, what they wrote about it, and the sentence
MOVES: list[tuple[Move, str, str, object, object, str | None, str]] = [
    (
        transferred, "agent Ann", "transferred", HELD, IN_EXPERT, "One for you.",
        "Agent Ann moved it from queue general to queue expert.",
    ),
    (
        transferred_to_an_agent, "agent Ann", "transferred", HELD, FOR_ANN, None,
        "Agent Ann moved it from queue general back into queue general, for Ann first.",
    ),
    (
        reassigned, "lead Ann", "reassigned", HELD, IN_EXPERT, "One for you.",
        "Lead Ann moved it from queue general, where Ann had it, to queue expert.",
    ),
    (
        undone, "lead Ann", "undone", IN_EXPERT, IN_GENERAL, None,
        "Lead Ann took back the last move: from queue expert to queue general, with the times that it had there.",
    ),
    (
        brought_forward, "the timers", "step", IN_GENERAL, IN_GENERAL, None,
        "It had waited long, so step 1 of its route was taken: it is due at ",
    ),
    (
        relaxed_elsewhere, "the timers", "step", IN_GENERAL, IN_EXPERT, None,
        "It had waited long, so step 2 of its route was taken: it moved from queue general to queue expert",
    ),
    (
        merged_into_another, "agent Ann", "merge", HELD, ENDED, None,
        "Agent Ann merged it into ticket 2, which goes on.",
    ),
    (
        merged_from_another, "agent Ann", "merge", IN_GENERAL, IN_GENERAL, None,
        "Agent Ann merged ticket 2 into it.",
    ),
    (
        reopened, "intake", "reopened", ENDED, FOR_ANN, None,
        "The customer wrote again after it had ended: a new wait began, in queue general, for Ann first.",
    ),
    (
        woken_by_time, "the timers", "woken", ("snoozed", "general", None), FOR_ANN, None,
        "The time of its snooze was over: a new wait began, in queue general, for Ann first.",
    ),
    (
        requeued, "lead Ann", "requeued", HELD, IN_GENERAL, None,
        "Lead Ann took it from Ann, who had it. It waits at the place that it had.",
    ),
    (
        lost, "the timers", "agent_lost", HELD, IN_GENERAL, None,
        "Ann, who had it, gave no sign of life any more. It waits at the place that it had.",
    ),
    (
        closed, "lead Ann", "closed", IN_GENERAL, ENDED, "The storm is over.",
        "Lead Ann closed what waited in queue general.",
    ),
]  # fmt: skip
LAST_EVENT = """
select at from ticket_event where ticket_id = $1 and kind <> 'note' order by id desc limit 1"""


@pytest.mark.parametrize(
    ("move", "by", "what", "was", "now", "why", "words"), MOVES, ids=[move[0].__name__ for move in MOVES]
)
async def test_after_each_move_it_names_who_when_why_and_from_where(  # noqa: PLR0917 - a row of the table
    database: Database, move: Move, by: str, what: str, was: object, now: object, why: str | None, words: str
):
    async with a_shift(database, POLICY) as shift:
        ticket_id = await shift.hear(a_message(VERIFIED_ADA))
        await move(shift, ticket_id)
        told = await shift.explain(ticket_id, by=ADMIN)
        [row] = await shift.database.fetch("test", LAST_EVENT, ticket_id)
    last = told.moves[-1]
    assert (last.by, last.reason or last.kind, place(last.was), place(last.now), last.why) == (by, what, was, now, why)
    assert last.words.startswith(words)
    assert (last.at, last.now.state, last.now.queue) == (row["at"], told.state, told.queue)
    assert told.last_move == last.words
    assert not [step.words for step in told.moves if "None" in step.words]


def place(of: Place) -> tuple[str, str | None, str | None]:
    return of.state, of.queue, of.agent


async def test_each_offer_is_told_with_its_end(database: Database):
    async with a_shift(database, POLICY) as shift:
        product = shift.product
        chat = a_message(a_user(), channel=Channel.CHAT)
        await product.receive([chat])
        await product.offers.decline(await shift.offered())
        await shift.offered()
        await product.presences.declare(shift.ann, Status.AWAY)
        await product.presences.declare(shift.ann, Status.AVAILABLE)
        await shift.offered()
        await shift.pass_time(HOUR)
        await product.timers.expire_offers()
        await product.presences.declare(shift.ann, Status.AVAILABLE)
        await product.offers.accept(await shift.offered())
        ticket_id = TicketId((await product.see_messages())[chat.external_id])
        told = await shift.explain(ticket_id)
    assert [(offer.agent, offer.ended, offer.ended_by) for offer in told.offers] == [
        ("Ann", "declined", "agent Ann"),
        ("Ann", "withdrawn", "agent Ann"),
        ("Ann", "expired", "the timers"),
        ("Ann", "accepted", "agent Ann"),
    ]
    assert all(offer.ended_at and offer.ended_at >= offer.at for offer in told.offers)


async def test_the_text_fits_a_terminal_and_says_all_of_it(database: Database):
    async with a_shift(database, SHIPPED) as shift:
        ticket_id = await shift.hear(VARIED["legal words"])
        told = await shift.explain(ticket_id)
    text = list(lines(told))
    assert max(map(len, text)) <= WIDTH
    said = " ".join(" ".join(text).split())
    decided = told.messages[0].decided
    assert decided
    for reason in decided.reasons:
        assert f"{reason.weight:+.2f} {reason.words} ({reason.signal})" in said
    for asked in decided.considered[:-1]:
        assert f"no {asked.route}: {asked.why_not}" in said
    assert f"yes {decided.route}: queue {told.queue}" in said
    assert json.loads(to_json(told))["moves"][0]["was"]["state"] == "new"
