"""The OpenAPI 3.1 document, made from the endpoints that are served."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from openapi_pydantic import OpenAPI
from pydantic import BaseModel, TypeAdapter

from router.api.endpoint import Endpoint, PossibleAnswer

_SECURITY = {"token": {"type": "http", "scheme": "bearer", "description": "Made by `frontdesk token create`."}}
_PARAMETER = re.compile(r"{(\w+)}")

_TEXT = {"type": "string"}
_HEADERS = {
    "Content-Disposition": "`attachment`, with the file's name.",
    "ETag": "The lease, in quotes; only the holder gets it.",
    "Retry-After": "How many seconds to wait before trying again.",
    "WWW-Authenticate": "`Bearer`: send a token.",
    "X-Content-Type-Options": "`nosniff`: do not guess the type.",
}
_FAILURES: Mapping[int, PossibleAnswer] = {
    400: PossibleAnswer.problem("The body is not valid JSON, or holds what cannot be stored."),
    401: PossibleAnswer.problem("The token is missing or not valid.", "WWW-Authenticate"),
    403: PossibleAnswer.problem("The token has another role, or the policy, a team or a skill does not allow this."),
    404: PossibleAnswer.problem("It does not exist, or you may not see it."),
    408: PossibleAnswer.problem("The body did not arrive in time."),
    409: PossibleAnswer.problem("The ticket has changed since, or is no longer yours."),
    413: PossibleAnswer.problem("The body is too large."),
    415: PossibleAnswer.problem("The body is not JSON, or is compressed."),
    422: PossibleAnswer.problem("The part of the request that `field` names is not valid."),
    428: PossibleAnswer.problem("`If-Match` with the lease is missing."),
    503: PossibleAnswer.problem("The bus or the database did not answer in time.", "Retry-After"),
}
_OF_BODY = (400, 408, 413, 415)
_FAILURES_OF: Mapping[str, Collection[int]] = {
    "path": (404,),
    "body": _OF_BODY,
    "raw": _OF_BODY,
    "call": (408, 413, 415),
    "lease": (404, 409, 428),
}
"""How a request can fail for each of its parts."""
_OTHERWISE = PossibleAnswer.problem("What is wrong, and what to do about it.")


def document(endpoints: Sequence[Endpoint], *, version: str) -> bytes:
    """Return the document as JSON; raises pydantic's `ValidationError` if it is not valid OpenAPI 3.1."""
    schemas = _Schemas(endpoints)
    spec = {
        "openapi": "3.1.1",
        "info": {"title": "Frontdesk", "version": version, "summary": "Omnichannel contact-center ticket router."},
        "paths": _paths(endpoints, schemas),
        "components": {"schemas": schemas.components, "securitySchemes": _SECURITY},
    }
    OpenAPI.model_validate(spec)  # not dumped from that model, which turns integer limits into floats
    return json.dumps(spec, indent=1).encode()


class _Schemas:
    """The JSON Schemas of every body and answer, by type and direction."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        adapters = {key: TypeAdapter(key[0]) for key in _schema_keys(endpoints)}
        self._of, described = TypeAdapter.json_schemas(
            [(key, key[1], adapter) for key, adapter in adapters.items()],
            ref_template="#/components/schemas/{model}",
        )
        self.components: Mapping[str, Any] = described.get("$defs", {})

    def content(self, kind: Any, mode: Literal["validation", "serialization"], media: str = "application/json") -> Any:
        return {media: {"schema": self._of[(kind, mode), mode]}}


def _schema_keys(endpoints: Iterable[Endpoint]) -> Iterator[tuple[Any, Literal["validation", "serialization"]]]:
    for endpoint in endpoints:
        if body := _body_model(endpoint):
            yield body, "validation"
        for outcome in _answers(endpoint).values():
            if outcome.content:
                yield outcome.content, "serialization"


def _paths(endpoints: Iterable[Endpoint], schemas: _Schemas) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return paths


def _operation(endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(endpoint),
        "summary": endpoint.summary,
        "parameters": [*_parameters(endpoint)],
        "responses": {str(status): _response(outcome, schemas) for status, outcome in _answers(endpoint).items()},
    }
    if body := _body_model(endpoint):
        operation["requestBody"] = {"required": True, "content": schemas.content(body, "validation")}
    elif endpoint.takes_body:
        operation["requestBody"] = {"required": True, "content": {"*/*": {"schema": {}}}}
    if endpoint.roles:
        operation["security"] = [{"token": []}]
        operation["description"] = f"For tokens of role {', '.join(sorted(endpoint.roles))}."
    return operation


def _answers(endpoint: Endpoint) -> dict[int | str, PossibleAnswer]:
    """The endpoint's own answers, those to a request with something wrong, and the default."""
    statuses = {422, *((401, 403, 503) if endpoint.roles else ())}
    statuses.update(status for part in endpoint.takes() for status in _FAILURES_OF.get(part, ()))
    failures = {status: _FAILURES[status] for status in sorted(statuses)}
    return {**failures, **endpoint.answers, "default": _OTHERWISE}


def _operation_id(endpoint: Endpoint) -> str:
    words = re.findall(r"[a-z]+", endpoint.path.removeprefix("/v1").replace("{", "by_"))
    return "_".join((endpoint.method.lower(), *words))


def _body_model(endpoint: Endpoint) -> Any:
    return endpoint.raw_model or endpoint.takes().get("body")


def _response(outcome: PossibleAnswer, schemas: _Schemas) -> dict[str, Any]:
    response: dict[str, Any] = {"description": outcome.description}
    if outcome.headers:
        response["headers"] = {name: {"description": _HEADERS[name], "schema": _TEXT} for name in outcome.headers}
    if outcome.content:
        response["content"] = schemas.content(outcome.content, "serialization", outcome.media_type)
    return response


def _parameters(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    takes = endpoint.takes()
    assert set(_PARAMETER.findall(endpoint.path)) == _fields(takes.get("path")), f"{endpoint.path}: unlike its model"
    for place in ("path", "query"):
        if model := takes.get(place):
            yield from _model_parameters(model, place)
    if "lease" in takes:
        description = "The lease that `next` gave, in quotes."
        yield {"name": "If-Match", "in": "header", "required": True, "schema": _TEXT, "description": description}


def _fields(model: type[BaseModel] | None) -> set[str]:
    return set(model.model_fields) if model else set()


def _model_parameters(model: type[BaseModel], place: str) -> Iterator[dict[str, Any]]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    inline = schema.get("$defs", {})
    for name, described in schema["properties"].items():
        yield {
            "name": name,
            "in": place,
            "required": name in schema.get("required", ()),
            "schema": _inlined(described, inline),
        }


def _inlined(schema: Any, known: Mapping[str, Any]) -> Any:
    """Replace each reference by its schema, because parameters have no components of their own."""
    if isinstance(schema, list):
        return [_inlined(part, known) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return known[schema["$ref"].rpartition("/")[2]]
    return {name: _inlined(part, known) for name, part in schema.items()}
