"""Holds what the double receives and sends against CVAT's own SDK: addresses, parameters, bodies and answers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aiohttp import web

from doubles.cvat import json_bodies, operations
from doubles.cvat.operations import Operation

CVAT_JSON = "application/vnd.cvat+json"

_EVERYWHERE = {"org", "org_id"}  # whatever CVAT is asked, it may be asked within an organization
_WRITTEN = {int: r"-?\d+", bool: r"(?i)true|false", str: r"(?s).*"}  # values of parameters, as text


def request_error(request: web.Request, body: bytes) -> str | None:
    """What is wrong with the request, or None. File uploads are not looked into."""
    operation = operations.find(request.method, request.path)
    if operation is None:
        return f"the double does not serve {request.method} {request.path}"
    return next(_parameter_problems(operation, request), None) or _body_problem(operation, request, body)


def response_error(request: web.Request, response: web.Response) -> str | None:
    """What is wrong with a successful answer, or None."""
    operation = operations.find(request.method, request.path)
    if operation is None or response.status >= 300:
        return None
    if response.status not in operation.statuses:
        return f"status {response.status} instead of {sorted(operation.statuses)}"
    schema = operation.endpoint.settings["response_schema"]
    goes_on = any(header in request.headers for header in ("Upload-Start", "Upload-Multiple"))
    if schema is None or (goes_on and not response.body):
        return None
    if response.content_type != CVAT_JSON:
        return f"{response.content_type} instead of {CVAT_JSON}"
    return json_bodies.problem(response.body, schema, "answer")  # type: ignore[arg-type]


def _parameter_problems(operation: Operation, request: web.Request) -> Iterator[str]:
    """In the path, the query and the headers. An empty value counts as none: `org=`, or the SDK's `Upload-Start:`."""
    endpoint = operation.endpoint
    at = operation.path.fullmatch(request.path)
    assert at
    sent = {"path": at.groupdict().items(), "query": request.query.items(), "header": request.headers.items()}
    known = set(_EVERYWHERE)
    for name, where in endpoint.location_map.items():
        if where not in sent:
            continue
        key = endpoint.attribute_map[name]
        known.add(key)
        values = [value for k, value in sent[where] if value and k.lower() == key.lower()]
        if not values and name in endpoint.params_map["required"]:
            yield f"{where} {key}: is missing"
        for value in values:
            choices = operation.choices(name)
            (kind,) = endpoint.openapi_types[name]
            if not re.fullmatch(_WRITTEN[kind], value):
                yield f"{where} {key}: {value!r} is no {kind.__name__}"
            elif choices and value not in choices:
                yield f"{where} {key}: {value!r} is none of {choices}"
    yield from (f"query {key}: is unknown to CVAT" for key in request.query if key not in known)


def _body_problem(operation: Operation, request: web.Request, body: bytes) -> str | None:
    endpoint, name = operation.endpoint, operation.body
    if request.content_type.startswith("multipart/"):
        return None
    if not body:
        return "body: is missing" if name in endpoint.params_map["required"] else None
    if name is None or request.content_type not in endpoint.headers_map["content_type"]:
        return f"body: {request.content_type} is none of {endpoint.headers_map['content_type']}"
    return json_bodies.problem(body, endpoint.openapi_types[name], "body")
