"""Airflow's UI shows the runs and their reports: a "Pre-annotation" entry, and a tab on the DAG run.

Every route is behind Airflow's own login and asks for the right to see the DAG `preannotate`; none serves a path that a
browser made up, and no page loads anything from another host.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/pre-annotation"
AIRFLOW = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
ROOT = AIRFLOW + PREFIX


@lru_cache(maxsize=1)
def _application() -> ASGIApp:
    from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
    from airflow.api_fastapi.core_api.security import requires_access_dag, requires_access_view
    from fastapi import Depends

    from firstpass.airflow import connections
    from firstpass.report.web import application

    connections.register()

    guards = [requires_access_view(AccessView.WEBSITE), requires_access_dag("GET", param_dag_id="preannotate")]
    return application([Depends(guard) for guard in guards], AIRFLOW)


class PreAnnotation:
    """The web application, built at its first request: the scheduler and the workers load plugins too."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        await _application()(scope, receive, send)


class FirstpassPlugin(AirflowPlugin):
    """What Airflow finds."""

    name = "firstpass"
    fastapi_apps: ClassVar[list[Any]] = [{"app": PreAnnotation(), "url_prefix": PREFIX, "name": "Pre-annotation"}]
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Pre-annotation",
            "href": f"{ROOT}/",
            "destination": "nav",
            "nav_top_level": True,
            "url_route": "pre-annotation",
            "icon": f"{ROOT}/icon.svg",
        },
        {
            "name": "Report",
            "href": f"{ROOT}/report?dag={{DAG_ID}}&run={{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "report",
            "icon": f"{ROOT}/icon.svg",
        },
    ]
