"""How much work an agent can carry: weights per channel against one limit, and at most so many tickets of a channel."""

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What one agent can carry at once.

    `weights` says what a ticket of a channel weighs (1 where it says nothing), `most` how many tickets of a channel
    fit in at most (as many as the limit allows where it says nothing). Work on `interruptible` channels may be
    interrupted: it leaves the whole limit to the other channels, and is itself given only where everything fits.
    """

    limit: int
    weights: Mapping[str, int]
    most: Mapping[str, int]
    interruptible: frozenset[str] = frozenset()

    def has_room(self, held: Mapping[str, int], channel: str) -> bool:
        """True if one more ticket of the channel fits beside those `held`, counted by channel."""
        if held.get(channel, 0) >= self.most.get(channel, self.limit):
            return False
        return self.load(held, beside=channel) + self.weight(channel) <= self.limit

    def load(self, held: Mapping[str, int], *, beside: str) -> int:
        """What the held tickets weigh for one more of the channel `beside`."""
        return sum(count * self.weight(channel) for channel, count in held.items() if self._counts(channel, beside))

    def adjusted(self, *, limit: int | None, weights: Mapping[str, int], most: Mapping[str, int]) -> "Capacity":
        """This capacity, with what is said of one agent in its place; a `limit` of None says nothing."""
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
