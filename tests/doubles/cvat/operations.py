"""The operations that the double serves, each with what CVAT's own SDK knows about it."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from cvat_sdk.api_client import apis
from cvat_sdk.api_client.api_client import Endpoint

# By the SDK's names, with the statuses of success.
_SERVED: dict[str, dict[str, set[int]]] = {
    "ServerApi": {"retrieve_about": {200}},
    "UsersApi": {"retrieve_self": {200}},
    "AuthApi": {"retrieve_access_tokens_self": {200}},
    "ProjectsApi": {"list": {200}, "retrieve": {200}},
    "TasksApi": {
        "list": {200},
        "create": {201},
        "retrieve": {200},
        "destroy": {204},
        "retrieve_data_meta": {200},
        "partial_update_data_meta": {200},
        "retrieve_data": {200},
        "create_data": {200, 202},
        "retrieve_annotations": {200},
        "partial_update_annotations": {200},
        "update_annotations": {200},
    },
    "LabelsApi": {"list": {200}},
    "JobsApi": {"list": {200}, "retrieve": {200}, "partial_update": {200}, "update_annotations": {200}},
    "RequestsApi": {"retrieve": {200}},
}
JOB_TYPES = ("annotation", "ground_truth", "consensus_replica")  # the SDK is newer than the server, and has other ones


@dataclass(frozen=True)
class Operation:
    """One method on one path.

    endpoint: the SDK's description of its parameters, its body and its answer. path: what its addresses look like.
    statuses: the HTTP statuses of success.
    """

    endpoint: Endpoint
    path: re.Pattern[str]
    statuses: frozenset[int]

    @property
    def method(self) -> str:
        return str(self.endpoint.settings["http_method"])

    @property
    def body(self) -> str | None:
        """The SDK's name of the body; None when there is to be no body."""
        return next((name for name, where in self.endpoint.location_map.items() if where == "body"), None)

    def choices(self, parameter: str) -> Collection[str] | None:
        """What a parameter may be, by its name in the SDK; None when it may be anything."""
        if parameter == "type" and self.endpoint.path == "/api/jobs":
            return JOB_TYPES
        allowed = self.endpoint.allowed_values.get((parameter,))
        return [*allowed.values()] if allowed else None


def find(method: str, path: str) -> Operation | None:
    """The operation that a request asks for; None when the double does not serve it."""
    return next((o for o in served() if o.method == method and o.path.fullmatch(path)), None)


@lru_cache(maxsize=1)
def served() -> tuple[Operation, ...]:
    """All of them."""
    made = []
    for api, names in _SERVED.items():
        endpoints = getattr(apis, api)()
        for name, statuses in names.items():
            endpoint = getattr(endpoints, f"{name}_endpoint")
            pattern = re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", endpoint.path))
            made.append(Operation(endpoint, pattern, frozenset(statuses)))
    return tuple(made)
