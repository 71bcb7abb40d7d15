"""A message's whole way in: identify, thread, classify, route, queue. `receive` runs it for each message of a batch."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from channels.message import Automatic, Channel, InboundMessage
from router.decide.author import EVIDENCE, as_written, is_ours
from router.decide.classify import classify
from router.decide.identify import Identity, identify
from router.decide.repeat import TAKEN, fingerprints, without_id
from router.decide.route import route
from router.decide.thread import FollowUp, Thread, find_thread, follow_up, is_abandoned, joins
from router.decide.wait import again, begin, wake
from router.domain.conversation import Conversation
from router.domain.customer import ContactOutcome, Customer, CustomerId
from router.domain.history import HistoryKind, HistoryReason
from router.domain.ticket import Ticket, TicketState
from router.domain.triage import Facts, Query, Routing, Triage
from router.flow.intake.changes import Outcome, Received
from router.flow.intake.opening import Arrival
from router.flow.intake.world import World
from router.flow.run.bus import Delivery
from router.policy.model import Policy

_WEEK = timedelta(days=7)
_NOTHING: Mapping[str, object] = MappingProxyType({})


def take_in(arrival: Arrival, delivery: Delivery, world: World, policy: Policy) -> Outcome:
    """Decide what becomes of one message, and change the world accordingly."""
    world.advance()
    earlier = world.received(arrival.message.key)
    if _came_before(arrival, delivery, earlier, world):
        return Outcome.DUPLICATE

    message = as_written(without_id(arrival.message) if earlier else arrival.message, policy)
    arrival = arrival._replace(message=message)
    identity = identify(message, world.handles)
    candidates = world.candidates(message, arrival.tokened, identity.customer_id)
    thread = find_thread(message, identity.customer_id, candidates, policy.threading, world.now)
    if message.automatic or is_ours(message, policy):
        about = thread.conversation
        effect = _set_aside(message, about, policy, world)
        return _record(arrival, delivery, effect, world, conversation=about, customer_id=about and about.customer_id)
    known = world.customer(identity.customer_id) if identity.customer_id else None
    if policy.blocks(message.sender.value) or (known and known.is_blocked):
        return _record(arrival, delivery, _Effect(Outcome.BLOCKED), world)

    sender = world.welcome(message, identity)
    conversation = thread.conversation or world.begin_conversation(message, sender.id)
    effect = _effect_on_ticket(arrival, sender, conversation, policy, world)
    understood = _how_it_was_understood(message, identity, thread)
    return _record(
        arrival, delivery, effect, world, conversation=conversation, customer_id=sender.id, understood=understood
    )


class _Effect(NamedTuple):
    """What becomes of a message and its ticket: the ticket from now on, and its next line of history.

    If a message joins from another channel, the line says `joined` and the `route` that led to the ticket's team. That
    holds whether the `reason` is that it joined or that it woke the ticket.
    """

    outcome: Outcome
    ticket: Ticket | None = None
    kind: HistoryKind = HistoryKind.RECEIVE
    because: Mapping[str, object] = _NOTHING


def _record(
    arrival: Arrival,
    delivery: Delivery,
    effect: _Effect,
    world: World,
    *,
    conversation: Conversation | None = None,
    customer_id: CustomerId | None = None,
    understood: Mapping[str, object] = _NOTHING,
) -> Outcome:
    message_id = world.put_message(arrival.message, delivery, customer_id, conversation, effect.ticket)
    if effect.ticket:
        world.put_ticket(effect.ticket, effect.kind, {**understood, **effect.because, "message": message_id})
    world.put_received(
        Received(
            key=arrival.message.key,
            fingerprint=arrival.fingerprint,
            outcome=effect.outcome,
            ticket_id=effect.ticket.id if effect.ticket else None,
            message_id=message_id,
            conversation_id=conversation.id if conversation and arrival.message.id_is_taken else None,
        )
    )
    return effect.outcome


def _how_it_was_understood(message: InboundMessage, identity: Identity, thread: Thread) -> Mapping[str, object]:
    because: dict[str, object] = {"identify": identity.because, "thread": thread.evidence.value}
    if identity.same_as:
        because["maybe_same_as"] = list(identity.same_as)
    because.update((key, message.attributes[key]) for key in (*EVIDENCE, TAKEN) if key in message.attributes)
    return because


def _came_before(arrival: Arrival, delivery: Delivery, earlier: Received | None, world: World) -> bool:
    """Return whether exactly this message came before: with the same words, or in the same bytes.

    The bytes count because another release may read other words in them.
    """
    key, fingerprint = arrival.message.key, arrival.fingerprint
    if world.is_namesake(key, fingerprint):
        return True
    if earlier is None:
        return False
    if earlier.fingerprint in fingerprints(arrival.message, fingerprint):
        return True
    return earlier.payload_hash == hashlib.sha256(delivery.body).digest()


def _set_aside(message: InboundMessage, about: Conversation | None, policy: Policy, world: World) -> _Effect:
    """Attach a message that no agent has to answer to the ticket it is about, if there is one."""
    ticket = world.ticket_of(about) if about else None
    if about is None or ticket is None:
        return _Effect(Outcome.SET_ASIDE)
    because = {"automatic": (message.automatic or Automatic.OWN_NOTIFICATION).value}
    if TAKEN in message.attributes:
        because[TAKEN] = message.attributes[TAKEN]
    if not is_abandoned(message, ticket, policy):
        return _Effect(Outcome.ATTACHED, ticket, HistoryKind.RECEIVE, because)
    world.put_customer(world.customer(about.customer_id).with_outcome(ticket.id, ContactOutcome.ABANDONED))
    ended = ticket._replace(state=TicketState.ABANDONED, assigned_to=None)  # its offer ends with it
    why = {"reason": HistoryReason.LEFT, "queue": ticket.queue}
    return _Effect(Outcome.ATTACHED, ended, HistoryKind.ABANDON, {**why, **because})


def _effect_on_ticket(
    arrival: Arrival, sender: Customer, conversation: Conversation, policy: Policy, world: World
) -> _Effect:
    """Continue or reopen the conversation's ticket, or begin one.

    The ticket belongs to the owner, the customer of the conversation, no matter who writes in it. So triage and route
    look at the owner (tier, returning, earlier contacts). Of the sender they know only what the message says.
    """
    owner = world.customer(conversation.customer_id)
    ticket = world.ticket_of(conversation)
    match follow_up(ticket, policy, world.now):
        case FollowUp.CONTINUES if ticket:
            return _continue(ticket, owner, policy, world)
        case FollowUp.REOPENS if ticket:
            return _reopen(ticket, owner, arrival.message.channel, policy, world)
        case _:
            tier = policy.tier_of(_addresses_of_owner(arrival.message, sender, conversation), owner.tier)
            return _join_or_begin(arrival, owner, tier, policy, world)


def _addresses_of_owner(message: InboundMessage, sender: Customer, conversation: Conversation) -> Iterator[str]:
    """Yield the sender's own addresses; if the sender is not the owner, yield the address that answers go to."""
    if sender.id != conversation.customer_id:
        yield conversation.reply_to.value
        return
    yield message.sender.value
    yield from (handle.value for handle in message.also if handle.verified)


def _continue(ticket: Ticket, owner: Customer, policy: Policy, world: World) -> _Effect:
    """Add the message to an open ticket. It keeps its place; a snoozed one starts a new wait."""
    heard = ticket.heard(world.now)
    match ticket.state:
        case TicketState.SNOOZED:
            wait = wake(ticket, policy=policy, now=world.now)
            woken = heard._replace(state=TicketState.QUEUED, wait=wait)
            return _Effect(Outcome.CONTINUED, woken, HistoryKind.QUEUE, {"reason": HistoryReason.WOKEN})
        case TicketState.WRAP_UP:  # the agent who has just ended the contact still has it
            world.put_customer(owner.with_outcome(ticket.id, ContactOutcome.OPEN))
            return _Effect(Outcome.CONTINUED, heard._replace(state=TicketState.ASSIGNED))
        case _:
            return _Effect(Outcome.CONTINUED, heard)


def _reopen(ticket: Ticket, owner: Customer, channel: Channel, policy: Policy, world: World) -> _Effect:
    """Start a new wait for a ticket that had ended, in its own queue and with its own target."""
    heard = ticket.heard(world.now)._replace(reopened_count=ticket.reopened_count + 1, resolved_at=None)
    wait = again(ticket, policy=policy, now=world.now, reserved_for=owner.last_agent_id)
    reopened = heard._replace(state=TicketState.QUEUED, wait=wait)
    world.put_customer(owner._replace(reopened_count=owner.reopened_count + 1))
    world.add_contact(owner.id, channel, reopened)
    return _Effect(Outcome.REOPENED, reopened, HistoryKind.QUEUE, {"reason": HistoryReason.REOPENED})


def _join_or_begin(arrival: Arrival, owner: Customer, tier: str | None, policy: Policy, world: World) -> _Effect:
    """Classify and route; then join the same team's open ticket from another channel, or queue a new one."""
    message = arrival.message
    open_tickets = world.open_tickets_of(owner.id)
    triage = classify(query_of(arrival, owner, tier, len(open_tickets), world.now), policy.triage)
    routing = route(facts_of(arrival, owner, tier, triage), policy)
    joined = joins(message, routing, open_tickets, policy.threading.join_channels_within, world.now)
    if joined:
        effect = _continue(joined, owner, policy, world)
        world.add_contact(owner.id, message.channel, joined)
        because = {"joined": True, "route": routing.route, "reason": HistoryReason.JOINED, **effect.because}
        return effect._replace(outcome=Outcome.JOINED, because=because)
    ticket = _new_ticket(message, owner, triage=triage, routing=routing, policy=policy, world=world)
    world.add_contact(owner.id, message.channel, ticket)
    because = {
        "reason": HistoryReason.NEW,
        "complexity": triage.complexity.value,
        "probability": round(triage.probability, 3),
        "route": routing.route,
        "queue": routing.requirement.queue,
        "policy_version": routing.policy_version,
    }
    return _Effect(Outcome.QUEUED, ticket, HistoryKind.QUEUE, because)


def query_of(arrival: Arrival, owner: Customer, tier: str | None, open_tickets: int, now: datetime) -> Query:
    """Return what classify looks at."""
    message = arrival.message
    return Query(
        channel=message.channel,
        gist=arrival.gist,
        attachments=len(message.attachments),
        language=arrival.language,
        contacts_7d=owner.contacts_within(_WEEK, now),
        reopened_count=owner.reopened_count,
        open_tickets=open_tickets,
        tier=tier,
        is_returning=owner.is_returning,
    )


def facts_of(arrival: Arrival, owner: Customer, tier: str | None, triage: Triage) -> Facts:
    """Return what the routes' conditions read."""
    message = arrival.message
    return Facts(
        complexity=triage.complexity,
        channel=message.channel,
        provider=message.provider,
        account=message.account,
        language=triage.language,
        tier=tier,
        is_returning=owner.is_returning,
        words=arrival.gist.words,
        attributes=message.attributes,
        has_attachments=bool(message.attachments),
    )


def _new_ticket(
    message: InboundMessage, owner: Customer, *, triage: Triage, routing: Routing, policy: Policy, world: World
) -> Ticket:
    return Ticket(
        id=world.ids.ticket(),
        customer_id=owner.id,
        channel=message.channel,
        subject=message.subject,
        state=TicketState.QUEUED,
        triage=triage,
        route=routing.route,
        target=routing.target,
        policy_version=routing.policy_version,
        wait=begin(
            routing.requirement,
            route=routing.route,
            target=routing.target,
            policy=policy,
            now=world.now,
            reserved_for=owner.last_agent_id,
        ),
        last_customer_at=world.now,
        created_at=world.now,
    )
