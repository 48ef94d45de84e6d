"""The pages in Airflow's UI: who may see them, and what they can be made to give."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from fastapi import Depends, HTTPException
from fastapi.testclient import TestClient

from firstpass.contracts.run_spec import run_folder
from firstpass.contracts.verdict import CheckResult, CheckState, QualityVerdict
from firstpass.report.web import application
from firstpass.storage import write
from firstpass.warehouse.runs import finish_run
from firstpass.warehouse.verdicts import store_verdict as store
from fixtures.made_up_runs import row

ROOT = Path(__file__).resolve().parents[2]


def plugin():
    spec = importlib.util.spec_from_file_location("firstpass_ui", ROOT / "plugins" / "firstpass_ui.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def client(warehouse_dsn, storage_home) -> TestClient:
    return TestClient(application([]), follow_redirects=False)


@pytest.fixture
def reported(finished_run, warehouse):
    """A run with a verdict and a report, ready to be looked at."""
    spec = finished_run([row("file:///a.jpg", detections=3)], run_id="manual__2026-02-01T02:00:00+00:00")
    store(
        warehouse,
        QualityVerdict(spec.run_id, (CheckResult("drift", "d", "warning", CheckState.FAILS, "0.5", 0.5, "s"),)),
    )
    finish_run(warehouse, spec.run_id, "success")
    write(f"{spec.uri}/report.html", b"<!doctype html><p>the report")
    write(f"{spec.uri}/data_docs/index.html", b"<!doctype html><p>the docs")
    write(f"{spec.uri}/results/secret.html", b"not for the browser")
    return spec


PATHS = ["/", "/?q=x", "/icon.svg", "/report?run=x", "/runs/x/report.html", "/runs/x/data_docs/index.html"]


@pytest.mark.parametrize("path", PATHS)
def test_every_page_asks_the_guard(warehouse_dsn, storage_home, path):
    def nobody() -> None:
        raise HTTPException(401)

    guarded = TestClient(application([Depends(nobody)]), follow_redirects=False)
    assert guarded.get(path).status_code == 401


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/redoc", "/static/x"])
def test_there_is_nothing_beside_the_pages(client, path):
    assert client.get(path).status_code == 404


def test_the_list_shows_runs_newest_first(client, reported, finished_run):
    finished_run([row("file:///b.jpg")], run_id="later", images="/other/photos")
    text = client.get("/").text
    assert text.index("/other/photos") < text.index('title="manual__')
    assert ">warnings</span>" in text
    assert '<td class="n" data-label="Drift">0.50</td>' in text
    assert client.get("/?q=OTHER").text.count('<td class="when">') == 1
    assert client.get("/?q=warnings").text.count('<td class="when">') == 1
    assert "No run matches" in client.get("/?q=100%25").text


def test_what_runs_are_called_is_only_text(client, finished_run):
    finished_run([], run_id="<script>alert(1)</script>", images="/photos/<img src=x onerror=alert(2)>")
    text = client.get("/").text
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "&lt;img src=x" in text


def test_an_empty_warehouse_says_what_to_do(client):
    assert "Trigger the DAG preannotate" in client.get("/").text


def test_what_is_searched_for_is_only_text(client, reported):
    text = client.get("/", params={"q": "\"><script>alert(1)</script>' OR 1=1 -- \\ _"}).text
    assert "<script>alert" not in text
    assert "No run matches" in text


def test_a_dag_run_leads_to_its_report(client, reported):
    answer = client.get("/report", params={"run": reported.run_id, "dag": "preannotate"})
    assert answer.status_code == 307
    assert "the report" in client.get(answer.headers["location"]).text


def test_a_dag_run_without_report_says_so(client):
    for params in ({"run": "nope"}, {"run": "../../etc/passwd"}, {"run": "<script>", "dag": "another"}):
        answer = client.get("/report", params=params)
        assert answer.status_code == 404
        assert "<script>" not in answer.text.split("</head>")[1]


def test_report_and_data_docs_are_served_from_the_run_s_folder(client, reported):
    folder = run_folder(reported.run_id).rsplit("/", 1)[-1]
    assert "the report" in client.get(f"/runs/{folder}/report.html").text
    docs = client.get(f"/runs/{folder}/data_docs/index.html")
    assert "the docs" in docs.text
    assert "default-src 'none'" in docs.headers["content-security-policy"]
    assert docs.headers["x-content-type-options"] == "nosniff"


def test_nothing_else_is(client, reported, storage_home, tmp_path):
    folder = run_folder(reported.run_id).rsplit("/", 1)[-1]
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "report.html").write_text("outside")
    (storage_home / "runs" / "link").symlink_to(tmp_path / "outside")
    for path in (
        f"/runs/{folder}/run.json",
        f"/runs/{folder}/results/secret.html",
        f"/runs/{folder}/data_docs/../results/secret.html",
        f"/runs/{folder}/data_docs/%2e%2e/run.json",
        f"/runs/{folder}/data_docs/..%2f..%2frun.json",
        f"/runs/..%2f{folder}/report.html",
        "/runs/../report.html",
        "/runs/%2e%2e/report.html",
        "/runs/..%2foutside/report.html",
        "/runs/link/report.html",
        "/runs/nope/report.html",
        "/runs//etc/passwd",
        f"/runs/{folder}/report.html%00",
    ):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert "outside" not in answer.text
        assert "secret" not in answer.text.lower().replace(path.lower(), "")


def test_a_lost_warehouse_is_said_in_words(client, monkeypatch):
    from firstpass.settings import settings

    monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", "postgresql://someone:geheim@127.0.0.1:1/x")
    settings.cache_clear()
    answer = client.get("/")
    assert answer.status_code == 503
    assert "127.0.0.1:1/x" in answer.text
    assert "geheim" not in answer.text


def test_airflow_finds_an_entry_and_a_tab():
    found = plugin().FirstpassPlugin
    assert {view["destination"] for view in found.external_views} == {"nav", "dag_run"}
    assert all(view["href"].startswith("/pre-annotation/") for view in found.external_views)
    assert [app["url_prefix"] for app in found.fastapi_apps] == ["/pre-annotation"]


def test_loading_the_plugin_is_cheap():
    """Every process of Airflow loads it: neither the web framework's pages nor the report's libraries come with it."""
    before = set(sys.modules)
    plugin()
    new = set(sys.modules) - before
    assert not {name for name in new if name.split(".")[0] in {"matplotlib", "great_expectations", "cv2", "psycopg2"}}
    assert "firstpass.report.web" not in new
