"""What the product reports about itself with `GET /v1/queues` and `/metrics`. The board shows it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from router.demo.api import Api

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFigures:
    """One queue: how many tickets wait now, and how many were answered so far."""

    name: str
    team: str
    waiting: int
    longest_wait_s: float
    answered: int
    within_target: int

    @property
    def service_level(self) -> str:
        return share(self.within_target, self.answered)


class Samples:
    """The samples of one reading of `/metrics`."""

    def __init__(self, exposition: str) -> None:
        self._samples = [sample for family in text_string_to_metric_families(exposition) for sample in family.samples]

    def sum(self, name: str, **labels: str) -> int:
        """Return the sum of the samples with this name and these labels."""
        return int(sum(value for _, value in self._found(name, labels)))

    def by(self, label: str, name: str, **labels: str) -> dict[str, int]:
        """Return the same sum for each value of a label."""
        sums: dict[str, int] = {}
        for found, value in self._found(name, labels):
            sums[found[label]] = sums.get(found[label], 0) + int(value)
        return sums

    def _found(self, name: str, labels: Labels) -> Iterator[tuple[Labels, float]]:
        for sample in self._samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                yield sample.labels, sample.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All figures at one moment."""

    queues: Sequence[QueueFigures]
    samples: Samples

    @property
    def answered(self) -> int:
        return sum(queue.answered for queue in self.queues)

    @property
    def waiting(self) -> int:
        return sum(queue.waiting for queue in self.queues)

    @property
    def longest_wait_s(self) -> float:
        return max(queue.longest_wait_s for queue in self.queues)

    @property
    def service_level(self) -> str:
        return share(sum(queue.within_target for queue in self.queues), self.answered)

    @property
    def taken_in(self) -> int:
        """Count the payloads and messages that intake has finished with, in any way."""
        return self.samples.sum("router_messages_received_total") + self.unprocessable

    @property
    def unprocessable(self) -> int:
        return self.samples.sum("router_messages_unprocessable_total")

    @property
    def replies(self) -> int:
        endpoint = "/v1/tickets/{id}/reply"
        return self.samples.sum("router_http_request_seconds_count", endpoint=endpoint, status="2xx")

    @property
    def resolved(self) -> int:
        return self.samples.sum("router_tickets_resolved_total")

    @property
    def transferred(self) -> int:
        return self.samples.sum("router_tickets_queued_total", reason="transferred")

    @property
    def waits_begun(self) -> int:
        return self.samples.sum("router_tickets_queued_total")

    def received(self, outcome: str, **labels: str) -> int:
        """Count the messages with that outcome."""
        return self.samples.sum("router_messages_received_total", outcome=outcome, **labels)


async def read_figures(api: Api) -> Figures:
    """Read all figures; `api` needs an admin's token."""
    samples = Samples(await api.get("/metrics"))
    queues = (await api.get("/v1/queues"))["queues"]
    return Figures(samples=samples, queues=[_queue(queue, samples) for queue in queues])


def share(part: int, whole: int) -> str:
    """Return a part as a percentage, or a dash if the whole is zero."""
    return f"{100 * part // whole} %" if whole else "-"


def _queue(status: Mapping[str, object], samples: Samples) -> QueueFigures:
    name = str(status["queue"])
    return QueueFigures(
        name=name,
        team=str(status["team"]),
        waiting=int(str(status["waiting"])),
        longest_wait_s=float(str(status["longest_wait_s"])),
        answered=samples.sum("router_tickets_answered_total", queue=name),
        within_target=samples.sum("router_tickets_answered_total", queue=name, within_target="true"),
    )
