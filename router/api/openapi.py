"""The OpenAPI 3.1 document, made from the same table of endpoints that is served."""

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
    "Content-Disposition": "A download, and its name.",
    "ETag": "The lease, in quotes, for the holder alone.",
    "Retry-After": "In how many seconds to try again.",
    "WWW-Authenticate": "Bearer: a token is asked for.",
    "X-Content-Type-Options": "nosniff: the type is not to be guessed.",
}
_FAILURES: Mapping[int, PossibleAnswer] = {
    400: PossibleAnswer.problem("The body is not JSON that can be stored."),
    401: PossibleAnswer.problem("There is no valid token.", "WWW-Authenticate"),
    403: PossibleAnswer.problem("The token is of another role, or the policy, a team or a skill does not allow it."),
    404: PossibleAnswer.problem("There is no such thing, or it is not yours to see."),
    408: PossibleAnswer.problem("The body was not complete in time."),
    409: PossibleAnswer.problem("The ticket has moved on since, or is no longer yours."),
    413: PossibleAnswer.problem("The body is too large."),
    415: PossibleAnswer.problem("The body is not JSON, or compressed."),
    422: PossibleAnswer.problem("What `field` names cannot be as it is."),
    428: PossibleAnswer.problem("There is no lease in `If-Match`."),
    503: PossibleAnswer.problem("Bus or database did not answer in time.", "Retry-After"),
}
_OF_BODY = (400, 408, 413, 415)
_FAILURES_OF: Mapping[str, Collection[int]] = {
    "path": (404,),
    "body": _OF_BODY,
    "raw": _OF_BODY,
    "lease": (404, 409, 428),
}
"""What can be the matter with each part of a request."""
_OTHERWISE = PossibleAnswer.problem("What is the case, and what can be done about it.")


def document(endpoints: Sequence[Endpoint], *, version: str) -> bytes:
    """Return the document as JSON; raises pydantic's `ValidationError` if it is no OpenAPI 3.1."""
    schemas = _Schemas(endpoints)
    spec = {
        "openapi": "3.1.1",
        "info": {"title": "Frontdesk", "version": version, "summary": "Omnichannel contact-center ticket router."},
        "paths": _paths(endpoints, schemas),
        "components": {"schemas": schemas.components, "securitySchemes": _SECURITY},
    }
    OpenAPI.model_validate(spec)  # not dumped from there: its models make floats of integer limits
    return json.dumps(spec, indent=1).encode()


class _Schemas:
    """The JSON Schemas of everything that goes in and out, by type and direction."""

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
    if endpoint.roles:
        operation["security"] = [{"token": []}]
        operation["description"] = f"For tokens of role {', '.join(sorted(endpoint.roles))}."
    return operation


def _answers(endpoint: Endpoint) -> dict[int | str, PossibleAnswer]:
    """Its own answers, those to what can be wrong with a request of its form, and the one to all the rest."""
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
    """The schema with its references replaced by what they mean: parameters have no components of their own."""
    if isinstance(schema, list):
        return [_inlined(part, known) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return known[schema["$ref"].rpartition("/")[2]]
    return {name: _inlined(part, known) for name, part in schema.items()}
