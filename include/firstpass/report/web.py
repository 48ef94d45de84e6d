"""The runs and their reports as web pages. Who may see them is the caller's affair: see plugins/."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from psycopg2.errors import InsufficientPrivilege

from firstpass import storage
from firstpass.contracts.run_spec import run_folder
from firstpass.contracts.run_standing import TONES
from firstpass.errors import FirstpassError
from firstpass.pages.rendering import asset, render
from firstpass.refusals import missing_right
from firstpass.report.run_page import airflow_links, run_page
from firstpass.settings import settings
from firstpass.warehouse.connection import connect
from firstpass.warehouse.run_list import PAGE, list_runs

# Folders as `run_folder` names them, and the only files of theirs that are ever served.
_FOLDER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,120}")
_FILE = re.compile(r"report\.html|data_docs/[a-z]+\.html")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}


def application(dependencies: Sequence[Any], airflow: str = "") -> FastAPI:
    """The pages, each behind `dependencies`; no documentation routes, no static folder, nothing from another host.

    airflow: the path below which Airflow's own pages lie on this host.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, dependencies=dependencies)
    app.state.airflow = airflow
    app.add_api_route("/", _runs, response_class=HTMLResponse)
    app.add_api_route("/icon.svg", _icon)
    app.add_api_route("/report", _report_of)
    app.add_api_route("/runs/{folder}/{path:path}", _file)
    app.add_exception_handler(FirstpassError, _sorry)
    app.add_exception_handler(InsufficientPrivilege, _sorry)
    return app


def _runs(q: str = Query("", max_length=200), page: int = Query(0, ge=0, le=10_000)) -> Response:
    with closing(connect(patience=2)) as conn:
        runs, more = list_runs(conn, q.replace("\0", "").strip(), page)
    body = render(__package__, "runs.html", runs=runs, search=q, page=page, more=more, size=PAGE, tones=TONES)
    return Response(body, media_type="text/html", headers=HEADERS)


def _report_of(request: Request, run: str = Query(max_length=1000), dag: str = Query("", max_length=300)) -> Response:
    """From a DAG run to its report; to a page of its own while it runs, and when it failed."""
    folder, known = _folder(run), run_page(run)
    reported = storage.exists(_uri(folder, "report.html"))
    if reported and (known is None or known.ended_well):
        return RedirectResponse(f"{request.scope['root_path']}/runs/{folder}/report.html", 307, HEADERS)
    if known is None:
        return _not_found("no-report.html", run_id=run, dag=dag)
    earlier = f"runs/{folder}/report.html" if reported else None
    links = airflow_links(request.app.state.airflow, run, known.stage)
    body = render(__package__, "run.html", run=known, links=links, earlier=earlier, tones=TONES)
    return Response(body, media_type="text/html", headers=HEADERS)


def _file(folder: str, path: str) -> Response:
    if not (_FOLDER.fullmatch(folder) and _FILE.fullmatch(path)):
        return _not_found("no-report.html", run_id=None, dag="")
    try:
        return Response(_read(_uri(folder, path)), media_type="text/html", headers=HEADERS)
    except FileNotFoundError:
        return _not_found("no-report.html", run_id=None, dag="")


def _read(uri: str) -> bytes:
    """The file, if it really lies below the runs' folder: a symbolic link that leads out of it counts as missing."""
    if not storage.is_s3(uri):
        root = storage.local_path(storage.join(settings().storage, "runs")).resolve()
        if not storage.local_path(uri).resolve().is_relative_to(root):
            raise FileNotFoundError(uri)
    return storage.read(uri)


def _icon() -> Response:
    return Response(asset(__package__, "icon.svg"), media_type="image/svg+xml", headers=HEADERS)


def _folder(run_id: str) -> str:
    return run_folder(run_id).rsplit("/", 1)[-1]


def _uri(folder: str, path: str) -> str:
    return storage.join(settings().storage, "runs", folder, path)


def _not_found(template: str, **values: Any) -> Response:
    return Response(render(__package__, template, **values), 404, HEADERS, "text/html")


def _sorry(_: Request, error: Exception) -> Response:
    """The warehouse cannot be used just now: say so, without a trace."""
    said = missing_right(error) or error
    return Response(render(__package__, "sorry.html", error=said), 503, HEADERS, "text/html")
