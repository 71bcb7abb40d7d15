"""How much work an agent can carry: weights per channel against one limit, and a maximum of tickets per channel."""

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What one agent can carry at once.

    `weights` says what a ticket of a channel weighs (1 if not listed). `most` says how many tickets of a channel fit
    (if not listed, only the limit counts). An agent may interrupt work on `interruptible` channels: it does not count
    against tickets of other channels, but a new ticket of such a channel must fit beside everything.
    """

    limit: int
    weights: Mapping[str, int]
    most: Mapping[str, int]
    interruptible: frozenset[str] = frozenset()

    def has_room(self, held: Mapping[str, int], channel: str) -> bool:
        """Whether one more ticket of the channel fits beside those `held`, counted by channel."""
        if held.get(channel, 0) >= self.most.get(channel, self.limit):
            return False
        return self.load(held, beside=channel) + self.weight(channel) <= self.limit

    def load(self, held: Mapping[str, int], *, beside: str) -> int:
        """Return what the held tickets weigh when one more of the channel `beside` comes."""
        return sum(count * self.weight(channel) for channel, count in held.items() if self._counts(channel, beside))

    def adjusted(self, *, limit: int | None, weights: Mapping[str, int], most: Mapping[str, int]) -> "Capacity":
        """Return this capacity with one agent's own numbers in place; a `limit` of None changes nothing."""
        return replace(
            self,
            limit=self.limit if limit is None else limit,
            weights={**self.weights, **weights},
            most={**self.most, **most},
        )

    def weight(self, channel: str) -> int:
        return self.weights.get(channel, 1)

    def _counts(self, channel: str, beside: str) -> bool:
        return channel not in self.interruptible or beside in self.interruptible
