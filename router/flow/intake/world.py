"""What intake knows while it decides a batch: each decision changes what the next one sees."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from channels.message import Channel, InboundMessage, MessageKey
from router.decide.identify import Identity
from router.decide.thread import Candidates, ticket_number
from router.domain.conversation import PARTICIPANTS_KEPT, Conversation, ConversationId
from router.domain.customer import Contact, Customer, CustomerId, KnownHandle
from router.domain.history import HistoryKind, HistoryLine
from router.domain.ticket import Ticket, TicketId, TicketState
from router.flow.intake.changes import Changes, NewHandle, Received, StoredMessage
from router.flow.run.bus import Delivery

_OPEN_TICKETS_KNOWN = 20
_MESSAGE_LASTS = timedelta(microseconds=1)


class Ids(Protocol):
    """Hands out ids that nobody else uses."""

    def customer(self) -> CustomerId: ...

    def conversation(self) -> ConversationId: ...

    def ticket(self) -> TicketId: ...

    def message(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the store found for a batch; its rows stay locked until the transaction ends.

    `references` maps (account, Message-ID) to a conversation, and `further_references` to those of other mails with
    the same id. `namesakes` are messages that came under keys which others had. `now` is the database's clock.
    """

    now: datetime
    customers: Sequence[Customer] = ()
    handles: Sequence[KnownHandle] = ()
    conversations: Sequence[Conversation] = ()
    tickets: Sequence[Ticket] = ()
    references: Mapping[tuple[str, str], ConversationId] = field(default_factory=dict)
    further_references: Sequence[tuple[tuple[str, str], ConversationId]] = ()
    received: Sequence[Received] = ()
    namesakes: Sequence[Received] = ()


class World:
    """What was found, changed by decisions; `changes` is the difference. `handles` are those with an owner, by key."""

    def __init__(self, found: Found, ids: Ids) -> None:
        self.now = found.now
        self.ids = ids
        self.changes = Changes(now=found.now)
        self._customers = {customer.id: customer for customer in found.customers}
        self.handles = {handle.key: handle for handle in found.handles}
        self._conversations = {c.id: c for c in found.conversations if not c.is_erased}  # whatever led to it
        self._tickets = {ticket.id: ticket for ticket in found.tickets}
        self._references = {reference: [id_] for reference, id_ in found.references.items()}
        for reference, id_ in found.further_references:
            self._references.setdefault(reference, []).append(id_)
        self._received = {received.key: received for received in found.received}
        self._namesakes = {(received.key, received.fingerprint) for received in found.namesakes}
        self._rooted = {
            (c.account, c.thread_key): c.id for c in found.conversations if c.thread_key and c.channel is Channel.EMAIL
        }
        self._open_here = {_pair(c): c.id for c in found.conversations if c.is_open and c.channel is not Channel.EMAIL}
        self._tickets_of: dict[CustomerId, list[TicketId]] = {}
        for ticket in found.tickets:
            self._tickets_of.setdefault(ticket.customer_id, []).append(ticket.id)

    def advance(self) -> None:
        """Make the next message later than the last one, as if each had come in a batch of its own."""
        self.now += _MESSAGE_LASTS

    def received(self, key: MessageKey) -> Received | None:
        """Return the first message that came under this key."""
        return self._received.get(key)

    def is_namesake(self, key: MessageKey, fingerprint: bytes) -> bool:
        """Return whether this message came before, under a key that another one had."""
        return (key, fingerprint) in self._namesakes

    def customer(self, customer_id: CustomerId) -> Customer:
        return self._customers[customer_id]

    def ticket_of(self, conversation: Conversation) -> Ticket | None:
        return self._tickets.get(conversation.ticket_id) if conversation.ticket_id else None

    def open_tickets_of(self, customer_id: CustomerId) -> list[Ticket]:
        """Return the latest twenty: the store is sure to have loaded that many."""
        latest_first = sorted(self._tickets_of.get(customer_id, ()), reverse=True)
        return [ticket for id_ in latest_first if (ticket := self._tickets[id_]).is_open][:_OPEN_TICKETS_KNOWN]

    def candidates(
        self, message: InboundMessage, tokened: ConversationId | None, customer_id: CustomerId | None
    ) -> Candidates:
        """Return the conversations that this message's evidence points to."""
        here = customer_id and (customer_id, message.channel, message.account)
        open_here = self._get(self._open_here.get(here)) if here else None
        return Candidates(
            tokened=self._get(tokened),
            referenced=tuple(self._referenced(message)),
            keyed=self._keyed(message, open_here),
            open_here=open_here,
            numbered=tuple(self._numbered(message)),
        )

    def _keyed(self, message: InboundMessage, open_here: Conversation | None) -> Conversation | None:
        if root := message.thread_root:
            return self._get(self._rooted.get((message.account, root)))
        has_key = open_here and open_here.thread_key and open_here.thread_key == message.thread.key
        return open_here if has_key else None

    def _get(self, conversation_id: ConversationId | None) -> Conversation | None:
        return self._conversations.get(conversation_id) if conversation_id else None

    def _referenced(self, message: InboundMessage) -> Iterator[Conversation]:
        for message_id in message.answers:
            led_to = self._references.get((message.account, message_id), ())
            yield from (conversation for id_ in led_to if (conversation := self._get(id_)))

    def _numbered(self, message: InboundMessage) -> Iterator[Conversation]:
        number = ticket_number(message.subject)
        for _, conversation in sorted(self._conversations.items() if number else ()):
            here = (conversation.channel, conversation.account) == (message.channel, message.account)
            if here and conversation.ticket_id == number:
                yield conversation

    def welcome(self, message: InboundMessage, identity: Identity) -> Customer:
        """Return the customer that identify found, or a new one; record the handles that are theirs from now on."""
        if identity.customer_id is None:
            customer = Customer(id=self.ids.customer(), created_at=self.now, name=message.sender.name)
            self.put_customer(customer)
        else:
            customer = self._customers[identity.customer_id]
        for handle in identity.adopt:
            key = handle.key
            self.handles[key] = KnownHandle(key=key, customer_id=customer.id, verified=handle.verified)
            self.changes.handles.append(NewHandle(handle=handle, customer_id=customer.id))
        return customer

    def put_customer(self, customer: Customer) -> None:
        self._customers[customer.id] = customer
        self.changes.customers[customer.id] = customer

    def add_contact(self, customer_id: CustomerId, channel: Channel, ticket: Ticket) -> None:
        contact = Contact(at=self.now, channel=channel, queue=ticket.queue, ticket_id=ticket.id)
        self.put_customer(self._customers[customer_id].with_contact(contact))

    def begin_conversation(self, message: InboundMessage, customer_id: CustomerId) -> Conversation:
        """Return a new conversation with them; it ends a silent one in the same chat, SMS or social account."""
        conversation = Conversation(
            id=self.ids.conversation(),
            customer_id=customer_id,
            channel=message.channel,
            provider=message.provider,
            account=message.account,
            reply_to=message.reply_to or message.sender,
            created_at=self.now,
            last_message_at=self.now,
            thread_key=self._free_thread_key(message),
            subject=message.subject,
        )
        if message.channel is not Channel.EMAIL:
            here = _pair(conversation)
            if silent := self._get(self._open_here.get(here)):
                self._put_conversation(silent._replace(is_open=False))
            self._open_here[here] = conversation.id
        elif conversation.thread_key:
            self._rooted[conversation.account, conversation.thread_key] = conversation.id
        return conversation

    def _free_thread_key(self, message: InboundMessage) -> str | None:
        """Return the provider's key or the mail's thread root; None if that root is somebody else's thread."""
        root = message.thread_root
        if root is None:
            return message.thread.key
        return None if (message.account, root) in self._rooted else root

    def put_message(
        self,
        message: InboundMessage,
        delivery: Delivery,
        customer_id: CustomerId | None,
        conversation: Conversation | None,
        ticket: Ticket | None,
    ) -> int:
        """Record the message where it belongs, and return its id."""
        message_id = self.ids.message()
        if conversation:
            self._put_conversation(self._heard(conversation, message, ticket))
            self._refer(message, conversation)
        self.changes.messages.append(
            StoredMessage(
                id=message_id,
                message=message,
                delivery=delivery,
                customer_id=customer_id,
                conversation_id=conversation.id if conversation else None,
                ticket_id=ticket.id if ticket else None,
            )
        )
        return message_id

    def _heard(self, conversation: Conversation, message: InboundMessage, ticket: Ticket | None) -> Conversation:
        participants = conversation.participants
        if not message.automatic and len(participants) < PARTICIPANTS_KEPT:
            participants |= {message.sender.key, *(handle.key for handle in message.recipients)}
        return conversation._replace(
            last_message_at=self.now,
            participants=participants,
            ticket_id=ticket.id if ticket else conversation.ticket_id,
        )

    def _put_conversation(self, conversation: Conversation) -> None:
        self._conversations[conversation.id] = conversation
        self.changes.conversations[conversation.id] = conversation

    def _refer(self, message: InboundMessage, conversation: Conversation) -> None:
        if message.channel is not Channel.EMAIL:
            return
        reference = message.account, message.mail_id
        known = self._references.setdefault(reference, [])
        if message.id_is_taken:
            known.append(conversation.id)  # it is recorded with the namesake
        elif not known:
            known.append(conversation.id)
            self.changes.references.append((*reference, conversation.id))

    def put_ticket(self, ticket: Ticket, kind: HistoryKind, data: Mapping[str, object]) -> None:
        """Record a ticket as it is now, with the history line that says why."""
        was = self._tickets[ticket.id].state if ticket.id in self._tickets else TicketState.NEW
        if ticket.id not in self._tickets:
            self._tickets_of.setdefault(ticket.customer_id, []).append(ticket.id)
        self._tickets[ticket.id] = ticket
        self.changes.tickets[ticket.id] = ticket
        self.changes.history.append(HistoryLine(ticket_id=ticket.id, kind=kind, was=was, state=ticket.state, data=data))

    def put_received(self, received: Received) -> None:
        """Record that a message was taken in; if its key is taken, as a namesake."""
        if received.key in self._received:
            self._namesakes.add((received.key, received.fingerprint))
            self.changes.namesakes.append(received)
        else:
            self._received[received.key] = received
            self.changes.received.append(received)


def _pair(conversation: Conversation) -> tuple[CustomerId, Channel, str]:
    return conversation.customer_id, conversation.channel, conversation.account
