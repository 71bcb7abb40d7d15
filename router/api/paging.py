"""Pages of lists: one item more than is shown is asked for, so that a page knows whether another one follows."""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from pydantic import Field

Limit = Annotated[int, Field(ge=1, le=200)]
T = TypeVar("T")


def page_of(found: Sequence[T], limit: int) -> tuple[Sequence[T], T | None]:
    """Return the first `limit` of what was found, and the last of these if there was more: `next` begins after it."""
    shown = found[:limit]
    return shown, shown[-1] if len(found) > limit else None
