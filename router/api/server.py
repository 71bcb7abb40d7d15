"""The HTTP applications: the whole API for the `api` role, health and metrics alone for the others."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence, Set
from http import HTTPMethod
from importlib.metadata import version

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from router.api import openapi
from router.api.access import Principals, Renewing
from router.api.agents import AgentEndpoints
from router.api.audit import AuditEndpoints
from router.api.customers import CustomerEndpoints
from router.api.desk import DeskEndpoints
from router.api.endpoint import MAX_BODY, Answer, Endpoint, PossibleAnswer, refusal
from router.api.errors import Problem, problem_of
from router.api.lead import LeadEndpoints
from router.api.me import MeEndpoints
from router.api.messages import MessageEndpoints
from router.api.monitoring import Checks, MonitoringEndpoints
from router.api.offers import OfferEndpoints
from router.api.originals import OriginalEndpoints
from router.api.picking import PickingEndpoints
from router.api.presence import PresenceEndpoints
from router.api.queues import QueueEndpoints
from router.api.stream import MEDIA_TYPE, StreamEndpoints
from router.api.tickets import TicketEndpoints
from router.domain.agent import Principal
from router.flow.assign.claims import Claims
from router.flow.assign.offers import Offers
from router.flow.assign.picking import Picking
from router.flow.assign.presence import Presences
from router.flow.run.bus import Publisher
from router.flow.see.audit import AuditTrail
from router.flow.see.me import Myself
from router.flow.see.reading import Reading
from router.flow.see.stream import Streams
from router.flow.work.agents import Agents
from router.flow.work.desk import Desk
from router.flow.work.lead import Lead
from router.metrics import Metrics
from router.policy.model import Policy

log = structlog.get_logger(__name__)

_METHODS = frozenset(HTTPMethod)


def build(
    *,
    principals: Principals,
    agents: Agents,
    audit: AuditTrail,
    myself: Myself,
    presences: Presences,
    reading: Reading,
    desk: Desk,
    lead: Lead,
    picking: Picking,
    offers: Offers,
    claims: Claims,
    streams: Streams,
    publisher: Publisher,
    policy: Callable[[], Policy],
    metrics: Metrics,
    checks: Checks,
    max_in_flight: int,
) -> web.Application:
    """Return the whole API. More than `max_in_flight` publications at the same time are answered 429."""
    groups = (
        MessageEndpoints(publisher=publisher, reading=reading, max_in_flight=max_in_flight),
        MeEndpoints(claims=claims, reading=reading, myself=myself, presences=presences),
        PresenceEndpoints(presences),
        AgentEndpoints(agents),
        AuditEndpoints(audit),
        StreamEndpoints(streams),
        TicketEndpoints(reading=reading, desk=desk, policy=policy),
        OriginalEndpoints(reading),
        DeskEndpoints(desk),
        LeadEndpoints(lead),
        PickingEndpoints(picking=picking, reading=reading),
        OfferEndpoints(offers=offers, reading=reading),
        QueueEndpoints(reading=reading, policy=policy),
        CustomerEndpoints(reading),
        MonitoringEndpoints(registry=metrics.registry, checks=checks),
    )
    endpoints = [endpoint for group in groups for endpoint in group.endpoints()]
    app = _application(_described(endpoints), Renewing(principals, presences), metrics)
    app.on_shutdown.append(_ending(claims, streams))
    return app


def build_monitoring(*, metrics: Metrics, checks: Checks) -> web.Application:
    """Return health and metrics alone, for the roles that serve nothing else."""
    monitoring = MonitoringEndpoints(registry=metrics.registry, checks=checks)
    return _application(monitoring.endpoints(), _Nobody(), metrics)


def _described(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    async def describe() -> Answer:
        return Answer(content=text)

    itself = Endpoint(
        method="GET",
        path="/openapi.json",
        summary="This document.",
        handle=describe,
        answers={200: PossibleAnswer("OpenAPI 3.1.", dict[str, object])},
    )
    described = [*endpoints, itself]
    text = openapi.document(described, version=version("frontdesk"))
    return described


def _application(endpoints: Sequence[Endpoint], principals: Principals, metrics: Metrics) -> web.Application:
    ending_with_client: set[web.AbstractRoute] = set()
    middlewares = [_to_the_end(ending_with_client), _measured(metrics), _with_problems]
    app = web.Application(client_max_size=MAX_BODY, middlewares=middlewares)
    for endpoint in endpoints:
        serve = endpoint.serve(principals)
        route = app.router.add_route(endpoint.method, endpoint.path, serve)
        if endpoint.ends_with_client:
            ending_with_client.add(route)
        elif endpoint.method == hdrs.METH_GET:
            app.router.add_route(hdrs.METH_HEAD, endpoint.path, serve)
    return app


def _ending(claims: Claims, streams: Streams) -> Callable[[web.Application], Awaitable[None]]:
    async def end(_: web.Application) -> None:
        claims.end()
        streams.end()

    return end


def _to_the_end(ending_with_client: Set[web.AbstractRoute]) -> Middleware:
    """Finish what has begun even if the client goes away, which cancels handlers; except on these routes."""
    begun: set[asyncio.Future[web.StreamResponse]] = set()  # the event loop itself would not keep them

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
            return response  # how long somebody listened is no time to answer
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
    except Exception as exc:  # noqa: BLE001 - the outermost loop of the server: whatever it was, the client is told
        return refusal(problem_of(exc) or _fault(request, exc))


def _fault(request: web.Request, exc: Exception) -> Problem:
    resource = request.match_info.route.resource
    log.error("request failed", endpoint=resource.canonical if resource else "unmatched", exc_info=exc)
    return Problem(500, "Internal error", "Something went wrong on our side: it has been logged.")


class _Nobody:
    """There are no tokens where no endpoint asks for one."""

    async def principal_of(self, secret: str) -> Principal | None:
        del secret
        return None
