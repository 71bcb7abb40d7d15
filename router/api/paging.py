"""Pages of lists. Endpoints ask for one item more than they show, to know whether another page follows."""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from pydantic import Field

Limit = Annotated[int, Field(ge=1, le=200)]
Written = Annotated[str, Field(pattern=r"^[0-9]{1,16}\.[0-9]{1,18}$")]
"""A `Place` in a list, as clients send it back."""

T = TypeVar("T")


def page_of(found: Sequence[T], limit: int) -> tuple[Sequence[T], T | None]:
    """Return the first `limit` items, and the last of them if there are more: `next` starts after it."""
    shown = found[:limit]
    return shown, shown[-1] if len(found) > limit else None
