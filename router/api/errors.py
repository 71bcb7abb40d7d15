"""The one table that turns errors into answers: problem details (RFC 9457) with one clear sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from channels.errors import Malformed
from router.domain import errors

CONTENT_TYPE = "application/problem+json"
TRY_AGAIN = {"Retry-After": "1"}
ASK_ANEW = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class Problem(Exception):
    """An answer other than success. All problems of a kind have the same `title`."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.field = field
        self.headers = headers or {}

    def details(self) -> "ProblemDetails":
        """The body of the answer."""
        kind = self.title.lower().replace(" ", "-")
        return ProblemDetails(
            type=f"urn:frontdesk:problem:{kind}",
            title=self.title,
            status=self.status,
            detail=self.detail,
            field=self.field,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemDetails:
    """RFC 9457: `detail` says what is wrong and what to do; `field` is the part of the request at fault."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None


_OURS: tuple[tuple[type[errors.FrontdeskError], int, str], ...] = (
    (errors.NotFound, 404, "Not found"),
    (errors.Conflict, 409, "Conflict"),
    (errors.TokenEnded, 401, "Unauthorized"),
    (errors.Refused, 403, "Refused"),
    (errors.DataError, 422, "Not storable"),
    (errors.Raced, 503, "Unavailable"),
    (errors.Unavailable, 503, "Unavailable"),
)

_HEADERS: Mapping[int, Mapping[str, str]] = {401: ASK_ANEW, 503: TRY_AGAIN}

_SENTENCES = {
    404: "Nothing is at this path: /openapi.json lists every path.",
    405: "This path does not support this method: /openapi.json lists those it does.",
    413: "The body is larger than 1 MiB: shorten it, and send a message's attachments by url.",
}


def problem_of(error: Exception) -> Problem | None:
    """Return the answer to an error that the client can act on; None for a fault of our own."""
    match error:
        case Problem():
            return error
        case Malformed():
            status, title = (400, "Malformed") if error.field == "body" else (422, "Invalid")
            words = "; ".join(f"{field} {problem}" for field, problem in error.faults)
            return Problem(status, title, _sentence(words), field=error.field)
        case errors.Invalid():
            return Problem(422, "Invalid", _sentence(f"{error.field} {error.problem}"), field=error.field)
        case web.HTTPException():
            return _from_aiohttp(error)
        case errors.FrontdeskError():
            return _from_table(error)
        case _:
            return None


def _from_table(error: errors.FrontdeskError) -> Problem | None:
    for kind, status, title in _OURS:
        if isinstance(error, kind):
            return Problem(status, title, _sentence(str(error)), headers=_HEADERS.get(status))
    return None


def _from_aiohttp(error: web.HTTPException) -> Problem:
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    title = HTTPStatus(error.status).phrase.capitalize()
    sentence = _SENTENCES.get(error.status, _sentence(error.reason))
    return Problem(error.status, title, sentence, field="body" if error.status == 413 else None, headers=headers)


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
