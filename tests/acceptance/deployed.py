"""All of Frontdesk in one process, and what stands around it: integrations, agents, whoever takes replies out."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiormq
from aiohttp import ClientSession
from pamqp.commands import Basic

from router.app import EVERYTHING, ProcessRole, Running, running
from router.domain import agent
from router.settings import Settings
from tests.clients.api import Caller

DEADLINE_S = 20.0
LOOK_EVERY_S = 0.05
EVERY_TEAM = ("frontline", "specialists", "key-accounts")

T = TypeVar("T")


class Frontdesk:
    """A running Frontdesk; everything goes through RabbitMQ and HTTP, but for what an operator would do."""

    def __init__(self, process: Running, session: ClientSession, broker: aiormq.Channel | None) -> None:
        self.process = process
        self._session = session
        self._broker = broker

    async def publish(self, body: bytes, format_: str, *, account: str | None = None, key: str = "test") -> None:
        """Publish as an integration would; returns once the broker has confirmed."""
        assert self._broker
        properties = Basic.Properties(delivery_mode=2, message_type=format_, app_id=account)
        await self._broker.basic_publish(
            body, exchange="frontdesk.inbound", routing_key=key, properties=properties, mandatory=True
        )

    async def publish_json(self, body: Mapping[str, Any]) -> None:
        await self.publish(json.dumps(body).encode(), "message.v1")

    async def next_reply(self) -> tuple[Basic.Properties, Mapping[str, Any]]:
        """Take one reply out of `frontdesk.outbound`, as a sender would."""
        assert self._broker
        broker = self._broker

        async def fetch() -> Any:
            got = await broker.basic_get("frontdesk.outbound", no_ack=True)
            return got if got.body else None

        message = await until(fetch)
        return message.header.properties, json.loads(message.body)

    async def has_taken_in(self, count: int) -> None:
        """Return once so many messages have been taken in or kept as unprocessable."""
        await until(lambda: self._has_taken_in(count))
        assert self._taken_in() == count

    async def _has_taken_in(self, count: int) -> bool:
        return self._taken_in() >= count

    def _taken_in(self) -> int:
        received = self.counted("router_messages_received_total")
        return int(received + self.counted("router_messages_unprocessable_total"))

    def counted(self, metric: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        return sum(
            sample.value
            for family in self.process.deployment.metrics.registry.collect()
            for sample in family.samples
            if sample.name == metric and labels.items() <= sample.labels.items()
        )

    async def agent(
        self, name: str = "Grace", *, teams: Sequence[str] = EVERY_TEAM, skills: Sequence[str] = ("german",)
    ) -> Caller:
        tokens = self.process.deployment.tokens
        return self.holding(await tokens.create(name, agent.Role.AGENT, agent_name=name, teams=teams, skills=skills))

    async def integration(self) -> Caller:
        return self.holding(await self.process.deployment.tokens.create("shop", agent.Role.INTEGRATION))

    def holding(self, secret: str | None) -> Caller:
        return Caller(self._session, secret)

    async def is_ready(self) -> None:
        """Return once nothing is wrong: what is published before the broker has our queues has nowhere to go."""
        await until(self._has_no_problems)

    async def _has_no_problems(self) -> bool:
        return not await self.health()

    async def health(self) -> Sequence[str]:
        """The problems that `/health/ready` names."""
        answer = await self.holding(None).get("/health/ready")
        assert answer.status == (503 if answer.json["problems"] else 200)
        problems: Sequence[str] = answer.json["problems"]
        return problems

    async def warnings(self) -> Sequence[str]:
        """The warnings beside them."""
        warnings: Sequence[str] = (await self.holding(None).get("/health/ready")).json["warnings"]
        return warnings


@asynccontextmanager
async def deployed(settings: Settings, roles: frozenset[ProcessRole] = EVERYTHING) -> AsyncIterator[Frontdesk]:
    """Run the roles in a task of its own, because a fixture begins and ends in different ones."""
    up: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    down = asyncio.Event()
    serving = asyncio.create_task(_serve(settings, roles, up, down))
    await asyncio.wait({up, serving}, return_when=asyncio.FIRST_COMPLETED)
    try:
        process = up.result() if up.done() else serving.result()
        async with ClientSession(process.address) as session, _amqp_channel(settings.amqp_url) as broker:
            yield Frontdesk(process, session, broker)
    finally:
        down.set()
        await serving


async def _serve(
    settings: Settings, roles: frozenset[ProcessRole], up: "asyncio.Future[Running]", down: asyncio.Event
) -> None:
    async with running(settings, roles) as process:
        up.set_result(process)
        await down.wait()


@asynccontextmanager
async def _amqp_channel(url: str | None) -> AsyncIterator[aiormq.Channel | None]:
    if url is None:
        yield None
        return
    connection = await aiormq.connect(url)
    try:
        yield await connection.channel(publisher_confirms=True, on_return_raises=True)
    finally:
        await connection.close()


async def until(look: Callable[[], Awaitable[T | None]], *, within_s: float = DEADLINE_S) -> T:
    """Look again and again until there is something to see, and return it."""
    async with asyncio.timeout(within_s):
        while not (seen := await look()):
            await asyncio.sleep(LOOK_EVERY_S)
        return seen
