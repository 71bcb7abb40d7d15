"""The HTTP applications: the whole API for the `api` role, health and metrics alone for the others."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence, Set
from functools import cache
from http import HTTPMethod
from importlib.metadata import version
from typing import Protocol

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from router.api import openapi
from router.api.access import Principals
from router.api.connections import NAME
from router.api.endpoint import MAX_BODY, Answer, Endpoint, PossibleAnswer, refusal
from router.api.errors import Problem, problem_of
from router.api.stream import MEDIA_TYPE
from router.domain.agent import Principal
from router.metrics import Metrics

log = structlog.get_logger(__name__)

_METHODS = frozenset(HTTPMethod)
_PART = re.compile(r"\{(\w+)\}")
"""A part of a path; aiohttp by itself finds no route for one that holds a brace, which ids may."""


class Group(Protocol):
    """Endpoints that belong together."""

    def endpoints(self) -> Sequence[Endpoint]: ...


def build(
    groups: Iterable[Group],
    *,
    principals: Principals,
    metrics: Metrics,
    on_shutdown: Sequence[Callable[[], None]] = (),
) -> web.Application:
    """Return an application that serves the groups and the document that describes them.

    It calls each of `on_shutdown` before it waits for open requests, so that they can end long waits.
    """
    endpoints = [endpoint for group in groups for endpoint in group.endpoints()]
    app = _application(_described(endpoints), principals, metrics)
    app.on_shutdown.append(_calling(on_shutdown))
    return app


def build_monitoring(monitoring: Group, metrics: Metrics) -> web.Application:
    """Return health and metrics alone, for the roles that serve nothing else."""
    return _application(monitoring.endpoints(), _Nobody(), metrics)


def _described(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Add the endpoint of the document, which is written when somebody first asks: that takes half a second."""

    async def describe() -> Answer:
        return Answer(content=await asyncio.to_thread(write))

    @cache
    def write() -> bytes:
        return openapi.document(described, version=version("frontdesk"))

    itself = Endpoint(
        method="GET",
        path="/openapi.json",
        summary="This document.",
        handle=describe,
        answers={200: PossibleAnswer("OpenAPI 3.1.", dict[str, object])},
    )
    described = [*endpoints, itself]
    return described


def _application(endpoints: Sequence[Endpoint], principals: Principals, metrics: Metrics) -> web.Application:
    ending_with_client: set[web.AbstractRoute] = set()
    middlewares = [_to_the_end(ending_with_client), _measured(metrics), _with_problems]
    app = web.Application(client_max_size=MAX_BODY, middlewares=middlewares)
    app.on_response_prepare.append(_named)
    for endpoint in endpoints:
        serve = endpoint.serve(principals)
        path = _PART.sub(r"{\1:[^/]+}", endpoint.path)
        route = app.router.add_route(endpoint.method, path, serve)
        if endpoint.ends_with_client:
            ending_with_client.add(route)
        elif endpoint.method == hdrs.METH_GET:
            app.router.add_route(hdrs.METH_HEAD, path, serve)
    return app


async def _named(_: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = NAME


def _calling(ends: Sequence[Callable[[], None]]) -> Callable[[web.Application], Awaitable[None]]:
    async def call(_: web.Application) -> None:
        for end in ends:
            end()

    return call


def _to_the_end(ending_with_client: Set[web.AbstractRoute]) -> Middleware:
    """Let handlers finish when the client goes away, which would cancel them; except on these routes."""
    begun: set[asyncio.Future[web.StreamResponse]] = set()  # the event loop holds no strong references

    @web.middleware
    async def finish(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.route in ending_with_client:
            return await handler(request)
        answering = asyncio.ensure_future(handler(request))
        begun.add(answering)
        answering.add_done_callback(begun.discard)
        return await asyncio.shield(answering)

    return finish


def _measured(metrics: Metrics) -> Middleware:
    @web.middleware
    async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.monotonic()
        response = await handler(request)
        if response.content_type == MEDIA_TYPE:
            return response  # the time that a client listened is not a time to answer
        resource = request.match_info.route.resource
        path = resource.canonical if resource else "unmatched"
        method = request.method if request.method in _METHODS else "other"
        metrics.requests.labels(path, method, f"{response.status // 100}xx").observe(time.monotonic() - started)
        return response

    return measure


@web.middleware
async def _with_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Exception as exc:  # noqa: BLE001 - the outermost handler: whatever went wrong, the client gets an answer
        return refusal(problem_of(exc) or _fault(request, exc))


def _fault(request: web.Request, exc: Exception) -> Problem:
    resource = request.match_info.route.resource
    log.error("request failed", endpoint=resource.canonical if resource else "unmatched", exc_info=exc)
    return Problem(500, "Internal error", "Something went wrong on our side. It has been logged.")


class _Nobody:
    """Knows no tokens, for servers whose endpoints ask for none."""

    async def principal_of(self, secret: str) -> Principal | None:
        del secret
        return None
