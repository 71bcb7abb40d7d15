"""The stream to an agent's client as Server-Sent Events (WHATWG HTML, 9.2). `flow.see.stream` says what to send."""

from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from router.api.endpoint import Endpoint, PossibleAnswer, to_json
from router.api.errors import Problem
from router.domain.agent import PERSONS, Person
from router.flow.see.situation import EventData
from router.flow.see.stream import Connection, Streams

HEARTBEAT_S = 10.0
UNREAD_S = 5.0
"""How long a write may wait for a client that does not read."""
STREAMS_OF_ONE = 10
MEDIA_TYPE = "text/event-stream"


class StreamEndpoints:
    """Tells an agent what happens to their work, as it happens."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/v1/me/stream",
                summary="Stream your work and every change of it as Server-Sent Events. Keeps you present.",
                handle=self.stream,
                roles=PERSONS,
                ends_with_client=True,
                answers={
                    200: PossibleAnswer(
                        "Endless events: `id` counts them, `event` names the kind, and this is the `data` of one.",
                        EventData,
                        media_type=MEDIA_TYPE,
                    ),
                    429: PossibleAnswer.problem("Too many streams are open."),
                },
            )
        ]

    async def stream(self, who: Person) -> "EventStream":
        if self._streams.open_of(who.agent.id) >= STREAMS_OF_ONE:
            raise Problem(429, "Too many streams", f"You have {STREAMS_OF_ONE} streams open: close one of them.")
        return EventStream(self._streams, who)


@dataclass(frozen=True, slots=True)
class EventStream:
    """An answer that goes on until the client leaves, stops reading, or its token ends."""

    streams: Streams
    who: Person

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Send events as they come, and comments in between to notice a client that is gone."""
        response = EventSourceResponse(ping_interval=HEARTBEAT_S, send_timeout=UNREAD_S)
        # if the client has gone or does not read, the connection closes and nobody needs an answer
        with self.streams.connected(self.who) as connection, suppress(ConnectionResetError, TimeoutError):
            await response.prepare(request)
            async with response:
                await _send_news(connection, response)
        return response


async def _send_news(connection: Connection, response: EventSourceResponse) -> None:
    while not connection.has_ended:
        for version, event in await connection.news():
            await response.send(to_json(event.data).decode(), id=str(version), event=event.kind)
