"""Pages of the runs: how they page and search, what is passed on in a link, and which files may be read.

tests/plugins holds who may see them, and what they cannot be made to give.
"""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient

from firstpass.contracts.run_error import RunError
from firstpass.contracts.run_spec import run_folder
from firstpass.contracts.verdict import CheckResult, CheckState, QualityVerdict
from firstpass.errors import FirstpassError, Unavailable
from firstpass.pages.rendering import asset
from firstpass.report import web
from firstpass.settings import settings
from firstpass.storage import join, write
from firstpass.warehouse.merge import merge_chunk
from firstpass.warehouse.pruning import prune_run
from firstpass.warehouse.run_failures import begin_stage, fail_run, record_request
from firstpass.warehouse.run_list import PAGE
from firstpass.warehouse.runs import finish_run, record_stage
from firstpass.warehouse.verdicts import store_verdict
from fixtures.made_up_runs import query, row


@pytest.fixture
def client(storage_home) -> TestClient:
    return TestClient(web.application([]), follow_redirects=False)


@pytest.fixture
def many(warehouse, night):
    """Two full pages of runs and one more: `run 000` is the newest."""
    for n in range(2 * PAGE + 1):
        night(f"run {n:03d}", started_at="2026-02-01T02:00:00+00:00")


def refuse(**_):
    raise Unavailable("the warehouse sleeps", "wake it")


def folder_of(run_id: str) -> str:
    return run_folder(run_id).rsplit("/", 1)[-1]


def save(folder: str, path: str, text: str = "<p>größe") -> None:
    write(join(settings().storage, "runs", folder, path), text.encode())


def titles(page: str) -> list[str]:
    return re.findall(r'title="(run [^"]+)">', page)


def link(page: str, rel: str) -> dict[str, list[str]] | None:
    """What the link to the newer or older page asks for; None where there is no such link."""
    found = re.search(rf'<a href="([^"]+)" rel="{rel}"', page)
    return parse_qs(urlsplit(unescape(found[1])).query, keep_blank_values=True) if found else None


class TestHeaders:
    """Whatever is answered, a browser is told to load nothing from elsewhere and to guess nothing."""

    def test_a_page_may_load_nothing_but_itself(self):
        policy = dict(part.strip().split(" ", 1) for part in web.HEADERS["Content-Security-Policy"].split(";"))
        assert policy == {
            "default-src": "'none'",
            "img-src": "'self' data:",
            "style-src": "'unsafe-inline'",
            "script-src": "'unsafe-inline'",
            "form-action": "'self'",
            "base-uri": "'none'",
            "frame-ancestors": "'self'",
        }

    @pytest.mark.parametrize(
        ("path", "status", "kind"),
        [
            ("/", 200, "text/html; charset=utf-8"),
            ("/icon.svg", 200, "image/svg+xml"),
            ("/report?run=there", 307, None),
            ("/report?run=nowhere", 404, "text/html; charset=utf-8"),
            ("/runs/there/report.html", 200, "text/html; charset=utf-8"),
            ("/runs/nowhere/report.html", 404, "text/html; charset=utf-8"),
            ("/runs/there/run.json", 404, "text/html; charset=utf-8"),
        ],
    )
    def test_every_answer_has_them(self, client, warehouse, path, status, kind):
        save("there", "report.html")
        save(folder_of("there"), "report.html")
        answer = client.get(path)
        assert (answer.status_code, answer.headers.get("content-type")) == (status, kind)
        assert {name: answer.headers.get(name) for name in web.HEADERS} == web.HEADERS
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize("path", ["/", "/icon.svg", "/report?run=x", "/runs/x/report.html"])
    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
    def test_nothing_can_be_changed(self, client, method, path):
        assert client.request(method, path).status_code == 405


class TestTheList:
    """Runs, newest first, fifty on a page."""

    def test_pages_follow_each_other(self, client, many):
        pages = [client.get("/", params={"page": page}).text for page in range(3)]
        assert [len(titles(page)) for page in pages] == [50, 50, 1]
        assert [title for page in pages for title in titles(page)] == [f"run {n:03d}" for n in range(101)]
        assert [re.search(r"(\d+) to (\d+)</span>", page).groups() for page in pages] == [
            ("1", "50"),
            ("51", "100"),
            ("101", "101"),
        ]

    def test_each_page_leads_to_its_neighbours(self, client, many):
        first, second, last = (client.get("/", params={"page": page}).text for page in range(3))
        assert (link(first, "prev"), link(first, "next")) == (None, {"q": [""], "page": ["1"]})
        assert (link(second, "prev"), link(second, "next")) == (
            {"q": [""], "page": ["0"]},
            {"q": [""], "page": ["2"]},
        )
        assert (link(last, "prev"), link(last, "next")) == ({"q": [""], "page": ["1"]}, None)

    def test_a_search_goes_on_to_the_next_page(self, client, many):
        first = client.get("/", params={"q": 'run & "toy'}).text
        assert titles(first) == []
        assert 'value="run &amp; &#34;toy"' in first
        second = client.get("/", params={"q": "RUN 0", "page": 1}).text
        assert titles(second) == [f"run {n:03d}" for n in range(50, 100)]
        assert link(second, "prev") == {"q": ["RUN 0"], "page": ["0"]}
        assert link(second, "next") is None

    def test_one_page_needs_no_links(self, client, night):
        night("run 1")
        text = client.get("/").text
        assert titles(text) == ["run 1"]
        assert 'class="pages"' not in text

    @pytest.mark.parametrize("search", ["  other ", "\tOTHER\n", "ot\0her"])
    def test_spaces_around_what_is_searched_and_zero_bytes_do_not_matter(self, client, night, search):
        night("run 1")
        night("run 2", images="/other")
        assert titles(client.get("/", params={"q": search}).text) == ["run 2"]

    def test_nothing_but_spaces_is_no_search(self, client, night):
        night("run 1")
        assert titles(client.get("/", params={"q": "  "}).text) == ["run 1"]

    def test_an_empty_list_says_why_it_is_empty(self, client, night):
        assert "There is no run yet" in client.get("/").text
        night("run 1")
        assert "No run matches" in client.get("/", params={"q": "nothing"}).text

    def test_a_run_leads_to_its_report_by_its_id(self, client, night):
        night("run a/b ü&c")
        assert 'href="report?run=run+a%2Fb+%C3%BC%26c"' in client.get("/").text

    def test_a_run_is_shown_with_its_figures_once_it_was_checked(self, client, warehouse, night):
        night("run 1")
        night("run 2")
        store_verdict(
            warehouse,
            QualityVerdict("run 1", (CheckResult("drift", "d", "warning", CheckState.HOLDS, "", 1234.5, "s"),)),
        )
        finish_run(warehouse, "run 1", "success")
        unchecked, checked = client.get("/").text.split("<tr")[2:]
        assert '<span class="state soft">running</span>' in unchecked
        assert 'data-label="Drift">–</td>' in unchecked
        assert 'data-label="Images">–</td>' in unchecked
        assert '<span class="state good">passed</span>' in checked
        assert 'data-label="Drift">1,234.50</td>' in checked
        assert 'data-label="Images">0</td>' in checked

    def test_a_failed_run_is_red_and_says_where_and_why(self, client, warehouse):
        record_request(warehouse, "lost", "/no<where>", "toy", {})
        fail_run(warehouse, "lost", RunError("resolve_model", "there is no folder /no<where>", "create it"))
        (line,) = client.get("/").text.split("<tr")[2:]
        assert line.startswith(' class="wrong">')
        assert '<span class="state bad">failed</span>' in line
        assert "<b>resolve model:</b> there is no folder /no&lt;where&gt;" in line
        assert "<code>toy</code>" in line
        assert 'title="lost"' in client.get("/", params={"q": "NO FOLDER"}).text

    @pytest.mark.parametrize(
        ("state", "verdict", "said", "tone"),
        [
            ("partial", CheckState.HOLDS, "partial", "warn"),
            ("success", CheckState.NOTHING, "nothing to check", "soft"),
            ("success", None, "not checked", "soft"),
        ],
    )
    def test_only_what_was_proved_is_green(self, client, warehouse, night, state, verdict, said, tone):
        night("run 1")
        finish_run(warehouse, "run 1", state)
        if verdict:
            result = CheckResult("run", "x", "critical", verdict, "", None, "s")
            store_verdict(warehouse, QualityVerdict("run 1", (result,)))
        assert f'<span class="state {tone}">{said}</span>' in client.get("/").text

    def test_what_it_ran_on_is_named(self, client, warehouse, night):
        night("run 1")
        query(
            warehouse,
            "INSERT INTO chunks (run_id, chunk, state, marker) SELECT 'run 1', n, 'merged',"
            " jsonb_build_object('device', CASE n WHEN 1 THEN 'cpu' ELSE 'NVIDIA H100' END)"
            " FROM generate_series(1, 3) AS n",
        )
        assert "NVIDIA H100, CPU</span>" in client.get("/").text

    @pytest.mark.parametrize(
        ("parameters", "status"),
        [
            ({"q": "x" * 200}, 200),
            ({"q": "x" * 201}, 422),
            ({"page": 0}, 200),
            ({"page": 10_000}, 200),
            ({"page": -1}, 422),
            ({"page": 10_001}, 422),
            ({"page": "one"}, 422),
        ],
    )
    def test_what_is_asked_for_is_bounded(self, client, warehouse, parameters, status):
        assert client.get("/", params=parameters).status_code == status


class TestFromARunToItsReport:
    """Airflow's tab knows the id of the run alone."""

    @pytest.fixture(autouse=True)
    def knows_no_run(self, warehouse):
        """Unless a test records one."""

    @pytest.fixture
    def failed(self, warehouse):
        record_request(warehouse, "a/run", "/no<where>", "toy", {})
        fail_run(warehouse, "a/run", RunError("resolve_model", "there is no <folder>", "create <it>"))

    def test_a_failed_run_has_a_page_that_says_why_and_what_to_do(self, storage_home, failed):
        behind = TestClient(web.application([], "/airflow"), root_path="/airflow/pre-annotation")
        answer = behind.get("/report", params={"run": "a/run", "dag": "preannotate"})
        assert answer.status_code == 200
        for words in (
            "This run failed at <em>resolve model</em>",
            "there is no &lt;folder&gt;",
            "<b>What to do:</b> create &lt;it&gt;</p>",
            "<code>/no&lt;where&gt;</code>",
            'href="/airflow/dags/preannotate/runs/a%2Frun"',
            'href="/airflow/dags/preannotate/runs/a%2Frun/tasks/resolve_model"',
        ):
            assert words in answer.text
        assert answer.headers["content-security-policy"] == web.HEADERS["Content-Security-Policy"]

    def test_the_report_of_an_earlier_try_is_offered_and_not_taken_for_the_last_word(self, client, failed):
        save(folder_of("a/run"), "report.html")
        text = client.get("/report", params={"run": "a/run"}).text
        assert "This run failed" in text
        assert f'href="runs/{folder_of("a/run")}/report.html"' in text

    def test_a_run_under_way_says_how_far_it_came(self, client, warehouse, night):
        night("a run")
        record_stage(warehouse, "a run", "resolve_model", 0.5)
        begin_stage(warehouse, "a run", "admit_model")
        text = client.get("/report", params={"run": "a run"}).text
        assert "This run is under way" in text
        assert "<em>admit model</em> has begun" in text

    def test_a_run_that_was_pruned_says_what_is_left_of_it(self, client, warehouse, night):
        run = night("a run")
        merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a", detections=3)]))
        finish_run(warehouse, "a run", "success")
        night("another")
        prune_run(warehouse, "a run", (), needed=True)
        text = client.get("/report", params={"run": "a run"}).text
        assert "This run's report was removed" in unescape(text)
        assert re.search(r"The run was pruned on \d+ \w+ \d{4}: what became of each image", text)
        assert "1 ok" in text, "its counts are as they were"
        assert "under way" not in text
        listed = re.findall(r"<tr.*?</tr>", client.get("/").text, re.DOTALL)
        assert [">pruned</span>" in line for line in listed] == [False, False, True]

    def test_what_storage_alone_knows_of_a_failure_is_told(self, client, monkeypatch):
        """PostgreSQL was away when the run failed, and still is."""
        RunError("resolve_model", "the warehouse cannot be used", "start it").save("a run")
        monkeypatch.setattr("firstpass.report.run_page.connect", refuse)
        answer = client.get("/report", params={"run": "a run"})
        assert answer.status_code == 200
        assert "the warehouse cannot be used" in answer.text
        assert client.get("/report", params={"run": "another"}).status_code == 503

    def test_the_way_leads_through_the_prefix_that_the_pages_are_behind(self, storage_home):
        save(folder_of("run/1"), "report.html")
        behind = TestClient(web.application([]), root_path="/airflow/pre-annotation", follow_redirects=False)
        answer = behind.get("/report", params={"run": "run/1"})
        assert answer.status_code == 307
        assert answer.headers["location"] == f"/airflow/pre-annotation/runs/{folder_of('run/1')}/report.html"

    @pytest.mark.parametrize(
        ("parameters", "words"),
        [
            ({"run": "r<1>"}, "Run <code>r&lt;1&gt;</code> has left no report yet."),
            ({"run": "r<1>", "dag": "preannotate"}, "Run <code>r&lt;1&gt;</code> has left no report yet."),
            ({"run": "r<1>", "dag": "b<2>"}, "this one belongs to <code>b&lt;2&gt;</code>."),
            ({"run": ""}, "There is no such page."),
        ],
    )
    def test_without_a_report_it_says_why(self, client, parameters, words):
        answer = client.get("/report", params=parameters)
        assert answer.status_code == 404
        assert words in answer.text

    @pytest.mark.parametrize(
        ("parameters", "status"),
        [
            ({}, 422),
            ({"run": "x" * 1000}, 404),
            ({"run": "x" * 1001}, 422),
            ({"run": "x", "dag": "x" * 300}, 404),
            ({"run": "x", "dag": "x" * 301}, 422),
        ],
    )
    def test_what_is_asked_for_is_bounded(self, client, parameters, status):
        assert client.get("/report", params=parameters).status_code == status


class TestFiles:
    """The report and the Data Docs of a run, and nothing else that lies beside them."""

    @pytest.mark.parametrize("path", ["report.html", "data_docs/index.html", "data_docs/a.html"])
    @pytest.mark.parametrize("folder", ["a", "7", "_x", "-x", "a.b_c-D9", "x" * 121])
    def test_a_page_is_given_as_it_was_written(self, client, folder, path):
        save(folder, path)
        answer = client.get(f"/runs/{folder}/{path}")
        assert (answer.status_code, answer.content) == (200, "<p>größe".encode())

    @pytest.mark.parametrize("run_id", ["x" * 1000, "...", "ü" * 50, "a/../b"])
    def test_every_run_has_a_folder_that_is_given(self, client, run_id):
        save(folder_of(run_id), "report.html")
        assert client.get(f"/runs/{folder_of(run_id)}/report.html").status_code == 200

    @pytest.mark.parametrize(
        ("folder", "path"),
        [
            ("a", "report.htm"),
            ("a", "report.html.bak"),
            ("a", "Report.html"),
            ("a", "xreport.html"),
            ("a", "reportxhtml"),
            ("a", "x/report.html"),
            ("a", "data_docs/Index.html"),
            ("a", "data_docs/index2.html"),
            ("a", "data_docs/.html"),
            ("a", "data_docs/x/index.html"),
            ("a", "data_docs/index.htm"),
            ("a", "data_docs/indexxhtml"),
            ("a", "data_docs"),
            ("a", "run.json"),
            (".a", "report.html"),
            ("a b", "report.html"),
            ("ä", "report.html"),
            ("x" * 122, "report.html"),
        ],
    )
    def test_what_only_looks_like_one_is_not(self, client, folder, path):
        if path != "data_docs":
            save(folder, path)
        answer = client.get(f"/runs/{folder}/{path}")
        assert answer.status_code == 404
        assert "größe" not in answer.text
        assert "There is no such page." in answer.text

    def test_a_link_out_of_the_folder_of_runs_counts_as_missing(self, client, storage_home, tmp_path):
        (tmp_path / "secret.html").write_text("<p>größe")
        save("a", "run.json")
        (storage_home / "runs" / "a" / "report.html").symlink_to(tmp_path / "secret.html")
        assert client.get("/runs/a/report.html").status_code == 404

    def test_a_link_to_a_folder_that_only_begins_like_it_counts_as_missing(self, client, storage_home):
        save("a", "run.json")
        (storage_home / "runs2").mkdir()
        (storage_home / "runs2" / "secret.html").write_text("<p>größe")
        (storage_home / "runs" / "a" / "report.html").symlink_to(storage_home / "runs2" / "secret.html")
        assert client.get("/runs/a/report.html").status_code == 404

    def test_a_link_to_another_run_is_followed(self, client, storage_home):
        save("a", "report.html")
        (storage_home / "runs" / "b").symlink_to(storage_home / "runs" / "a")
        assert client.get("/runs/b/report.html").status_code == 200

    def test_storage_that_is_itself_a_link_is_no_way_out(self, client, storage_home, tmp_path):
        (tmp_path / "disk").mkdir()
        storage_home.symlink_to(tmp_path / "disk")
        save("a", "report.html")
        assert client.get("/runs/a/report.html").status_code == 200


def test_the_icon_is_the_one_of_the_package(client):
    assert client.get("/icon.svg").content == asset("firstpass.report", "icon.svg")


@pytest.mark.parametrize("kind", [FirstpassError, Unavailable])
def test_an_error_for_people_is_told_as_text_with_its_remedy(client, monkeypatch, kind):
    def refuse(**_):
        raise kind("the <b>warehouse</b> sleeps", "wake & wait")

    monkeypatch.setattr(web, "connect", refuse)
    answer = client.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "<p>the &lt;b&gt;warehouse&lt;/b&gt; sleeps</p>" in answer.text
    assert "What to do: wake &amp; wait" in answer.text
    assert answer.headers["content-security-policy"] == web.HEADERS["Content-Security-Policy"]


def test_nobody_waits_long_for_a_warehouse_that_does_not_answer(client, monkeypatch):
    asked = []

    def refuse(patience: float):
        asked.append(patience)
        raise Unavailable("gone", "wait")

    monkeypatch.setattr(web, "connect", refuse)
    client.get("/")
    assert 0 < asked[0] <= 5


def test_a_right_that_the_warehouses_user_lacks_is_a_sentence(client, many, lesser_user, use_warehouse):
    use_warehouse(lesser_user())
    answer = client.get("/")
    assert answer.status_code == 503
    assert "permission denied for table runs" in unescape(answer.text)
    assert "GRANT" in answer.text
