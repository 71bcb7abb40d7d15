"""Publishes messages at a steady rate, whether anybody keeps up or not, and costs hardly any load itself.

Everything is prepared before the first message is due, so that only bytes remain to be sent. Each message's id is the
time at which it was due: a late publisher does not make the consumer look better.
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
    """Return a message of the load; its id is the time, in seconds since 1970, from which its age counts."""
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
    assert isinstance(channel, Channel)  # the concrete type, which has more than the interface
    planned = [(begin + number / rate, body) for number, body in enumerate(bodies)]
    prepared = [(due, _frame(channel.number, publication(body, due=due))) for due, body in planned]
    for due, frame in prepared:
        if (early := due - time.time()) > 0:
            await asyncio.sleep(early)
        await channel.write_queue.put(frame)
    await channel.close()  # the broker answers this after everything sent before
    await connection.close()


def _frame(channel: int, publication: Publication) -> ChannelFrame:
    """Return a publication as AMQP sends it."""
    command = Basic.Publish(exchange=publication.exchange, routing_key=publication.routing_key)
    header = ContentHeader(properties=properties_of(publication), body_size=len(publication.body))
    return ChannelFrame.marshall(channel, [command, header, ContentBody(publication.body)])
