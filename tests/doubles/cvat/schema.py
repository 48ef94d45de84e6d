"""Holds what the double receives and sends against CVAT's own OpenAPI schema."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

CVAT_JSON = "application/vnd.cvat+json"


@lru_cache(maxsize=1)
def _openapi() -> OpenAPI:
    text = (Path(__file__).parent / "openapi-2.73.yml").read_text()
    spec: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    spec["servers"] = [{"url": "/"}]
    for path in spec["paths"].values():
        for operation in path.values():
            operation.pop("security", None)  # the server asks for the token itself, with CVAT's own answers
    _spell_out_null(spec)
    return OpenAPI.from_dict(
        spec, config=Config(spec_validator_cls=None, extra_media_type_deserializers={CVAT_JSON: json.loads})
    )


def _spell_out_null(node: Any) -> None:
    """CVAT writes `allOf: [X], nullable: true` for "X or null"; by OpenAPI 3.0's letter that allows no null."""
    if isinstance(node, list):
        for item in node:
            _spell_out_null(item)
    if isinstance(node, dict):
        if node.get("nullable") is True and "allOf" in node and "type" not in node:
            null = {"type": "object", "nullable": True, "enum": [None]}
            node["anyOf"] = [{"allOf": node.pop("allOf")}, null]
        for item in node.values():
            _spell_out_null(item)


def request_error(request: web.Request, body: bytes) -> str | None:
    """What is wrong with the request by the schema, or None. File uploads are not looked into."""
    if request.content_type.startswith("multipart/"):
        return None
    return _reason(lambda: _openapi().validate_request(_as_mock(request, body)))


def response_error(request: web.Request, body: bytes, response: web.Response) -> str | None:
    """What is wrong with a successful JSON answer by the schema, or None."""
    if response.content_type != CVAT_JSON or response.status >= 300:
        return None
    answer = MockResponse(response.body, status_code=response.status, content_type=CVAT_JSON)  # type: ignore[arg-type]
    return _reason(lambda: _openapi().validate_response(_as_mock(request, body), answer))


def _as_mock(request: web.Request, body: bytes) -> MockRequest:
    return MockRequest(
        f"http://{request.host}",
        request.method,
        request.path,
        args={key: value for key, value in request.query.items() if value},  # CVAT takes an empty `org=`
        headers={k: v for k, v in request.headers.items() if v},  # nor is the SDK's empty `Upload-Start:` a boolean
        data=body,
        content_type=request.content_type if body else "application/json",
    )


def _reason(check: Any) -> str | None:
    try:
        check()
    except OpenAPIError as error:
        causes: list[str] = []
        cause: BaseException | None = error
        while cause is not None:
            causes += [str(e.message) for e in getattr(cause, "schema_errors", ())] or [str(cause)]
            cause = cause.__cause__
        return "; ".join(causes)
    return None
