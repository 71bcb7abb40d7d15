"""The OpenAPI 3.1 document, made from the same table of endpoints that is served."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from openapi_pydantic import OpenAPI
from pydantic import BaseModel, TypeAdapter

from router.api.endpoint import Endpoint, PossibleAnswer
from router.api.errors import CONTENT_TYPE, ProblemDetails

_SECURITY = {"token": {"type": "http", "scheme": "bearer", "description": "Made by `frontdesk token create`."}}
_PARAMETER = re.compile(r"{(\w+)}")


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
        adapters = {key: TypeAdapter(key[0]) for key in (*_schema_keys(endpoints), (ProblemDetails, "serialization"))}
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
        for outcome in endpoint.answers.values():
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
        "responses": {
            **{str(status): _response(outcome, schemas) for status, outcome in endpoint.answers.items()},
            "default": {
                "description": "What is the case, and what can be done about it.",
                "content": schemas.content(ProblemDetails, "serialization", CONTENT_TYPE),
            },
        },
    }
    if body := _body_model(endpoint):
        operation["requestBody"] = {"required": True, "content": schemas.content(body, "validation")}
    if endpoint.roles:
        operation["security"] = [{"token": []}]
        operation["description"] = f"For tokens of role {', '.join(sorted(endpoint.roles))}."
    return operation


def _operation_id(endpoint: Endpoint) -> str:
    words = re.findall(r"[a-z]+", endpoint.path.removeprefix("/v1").replace("{", "by_"))
    return "_".join((endpoint.method.lower(), *words))


def _body_model(endpoint: Endpoint) -> Any:
    return endpoint.raw_model or endpoint.takes().get("body")


def _response(outcome: PossibleAnswer, schemas: _Schemas) -> dict[str, Any]:
    response: dict[str, Any] = {"description": outcome.description}
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
        schema = {"type": "string"}
        yield {"name": "If-Match", "in": "header", "required": True, "schema": schema, "description": description}


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
