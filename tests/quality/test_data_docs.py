"""Data Docs: an index of all results and a page for each suite, beside the run's other files."""

from __future__ import annotations

from pathlib import Path

from markupsafe import escape

from firstpass.contracts.run_spec import run_folder
from firstpass.quality.checks import check_run
from firstpass.quality.suites import suites
from firstpass.settings import settings
from fixtures.made_up_runs import row


def test_the_index_leads_to_every_suite_and_says_what_was_found(finished_run):
    run_id = finished_run([row("file:///a.jpg", x2=[900.0])], run_id="<b>night</b>").run_id
    verdict = check_run(run_id)
    site = Path(run_folder(run_id)) / "data_docs"
    index = (site / "index.html").read_text()
    checked = suites(settings())
    assert {path.name for path in site.iterdir()} == {"index.html", *(f"{suite.name}.html" for suite in checked)}
    links = [index.index(f'<a href="{suite.name}.html">{suite.title}</a>') for suite in checked]
    assert links == sorted(links)
    for result in verdict.results:
        assert index.count(escape(result.sentence)) == 1
    assert "1 of 1 images: a.jpg" in index
    assert "&lt;b&gt;night&lt;/b&gt;" in index
    assert "<b>night" not in index
    for suite in checked:
        page = (site / f"{suite.name}.html").read_text()
        assert f"<h1>{suite.title}</h1>" in page
        for expectation in suite.expectations:
            assert expectation.column in page or escape(expectation.sentence) in page, expectation.column
        assert '<a href="index.html">' in page


def test_what_had_nothing_to_check_is_no_success(finished_run):
    """Great Expectations counts an expectation without a row as met."""
    run_id = finished_run([row("file:///a.jpg", "empty", 0)]).run_id
    verdict = check_run(run_id)
    site = Path(run_folder(run_id)) / "data_docs"
    drafts = (site / "detections.html").read_text()
    assert 'class="fas fa-check-circle text-success' not in drafts
    assert drafts.count("nothing to check") == len([r for r in verdict.results if r.suite == "detections"])
    images = (site / "images.html").read_text()
    assert "Nothing to check" not in images
    assert 'text-success"' in images
    assert 'class="idle"' in (site / "index.html").read_text()


def test_where_it_was_written_is_told(finished_run, monkeypatch):
    from firstpass.quality import checks

    written = []
    write = checks.write_data_docs
    monkeypatch.setattr(checks, "write_data_docs", lambda *arguments: written.append(write(*arguments)))
    run_id = finished_run([row("file:///a.jpg")]).run_id
    check_run(run_id)
    assert written == [f"{run_folder(run_id)}/data_docs/index.html"]
