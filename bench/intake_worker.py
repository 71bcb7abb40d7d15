"""The two consumers that the intake benchmark compares, each as the only worker of its process.

`batch` is the product's own consumer and receiver. `per-message` is the usual way: aio-pika delivers one message at a
time, with ten in flight. Each has its own transaction, which decides with the same code and writes the same rows, one
statement per row (`plain_store`).
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import quantiles

import aio_pika
import uvloop

from bench.plain_store import PlainIntake
from channels.formats import parse
from router.app import make_receiver
from router.command import logs
from router.decide.language import load_languages
from router.deployment import deployment
from router.flow.intake.opening import Opened, Opener
from router.flow.intake.reader import ReaderHere
from router.flow.intake.receive import Receiver
from router.flow.run.bus import INTAKE_BROKER_QUEUE, Delivery
from router.flow.run.live_policy import LivePolicy
from router.local.memory import settle_memory
from router.local.reader import ReaderProcess
from router.rabbit.consumer import RabbitConsumer
from router.settings import load_settings

IN_FLIGHT = 10
WARM_UP_S = 1.5
"""Ages are measured after this time: the first messages still fill plans and caches."""


@dataclass(slots=True)
class Log:
    """When the first delivery was taken, when the last was committed, and how old each was at its commit."""

    begun: float = 0.0
    ended: float = 0.0
    messages: int = 0
    ages: list[float] = field(default_factory=list)

    async def through(self, receiver: Receiver, openings: Sequence["asyncio.Future[Opened]"]) -> None:
        self.begun = self.begun or time.time()
        await receiver.settle(openings)
        self.ended = time.time()
        self.messages += len(openings)
        if self.ended - self.begun > WARM_UP_S:
            self.ages.extend(self.ended - float(opening.result().delivery.trace_id or 0) for opening in openings)

    def report(self) -> dict[str, float]:
        cuts = quantiles(self.ages, n=100) if len(self.ages) > 1 else [0.0] * 99
        return {
            "messages": self.messages,
            "seconds": self.ended - self.begun,
            "p50_ms": 1000 * cuts[49],
            "p99_ms": 1000 * cuts[98],
        }


async def work(kind: str) -> None:
    """Consume until SIGTERM, then print the report."""
    log, settings = Log(), load_settings()
    logs.configure(level="error", format="json")
    async with deployment(settings, name=f"bench {kind}") as shared:
        policy = LivePolicy(settings.policy_path.read_text, shared.operations.remember_policy, shared.metrics)

        def languages() -> tuple[str, ...]:
            return policy.current().triage.languages

        async def never(_: Delivery) -> bool:
            return False

        def plain_receiver() -> Receiver:
            return Receiver(
                store=PlainIntake(shared.database),
                policy=policy.current,
                reader=ReaderHere(Opener(parse, b"bench", languages)),
                metrics=shared.metrics,
                isolate=never,
            )

        url = settings.amqp_url or ""
        if kind == "batch":
            reader = ReaderProcess(b"bench", languages)
            await reader.start()
            one = make_receiver(shared, policy, reader, isolate=never)
            consumer = RabbitConsumer(url, shared.metrics, batch=settings.batch_cap)
            consuming = _batches(consumer, one, reader, log)
        else:
            load_languages()
            consuming = _per_message(url, [plain_receiver() for _ in range(IN_FLIGHT)], log)
        settle_memory()
        task: asyncio.Task[None] = asyncio.create_task(consuming)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await asyncio.wait({task})
    sys.stdout.write(json.dumps(log.report()))


async def _batches(consumer: RabbitConsumer, receiver: Receiver, reader: ReaderProcess, log: Log) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(reader.run())
        tasks.create_task(consumer.run(lambda openings: log.through(receiver, openings), receiver.open))


async def _per_message(url: str, receivers: list[Receiver], log: Log) -> None:
    free: asyncio.Queue[Receiver] = asyncio.Queue()
    for receiver in receivers:
        free.put_nowait(receiver)

    async def on_message(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        receiver = await free.get()
        await log.through(receiver, [receiver.open(_delivery(message))])
        free.put_nowait(receiver)
        await message.ack()

    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=IN_FLIGHT)
        queue = await channel.get_queue(INTAKE_BROKER_QUEUE)
        await queue.consume(on_message)
        await asyncio.get_running_loop().create_future()


def _delivery(message: aio_pika.abc.AbstractIncomingMessage) -> Delivery:
    return Delivery(body=message.body, format=message.type or "", account=message.app_id, trace_id=message.message_id)


if __name__ == "__main__":
    uvloop.run(work(sys.argv[1]))
