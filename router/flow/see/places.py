"""Places in lists that are in the order of time, for clients that ask for the next page from there."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Place(NamedTuple):
    """The time and id of an item; what is at one time is in the order of its ids."""

    at: datetime
    id: int

    def encode(self) -> str:
        """Encode the place as microseconds since 1970 and the id, such as `1772366400000000.42`."""
        return f"{(self.at - _EPOCH) // _MICROSECOND}.{self.id}"

    @classmethod
    def decode(cls, text: str) -> "Place":
        """Read what `encode` wrote."""
        micros, _, id_ = text.partition(".")
        return cls(_EPOCH + int(micros) * _MICROSECOND, int(id_))
