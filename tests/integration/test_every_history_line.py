"""The product writes every line that docs/api.md says a ticket's history can have, as it says there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from channels.message import Automatic, Channel, Handle, InboundMessage
from router.domain.actor import OPERATOR, Actor
from router.domain.agent import Agent, Lease, Role, Status
from router.domain.customer import CustomerId
from router.domain.ticket import TicketId
from router.flow.assign.hold import Hold
from router.flow.work.transfer import Destination
from router.policy.parse import parse_policy
from router.postgres.database import Database
from router.postgres.work.customers import PostgresCustomers
from tests.making import messages
from tests.making.messages import a_message, a_phone, a_user, an_email
from tests.making.moments import HOUR, MINUTE
from tests.making.product import Product
from tests.watching.history_table import undocumented, unwritten

POLICY = parse_policy("""
assignment: {grace: 90s, away_after_missed: 1}
teams:
  frontline: {takes: any, overflow_to: [specialists]}
  specialists: {takes: any}
queues:
  general: {team: frontline, cherry_pick: true, sticky_for: 10m, reopen: always}
  posts: {team: frontline, cherry_pick: true, wrap_up: 60s, abandon: true}
  live: {team: frontline, mode: push, abandon: true}
  expert: {team: specialists}
routes:
  - {name: chat, when: {channel: chat}, queue: live, target: 1m}
  - {name: social, when: {channel: social}, queue: posts, target: 1h}
  - {name: rest, queue: general, target: 4h, relax: [{after: 1h, target: 10m}]}
triage: {bias: -1, languages: [en]}
threading: {join_channels_within: 4h}
""")
ADA, BOB = an_email("ada@example.com", verified=True), an_email("bob@example.com", verified=True)
NOTHING_SAID: Mapping[str, str] = {}
TAKEN = {"id_was_taken": "another message with this id came first"}
SAID = {"author_from": "Reply-To", "list_evidence": "Precedence bulk or list +1", **TAKEN}
TO_ANN, TO_EXPERT = Destination(agent="Ann"), Destination(queue="expert", note="One for you.")
OFFERED = "select id, lease_epoch from ticket where state = 'offered' order by id"
FIRST_OFFER_ENDS = """
update ticket set state_until = now() where id = (select min(id) from ticket where state = 'offered')"""

_accounts = count(1)


async def test_every_documented_line_is_written_and_no_other(database: Database):
    lines: list[Mapping[str, Any]] = []
    for move in (
        customers_write,
        a_customer_leaves,
        agents_ask_and_choose,
        an_agent_answers_offers,
        offers_end,
        an_agent_writes,
        an_agent_lets_go,
        an_agent_merges,
        wrap_ups_end,
        an_agent_is_lost,
        waits_grow_long,
        a_lead_moves_tickets,
        a_customer_is_erased,
    ):
        product = Product(database, POLICY)
        async with product.running():
            ann = await product.hire("Ann", teams=["frontline", "specialists"], skills=[], limit=9)
            await move(Shift(database=database, product=product, ann=ann))
            lines += (await product.see()).events
    assert undocumented(lines) == []
    assert unwritten(lines) == []


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A center where nothing has happened yet, and Ann, the only agent, who is also a lead."""

    database: Database
    product: Product
    ann: Agent

    @property
    def lead(self) -> Actor:
        return Actor(role=Role.LEAD, agent=self.ann)

    async def hear(self, message: InboundMessage) -> TicketId:
        """Take the message in; return its ticket."""
        await self.product.receive([message])
        return TicketId((await self.product.see_messages())[message.external_id])

    async def pick(self, ticket_id: TicketId) -> Hold:
        return Hold(agent=self.ann, lease=await self.product.picking.take(self.ann, ticket_id))

    async def begin(self, message: InboundMessage) -> Hold:
        """Take the message in, and let Ann have its ticket."""
        return await self.pick(await self.hear(message))

    async def offer(self) -> list[Hold]:
        """Offer Ann what waits; return what she is offered now."""
        await self.product.dispatcher.offer_all()
        offered = await self.database.fetch("test", OFFERED)
        return [Hold(agent=self.ann, lease=Lease(row["id"], row["lease_epoch"])) for row in offered]

    async def pass_time(self, by: timedelta) -> None:
        """Let it be later, with Ann still there."""
        await self.product.pass_time(by)
        await self.product.presences.seen(self.ann.id)


def a_post() -> InboundMessage:
    """The start of another conversation, on another page, by the same customer."""
    return a_message(a_phone(), channel=Channel.SOCIAL, account=f"page {next(_accounts)}")


def a_chat(
    visitor: str = "ada", automatic: Automatic | None = None, attributes: Mapping[str, str] = NOTHING_SAID
) -> InboundMessage:
    return a_message(a_user(visitor), channel=Channel.CHAT, automatic=automatic, attributes=attributes)


async def customers_write(shift: Shift) -> None:
    await shift.hear(a_message(BOB))
    await _ada_writes(shift)
    await _ada_writes(shift, BOB)
    await _ada_writes(shift, attributes=SAID)


async def _ada_writes(shift: Shift, *also: Handle, attributes: Mapping[str, str] = NOTHING_SAID) -> None:
    """In all ways; `also` are handles of other customers that she controls."""
    a_message = partial(messages.a_message, also=also, attributes=attributes)
    first = a_message(ADA)

    def answer(automatic: Automatic | None = None) -> InboundMessage:
        return a_message(ADA, references=[first.external_id], automatic=automatic)

    def elsewhere() -> InboundMessage:
        return a_message(a_phone(), channel=Channel.SMS, account=f"number {next(_accounts)}", also=(ADA, *also))

    ticket_id = await shift.hear(first)
    await shift.hear(answer())
    await shift.hear(answer(Automatic.OUT_OF_OFFICE))
    await shift.hear(elsewhere())
    for message in (answer(), elsewhere()):
        await shift.product.desk.snooze(await shift.pick(ticket_id))
        await shift.hear(message)
    await shift.product.desk.resolve(await shift.pick(ticket_id))
    await shift.hear(answer())


async def a_customer_leaves(shift: Shift) -> None:
    for attributes in (NOTHING_SAID, TAKEN):
        await shift.hear(a_chat())
        await shift.hear(a_chat(automatic=Automatic.LEFT, attributes=attributes))


async def agents_ask_and_choose(shift: Shift) -> None:
    await shift.hear(a_message())
    await shift.product.ask([shift.ann])
    await shift.begin(a_message())


async def an_agent_answers_offers(shift: Shift) -> None:
    await shift.hear(a_chat())
    [offer] = await shift.offer()
    await shift.product.offers.decline(offer)
    [again] = await shift.offer()
    await shift.product.offers.accept(again)


async def offers_end(shift: Shift) -> None:
    """Because Ann goes away, because a lead drains her, and because she misses one of two."""
    product = shift.product
    await shift.hear(a_chat())
    await shift.hear(a_chat("bob"))
    await shift.offer()
    await product.presences.declare(shift.ann, Status.AWAY)
    await product.presences.declare(shift.ann, Status.AVAILABLE)
    await shift.offer()
    await product.lead.drain(shift.lead, "Ann", is_draining=True)
    await product.lead.drain(shift.lead, "Ann", is_draining=False)
    await shift.offer()
    await shift.database.execute("test", FIRST_OFFER_ENDS)
    await product.timers.expire_offers()


async def an_agent_writes(shift: Shift) -> None:
    hold = await shift.begin(a_message())
    await shift.product.desk.reply(hold, "Here you are.")
    await shift.product.desk.note(hold, "They sound cross.")


async def an_agent_lets_go(shift: Shift) -> None:
    desk = shift.product.desk
    await desk.transfer(await shift.begin(a_message()), TO_EXPERT)
    await desk.transfer(await shift.begin(a_message()), TO_ANN)
    await desk.resolve(await shift.begin(a_message()))
    await desk.abandon(await shift.begin(a_post()))
    await desk.snooze(await shift.begin(a_message()), until=datetime.now(UTC) + HOUR)
    await shift.pass_time(2 * HOUR)
    await shift.product.timers.wake()


async def an_agent_merges(shift: Shift) -> None:
    """Into snoozed tickets, one that is reserved for Ann when it wakes, and one that is not."""
    for message in (a_message, a_post):
        into = await shift.begin(message())
        await shift.product.desk.snooze(into)
        await shift.product.desk.merge(await shift.begin(message()), into.lease.ticket_id)


async def wrap_ups_end(shift: Shift) -> None:
    """One because Ann is done with it, and one because its time is over."""
    desk = shift.product.desk
    done = await shift.begin(a_post())
    await desk.resolve(done)
    await desk.finish(done)
    await desk.resolve(await shift.begin(a_post()))
    await shift.pass_time(2 * MINUTE)
    await shift.product.timers.end_wrap_ups()


async def an_agent_is_lost(shift: Shift) -> None:
    await shift.begin(a_post())
    await shift.product.desk.resolve(await shift.begin(a_post()))
    await shift.product.pass_time(2 * MINUTE)
    await shift.product.timers.release_lost()


async def waits_grow_long(shift: Shift) -> None:
    ticket_id = await shift.hear(a_message())
    await shift.product.lead.reassign(shift.lead, ticket_id, TO_ANN)
    await shift.pass_time(2 * HOUR)
    await shift.product.timers.end_reservations()
    await shift.product.timers.relax()


async def a_lead_moves_tickets(shift: Shift) -> None:
    lead, by = shift.product.lead, shift.lead
    ticket_id = await shift.hear(a_message())
    await lead.reassign(by, ticket_id, TO_ANN)
    await lead.reassign(by, ticket_id, TO_EXPERT)
    await lead.undo(by, ticket_id)
    await lead.undo(by, ticket_id)
    await shift.pick(ticket_id)
    await lead.requeue(by, "Ann")
    await lead.close(by, "general", why="No longer open.")


async def a_customer_is_erased(shift: Shift) -> None:
    await shift.hear(a_message())
    [ada] = await shift.database.fetch("test", "select id from customer")
    await PostgresCustomers(shift.database).erase(OPERATOR, CustomerId(ada["id"]))
