"""Publishes messages at a steady rate whether anybody keeps up or not, and is itself hardly any of the load.

All is prepared before the first message is due: what is left is to hand over bytes. Each carries the time at which it
was due as its id, so that a publisher that is late is not counted in favour of whoever consumes.
"""

import asyncio
import time
from collections.abc import Iterable

import aiormq
from aiormq.abc import ChannelFrame
from aiormq.channel import Channel
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from router.flow.run.bus import Exchange, Publication
from router.rabbit.properties import properties_of


def publication(body: bytes, *, due: float) -> Publication:
    """A message of the load; its id is the time, in seconds since 1970, from which its age counts."""
    return Publication(
        exchange=Exchange.INBOUND,
        routing_key="load.message.v1",
        format="message.v1",
        body=body,
        message_id=repr(due),
    )


async def publish_paced(url: str, bodies: Iterable[bytes], rate: float, *, starts_in_s: float) -> None:
    """Publish `rate` messages a second, without confirms."""
    begin = time.time() + starts_in_s
    connection = await aiormq.connect(url)
    channel = await connection.channel(publisher_confirms=False)
    assert isinstance(channel, Channel)  # its type says more than the interface's
    planned = [(begin + number / rate, body) for number, body in enumerate(bodies)]
    prepared = [(due, _frame(channel.number, publication(body, due=due))) for due, body in planned]
    for due, frame in prepared:
        if (early := due - time.time()) > 0:
            await asyncio.sleep(early)
        await channel.write_queue.put(frame)
    await channel.close()  # which is answered after all that was sent before
    await connection.close()


def _frame(channel: int, publication: Publication) -> ChannelFrame:
    """A publication as AMQP sends it."""
    command = Basic.Publish(exchange=publication.exchange, routing_key=publication.routing_key)
    header = ContentHeader(properties=properties_of(publication), body_size=len(publication.body))
    return ChannelFrame.marshall(channel, [command, header, ContentBody(publication.body)])
