"""An endpoint as data: method, path, roles, and a handler whose signature says what it takes from the request.

A handler takes any of `who`, `path`, `query`, `body`, `raw`, `call` and `lease`. The token and the query are checked
first, the rest in the order of the signature. A query or a body that the handler does not take is refused. The models
in the signature check the request, and describe it in the OpenAPI document.
"""

import asyncio
import typing
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import orjson
from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, ValidationError

from channels import strict_json, webhook
from channels.errors import Malformed
from channels.refusal import malformed
from channels.text import UNSTORABLE
from router.api.access import Principals, admit
from router.api.errors import CONTENT_TYPE, Problem, ProblemDetails
from router.domain.agent import PERSONS, Lease, Person, Principal, Role
from router.domain.errors import Invalid

MAX_BODY = strict_json.MAX_BYTES
BODY_WITHIN_S = 30.0
_JSON = "application/json"
# keys may be enums of the domain, which orjson does not take for text
_WRITTEN = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
_TAKES = frozenset({"who", "path", "query", "body", "raw", "call", "lease"})


class Model(BaseModel):
    """A part of a request. It refuses unknown fields by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request as it came, with any query and a body of any type. `target` is its path and query, not decoded."""

    url: str
    target: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes

    def request(self, url: str | None) -> webhook.Request:
        """Return it for a provider's `verify`; `url` is the public one, if a proxy changed it."""
        return webhook.Request(url or self.url, self.headers, self.raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back: `content` becomes JSON, unless it is bytes."""

    content: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = _JSON

    async def respond(self, _: web.Request) -> web.Response:
        """Return the answer as aiohttp sends it."""
        if self.content is None:
            return web.Response(status=self.status, headers=self.headers)
        body = self.content if isinstance(self.content, bytes) else to_json(self.content)
        return web.Response(body=body, status=self.status, headers={**self.headers, "Content-Type": self.content_type})


class Response(Protocol):
    """What a handler returns: an `Answer`, or something that goes on answering."""

    async def respond(self, request: web.Request) -> web.StreamResponse: ...


@dataclass(frozen=True, slots=True)
class PossibleAnswer:
    """One answer an endpoint can give: when it does, the type of the content, and the headers that go with it."""

    description: str
    content: Any = None
    media_type: str = _JSON
    headers: Collection[str] = ()

    @classmethod
    def problem(cls, description: str, *headers: str) -> "PossibleAnswer":
        """An answer other than success, as problem details."""
        return cls(description, ProblemDetails, CONTENT_TYPE, headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method on one path. No `roles` means that anybody may ask, without a token.

    `raw_model` documents a body that the handler takes as `raw` and reads itself. A handler finishes even if the client
    goes away, unless it `ends_with_client`.
    """

    method: str
    path: str
    summary: str
    handle: Callable[..., Awaitable[Response]]
    answers: Mapping[int, PossibleAnswer]
    roles: Collection[Role] = frozenset()
    raw_model: type[BaseModel] | None = None
    ends_with_client: bool = False

    def __post_init__(self) -> None:
        """Raise `TypeError` if the handler takes something no request has, or a `who` that `roles` do not promise."""
        takes = self.takes()
        if unknown := takes.keys() - _TAKES:
            raise TypeError(f"{self.method} {self.path}: a handler cannot take {', '.join(sorted(unknown))}")
        if takes.get("who", self.asker) is not self.asker:
            raise TypeError(f"{self.method} {self.path}: its roles make `who` a {self.asker}")

    @property
    def asker(self) -> type[Principal] | None:
        """The type of `who`: a `Person` if only people have these roles; None if the endpoint needs no token."""
        if not self.roles:
            return None
        return Person if PERSONS.issuperset(self.roles) else Principal

    @property
    def takes_body(self) -> bool:
        """Whether a request may have a body."""
        return self.method != hdrs.METH_GET and not {"body", "raw", "call"}.isdisjoint(self.takes())

    def takes(self) -> Mapping[str, Any]:
        """The parts of a request that the handler takes, with their types."""
        hints = typing.get_type_hints(self.handle)
        hints.pop("return", None)
        return hints

    def serve(self, principals: Principals) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return the endpoint as aiohttp calls it. It checks who asks before it reads what they ask."""
        takes, asker, takes_body = self.takes(), self.asker, self.takes_body

        async def serve(request: web.Request) -> web.StreamResponse:
            given: dict[str, Any] = {}
            if asker:
                given["who"] = await admit(request, principals, self.roles, asker)
            if "call" not in takes:
                given["query"] = read_query(request, takes.get("query", Model))
            for part, kind in takes.items():
                if part not in given:
                    given[part] = await _READ[part](request, kind)
            if not takes_body:
                await refuse_body(request)
            answer = await self.handle(**{part: given[part] for part in takes})
            return await answer.respond(request)

        return serve


def to_json(content: object) -> bytes:
    """Return the content as JSON, with times in UTC and dataclasses as objects."""
    return orjson.dumps(content, option=_WRITTEN)


def refusal(problem: Problem) -> web.Response:
    """Return the problem as an answer."""
    body = to_json({name: told for name, told in asdict(problem.details()).items() if told is not None})
    headers = {**problem.headers, "Content-Type": CONTENT_TYPE}
    return web.Response(body=body, status=problem.status, headers=headers)


async def read_path(request: web.Request, model: type[BaseModel]) -> BaseModel:
    """Return the path's parameters."""
    return _checked(model, dict(request.match_info), "the path")


def read_query(request: web.Request, model: type[BaseModel]) -> BaseModel:
    """Return the query's parameters; refuse unknown and repeated ones."""
    for name in request.query:
        if len(request.query.getall(name)) > 1:
            raise Invalid(_shown(name), "is given twice: keep one")
    return _checked(model, dict(request.query), "the query")


async def read_body(request: web.Request, model: type[BaseModel]) -> BaseModel:
    """Return the JSON body; a missing one counts as an empty object."""
    raw = await read_raw(request) if request.body_exists else b"{}"
    return _validated(model, raw)


async def refuse_body(request: web.Request) -> None:
    """Refuse any body but an empty one or `{}`, which some clients send with every request."""
    if not request.body_exists:
        return
    try:
        _validated(Model, await _bytes_of(request) or b"{}")
    except (Malformed, Problem, web.HTTPException) as exc:
        if isinstance(exc, Malformed) and exc.field != "body":
            raise
        raise Invalid("body", "must be left out: this request takes none") from exc


async def read_raw(request: web.Request) -> bytes:
    """Return the bytes of an uncompressed JSON body of at most 1 MiB."""
    if request.content_type != _JSON:
        raise Problem(415, "Unsupported media type", f"Send the body as {_JSON}.", field="Content-Type")
    return await _bytes_of(request)


async def read_call(request: web.Request) -> Call:
    """Return the request as it came; of a header that comes twice, the first."""
    return Call(
        url=str(request.url),
        target=request.raw_path,
        query=dict(request.query),
        headers={name.lower(): request.headers[name] for name in request.headers},
        raw=b"" if request.method in {hdrs.METH_GET, hdrs.METH_HEAD} else await _bytes_of(request),
    )


async def _bytes_of(request: web.Request) -> bytes:
    if "Content-Encoding" in request.headers:
        raise Problem(415, "Unsupported media type", "Send the body uncompressed.", field="Content-Encoding")
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            return await request.read()
    except TimeoutError as exc:
        raise Problem(
            408, "Request timeout", f"The body did not arrive within {BODY_WITHIN_S:g} s: send it again."
        ) from exc
    except ConnectionResetError as exc:
        raise Problem(400, "Gone", "The connection ended before the request was read.") from exc


async def read_lease(request: web.Request) -> Lease:
    """Return the lease in `If-Match`; 428 without one."""
    given = request.headers.get("If-Match", "").strip()
    if not given:
        detail = 'Send the lease that `next` gave you as `If-Match: "<lease>"`, so that you overwrite nobody\'s work.'
        raise Problem(428, "Lease missing", detail, field="If-Match")
    try:
        return Lease.parse(given.strip('"'))
    except Invalid as exc:
        raise Invalid("If-Match", 'is not a lease: send the one that `next` gave you, as "<ticket>.<epoch>"') from exc


_READ: Mapping[str, Callable[[web.Request, Any], Awaitable[object]]] = {
    "path": read_path,
    "body": read_body,
    "raw": lambda request, _: read_raw(request),
    "call": lambda request, _: read_call(request),
    "lease": lambda request, _: read_lease(request),
}


def _validated(model: type[BaseModel], raw: bytes) -> BaseModel:
    try:
        return model.model_validate(strict_json.load(raw))
    except ValidationError as exc:
        raise malformed(exc, "this request", model) from exc


def _checked(model: type[BaseModel], given: Mapping[str, str], place: str) -> BaseModel:
    for name, value in given.items():
        if UNSTORABLE.search(name + value):
            raise Malformed(_shown(name), "holds a NUL or half of a surrogate pair: remove it")
    try:
        return model.model_validate(given)
    except ValidationError as exc:
        raise malformed(exc, place, model) from exc


def _shown(name: str) -> str:
    return UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", name[:64])
