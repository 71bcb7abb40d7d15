"""A message's whole way in: identify, thread, classify, route, queue. Leaves batches and outages to `receive`."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from channels.message import Automatic, HandleKind, InboundMessage
from router.decide.classify import classify
from router.decide.identify import identify
from router.decide.route import route
from router.decide.thread import FollowUp, Thread, find_thread, follow_up, is_abandoned, joins
from router.decide.transfer import relaxed_after
from router.domain.conversation import Conversation, ConversationId
from router.domain.customer import AgentId, ContactOutcome, Customer, CustomerId
from router.domain.history import HistoryKind, HistoryReason
from router.domain.mail_token import read_token
from router.domain.ticket import Ticket, TicketState
from router.domain.triage import Facts, Gist, Query, Routing, Triage
from router.flow.intake.changes import Outcome, Received, Unprocessable
from router.flow.intake.world import World, mail_references
from router.flow.run.bus import Delivery
from router.policy.model import Policy

_WEEK = timedelta(days=7)


class Arrival(NamedTuple):
    """One parsed message with the delivery that brought it.

    With it what was read beside: its fingerprint and gist, the conversation that our token names, its language.
    """

    message: InboundMessage
    delivery: Delivery
    fingerprint: bytes
    gist: Gist
    tokened: ConversationId | None = None
    language: str | None = None


def tokened_conversation(message: InboundMessage, secret: bytes) -> ConversationId | None:
    """The conversation that a token of ours leads to: in a plus-address, or in the Message-IDs that a mail answers."""
    tokens = (*message.thread.tokens, *mail_references(message))
    return next(filter(None, (read_token(secret, token) for token in tokens)), None)


def take_in(arrival: Arrival, world: World, policy: Policy) -> Outcome:
    """Decide one message and change the world accordingly."""
    message = arrival.message
    world.advance()
    earlier = world.received(message.key)
    if earlier:
        return _again(arrival, earlier, world)

    identity = identify(message, world.handles)
    found = world.candidates(message, arrival.tokened, identity.customer_id)
    thread = find_thread(message, identity.customer_id, found, policy.threading, world.now)
    if message.automatic or _is_ours(message, policy):
        return _set_aside(arrival, thread, Outcome.SET_ASIDE, policy, world)
    known = world.customer(identity.customer_id) if identity.customer_id else None
    if policy.blocks(message.sender.value) or (known and known.is_blocked):
        return _set_aside(arrival, Thread(), Outcome.BLOCKED, policy, world)

    customer = world.welcome(message, identity)
    conversation = thread.conversation or world.begin_conversation(message, customer.id)
    because: dict[str, object] = {"identify": identity.because, "thread": thread.evidence.value}
    if identity.same_as:
        because |= {"maybe_same_as": list(identity.same_as)}
    matter = _Matter(arrival, customer, _tier(message, customer, policy), conversation, because)

    ticket = world.ticket_of(conversation)
    match follow_up(ticket, policy, world.now):
        case FollowUp.CONTINUES if ticket:
            return _continue(matter, ticket, Outcome.CONTINUED, policy, world)
        case FollowUp.REOPENS if ticket:
            return _reopen(matter, ticket, policy, world)
        case _:
            return _begin(matter, policy, world)


def _is_ours(message: InboundMessage, policy: Policy) -> bool:
    """Tell whether one of our own addresses wrote it: one that the policy names, or the account itself."""
    sender = message.sender
    # A user's id may be the same as the name of an account by chance: it is no address.
    is_account = sender.value == message.account and sender.kind is not HandleKind.USER
    return is_account or policy.is_own(sender.value)


class _Matter(NamedTuple):
    """A message that is for a ticket, who wrote it, where it belongs, and why: `because` grows as more is decided."""

    arrival: Arrival
    customer: Customer
    tier: str | None
    conversation: Conversation
    because: dict[str, object]


def _again(arrival: Arrival, earlier: Received, world: World) -> Outcome:
    """A repeated delivery changes nothing; another message under the same key is kept, never dropped."""
    if earlier.fingerprint == arrival.fingerprint:
        return Outcome.DUPLICATE
    world.changes.unprocessable.append(
        Unprocessable(
            delivery=arrival.delivery,
            stage="receive",
            reason=Outcome.CONFLICT,
            detail="another message with this id was received before, with other content",
            key=arrival.message.key,
        )
    )
    return Outcome.CONFLICT


def _set_aside(arrival: Arrival, thread: Thread, otherwise: Outcome, policy: Policy, world: World) -> Outcome:
    """Keep a message that no agent has to answer: beside what it answers, if that is known."""
    conversation = thread.conversation
    ticket = world.ticket_of(conversation) if conversation else None
    outcome = Outcome.ATTACHED if ticket else otherwise
    customer_id = conversation.customer_id if conversation else None
    message_id = world.put_message(arrival.message, arrival.delivery, customer_id, conversation, ticket)
    if conversation and ticket:
        automatic = arrival.message.automatic or Automatic.OWN_NOTIFICATION
        because = {"message": message_id, "automatic": automatic.value}
        if is_abandoned(arrival.message, ticket, policy):
            _abandon(ticket, conversation.customer_id, because, world)
        else:
            world.put_ticket(ticket, HistoryKind.RECEIVE, because)
    return _received(arrival, outcome, ticket, message_id, world)


def _abandon(ticket: Ticket, customer_id: CustomerId, because: Mapping[str, object], world: World) -> None:
    """End a ticket that nobody waits for any more; the customer's digest says so. An offer of it ends with it."""
    world.put_customer(world.customer(customer_id).with_outcome(ticket.id, ContactOutcome.ABANDONED))
    ended = ticket._replace(state=TicketState.ABANDONED, assigned_to=None)
    data = {"reason": HistoryReason.LEFT, "queue": ticket.routing.queue, "was": ticket.state.value, **because}
    world.put_ticket(ended, HistoryKind.ABANDON, data)


def _continue(matter: _Matter, ticket: Ticket, outcome: Outcome, policy: Policy, world: World) -> Outcome:
    """Add the message to an open ticket, which keeps its place; one that had been put aside waits anew."""
    heard = ticket.heard(world.now)
    match ticket.state:
        case TicketState.SNOOZED:
            woken = heard._replace(**_wait(ticket.routing, ticket.preferred_agent_id, policy, world))
            matter.because["reason"] = HistoryReason.WOKEN
            return _record(matter, woken, HistoryKind.QUEUE, outcome, world)
        case TicketState.WRAP_UP:  # whoever has just ended the contact still has it
            owner = world.customer(matter.conversation.customer_id)
            world.put_customer(owner.with_outcome(ticket.id, ContactOutcome.OPEN))
            return _record(matter, heard._replace(state=TicketState.ASSIGNED), HistoryKind.RECEIVE, outcome, world)
        case _:
            return _record(matter, heard, HistoryKind.RECEIVE, outcome, world)


def _reopen(matter: _Matter, ticket: Ticket, policy: Policy, world: World) -> Outcome:
    """Begin a new wait for a ticket that had ended, in its own queue and with its own target."""
    owner = world.customer(matter.conversation.customer_id)
    wait = _wait(ticket.routing, owner.last_agent_id, policy, world)
    heard = ticket.heard(world.now)
    reopened = heard._replace(reopened_count=ticket.reopened_count + 1, resolved_at=None, **wait)
    world.put_customer(owner._replace(reopened_count=owner.reopened_count + 1))
    world.add_contact(owner.id, matter.arrival.message.channel, reopened)
    matter.because["reason"] = HistoryReason.REOPENED
    return _record(matter, reopened, HistoryKind.QUEUE, Outcome.REOPENED, world)


def _begin(matter: _Matter, policy: Policy, world: World) -> Outcome:
    """Classify and route; then join an open ticket that the same team has from another channel, or queue a new one."""
    owner_id = matter.conversation.customer_id
    open_tickets = world.open_tickets_of(owner_id)
    triage = classify(_query(matter, len(open_tickets), world), policy.triage)
    routing = route(_facts(matter, triage), policy)
    joined = joins(matter.arrival.message, routing, open_tickets, policy.threading.join_channels_within, world.now)
    if joined:
        world.add_contact(owner_id, matter.arrival.message.channel, joined)
        matter.because.update(reason=HistoryReason.JOINED, route=routing.route)
        return _continue(matter, joined, Outcome.JOINED, policy, world)
    ticket = _new_ticket(matter, triage, routing, policy, world)
    world.add_contact(owner_id, matter.arrival.message.channel, ticket)
    matter.because.update(
        reason=HistoryReason.NEW,
        complexity=triage.complexity.value,
        probability=round(triage.probability, 3),
        route=routing.route,
        queue=routing.queue,
        policy_version=routing.policy_version,
    )
    return _record(matter, ticket, HistoryKind.QUEUE, Outcome.QUEUED, world)


def _record(matter: _Matter, ticket: Ticket, kind: HistoryKind, outcome: Outcome, world: World) -> Outcome:
    arrival = matter.arrival
    message_id = world.put_message(arrival.message, arrival.delivery, matter.customer.id, matter.conversation, ticket)
    world.put_ticket(ticket, kind, {**matter.because, "message": message_id})
    return _received(arrival, outcome, ticket, message_id, world)


def _received(arrival: Arrival, outcome: Outcome, ticket: Ticket | None, message_id: int, world: World) -> Outcome:
    world.put_received(
        Received(
            key=arrival.message.key,
            fingerprint=arrival.fingerprint,
            outcome=outcome,
            ticket_id=ticket.id if ticket else None,
            message_id=message_id,
        )
    )
    return outcome


def _query(matter: _Matter, open_tickets: int, world: World) -> Query:
    message, customer = matter.arrival.message, world.customer(matter.conversation.customer_id)
    return Query(
        channel=message.channel,
        gist=matter.arrival.gist,
        attachments=len(message.attachments),
        language=matter.arrival.language,
        contacts_7d=customer.contacts_within(_WEEK, world.now),
        reopened_count=customer.reopened_count,
        open_tickets=open_tickets,
        tier=matter.tier,
        is_returning=customer.is_returning,
    )


def _facts(matter: _Matter, triage: Triage) -> Facts:
    message = matter.arrival.message
    return Facts(
        complexity=triage.complexity,
        channel=message.channel,
        provider=message.provider,
        account=message.account,
        language=triage.language,
        tier=matter.tier,
        is_returning=matter.customer.is_returning,
        words=matter.arrival.gist.words,
        attributes=message.attributes,
        has_attachments=bool(message.attachments),
    )


def _tier(message: InboundMessage, customer: Customer, policy: Policy) -> str | None:
    vouched = (handle.value for handle in message.also if handle.verified)
    return policy.tier_of((message.sender.value, *vouched), customer.tier)


def _new_ticket(matter: _Matter, triage: Triage, routing: Routing, policy: Policy, world: World) -> Ticket:
    message, owner = matter.arrival.message, world.customer(matter.conversation.customer_id)
    return Ticket(
        id=world.ids.ticket(),
        customer_id=owner.id,
        channel=message.channel,
        subject=message.subject,
        triage=triage,
        routing=routing,
        last_customer_at=world.now,
        created_at=world.now,
        **_wait(routing, owner.last_agent_id, policy, world),
    )


def _wait(routing: Routing, wished: AgentId | None, policy: Policy, world: World) -> dict[str, Any]:
    """A ticket at the beginning of a wait: first for the agent wished for, where its queue knows such a wish."""
    now, queue = world.now, policy.queues.get(routing.queue)
    sticky_for = queue.sticky_for if queue and wished else timedelta(0)
    first_step = relaxed_after(routing.route, routing.queue, policy)
    return {
        "state": TicketState.QUEUED,
        "enqueued_at": now,
        "due_at": now + routing.target,
        "relax_at": now + first_step if first_step else None,
        "relaxed": 0,
        "preferred_agent_id": wished if sticky_for else None,
        "preferred_until": now + sticky_for if sticky_for else None,
    }
