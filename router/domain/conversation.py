"""One customer's thread on one channel account, and the keys that lead a message to it."""

from datetime import datetime
from typing import NamedTuple, NewType

from channels.message import Channel, Handle
from router.domain.customer import CustomerId
from router.domain.ticket import TicketId

ConversationId = NewType("ConversationId", int)

PARTICIPANTS_KEPT = 50
ERASED = "erased"
"""The scope of the handle that replaces an erased customer's address."""


class Conversation(NamedTuple):
    """A thread: `reply_to` is where answers go, even after its customer is merged into another.

    `thread_key` is the root Message-ID of a mail thread, or the provider's thread or session. `participants` holds the
    keys of all handles that wrote in the thread or received a message in it.
    """

    id: ConversationId
    customer_id: CustomerId
    channel: Channel
    provider: str
    account: str
    reply_to: Handle
    created_at: datetime
    last_message_at: datetime
    thread_key: str | None = None
    subject: str | None = None
    ticket_id: TicketId | None = None
    is_open: bool = True
    participants: frozenset[str] = frozenset()

    @property
    def is_erased(self) -> bool:
        """Whether its customer has been erased, so that no address is left for an answer."""
        return self.reply_to.scope == ERASED
