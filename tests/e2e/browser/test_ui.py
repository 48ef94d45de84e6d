"""The morning after, in a real browser: log in, trigger, follow the run to its report, look at the pictures."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import httpx
import pytest

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[3]
RUN = "browser__1"


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """The sample photographs and two files that are none."""
    folder = tmp_path_factory.mktemp("photos")
    for path in (ROOT / "include" / "samples").glob("*.*g"):
        shutil.copy(path, folder)
    (folder / "torn.jpg").write_bytes((folder / "china.jpg").read_bytes()[:5000])
    (folder / "notes.jpg").write_text("no image at all")
    return folder


@pytest.fixture(scope="module")
def triggered(chromium, login, session, photos) -> str:
    """A run started with the DAG's own form; its id once it has ended."""
    context = chromium.new_context(
        base_url=login["url"], storage_state=session, viewport={"width": 1280, "height": 1000}
    )
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto("/dags/preannotate")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")
    form.get_by_role("button", name="What to annotate").click()
    form.locator("input[name=element_images]").fill(str(photos))
    form.get_by_role("button", name="Advanced Options").click()
    form.locator("input[name=dagRunId]").fill(RUN)
    form.get_by_role("button", name="Trigger").last.click()
    deadline = time.monotonic() + 600
    state = None
    while state not in {"success", "failed"}:
        assert time.monotonic() < deadline, f"the run is still {state}"
        time.sleep(2)
        answer = context.request.get(f"/api/v2/dags/preannotate/dagRuns/{RUN}")
        state = answer.json().get("state")
    context.close()
    assert state == "success"
    return RUN


def report_of(page, run: str):
    """The report in the tab of the run, as a frame."""
    page.goto(f"/dags/preannotate/runs/{run}")
    page.get_by_role("link", name="Report", exact=True).click()
    frame = page.frame_locator("iframe[title=Report]")
    frame.locator("#pictures").wait_for()
    return frame


def test_the_run_s_own_tab_shows_its_report(page, triggered):
    frame = report_of(page, triggered)
    assert frame.locator("h1").inner_text() == "5 drafts on 8 images"
    assert frame.locator(".state").inner_text() == "warnings"
    frame.locator(".picture img").first.wait_for()
    loaded = frame.locator(".picture img").first.evaluate("(image) => image.decode().then(() => image.naturalWidth)")
    assert loaded > 100


def test_a_failed_expectation_is_seen_and_explained(page, triggered):
    frame = report_of(page, triggered)
    failure = frame.locator(".failures li").first.inner_text()
    assert "cannot be read" in failure
    assert "20.0%" in failure
    quarantined = frame.get_by_role("region", name="Quarantined images").inner_text()
    assert "torn.jpg" in quarantined
    assert "notes.jpg" in quarantined
    frame.get_by_role("link", name="Data Docs").click()
    frame.get_by_role("link", name="The run").click()
    frame.get_by_role("heading", name="unreadable_rate").wait_for()


def test_the_gallery_filters_by_class_and_score(page, triggered):
    frame = report_of(page, triggered)
    shown = frame.locator(".picture:visible")
    assert shown.count() == 8
    frame.locator("select[name=class]").select_option("person")
    assert sorted(shown.evaluate_all("(all) => all.map((one) => one.dataset.name)")) == ["astronaut.png", "camera.png"]
    frame.locator("input[name=score]").fill("0.8")
    assert shown.evaluate_all("(all) => all.map((one) => one.dataset.name)") == ["camera.png"]
    assert frame.locator("#filters [role=status]").inner_text() == "1 picture, 1 drawn draft"
    frame.locator("input[name=score]").fill("0.99")
    assert shown.count() == 0


def test_the_gallery_is_usable_by_keyboard(page, triggered):
    frame = report_of(page, triggered)
    frame.locator("select[name=order]").select_option("name")
    frame.locator(".picture").first.focus()
    page.keyboard.press("Enter")
    viewer = frame.get_by_role("dialog")
    assert "astronaut.png" in viewer.inner_text()
    page.keyboard.press("ArrowRight")
    assert "camera.png" in viewer.inner_text()
    page.keyboard.press("Escape")
    assert not viewer.is_visible()


def test_the_entry_lists_runs_and_leads_to_the_report(page, triggered):
    page.goto("/")
    page.get_by_role("link", name="Pre-annotation").first.click()
    frame = page.frame_locator("iframe[title=Pre-annotation]")
    frame.get_by_role("searchbox").fill("warnings")
    frame.get_by_role("button", name="Search").click()
    frame.locator("input[type=search][value=warnings]").wait_for()
    assert set(frame.locator("td .state").all_inner_texts()) == {"warnings"}
    frame.locator(f'td.when a[title="{triggered}"]').click()
    frame.locator("#pictures").wait_for()


def test_a_phone_shows_it_without_scrolling_sideways(chromium, login, session, triggered, page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/pre-annotation/report?run={triggered}")
    page.locator("#pictures").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_follows_the_system_s_theme(page, triggered, theme):
    page.emulate_media(color_scheme=theme)
    page.goto(f"/pre-annotation/report?run={triggered}")
    page.locator("#pictures").wait_for()
    paper, ink = page.evaluate(
        """() => ["backgroundColor", "color"].map((of) => Math.max(
            ...getComputedStyle(document.body)[of].match(/\\d+/g).slice(0, 3).map(Number)))"""
    )
    assert (paper < 60 and ink > 200) if theme == "dark" else (paper > 230 and ink < 60)


def test_a_threshold_that_is_none_is_refused_with_words(page, login):
    page.goto("/dags/preannotate")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")
    form.get_by_role("button", name="Model").click()
    form.locator("input[name=element_threshold]").fill("40")
    page.keyboard.press("Tab")
    assert form.locator("input[name=element_threshold]").input_value() == "40", "and not 1"
    form.get_by_role("button", name="Trigger").last.click()
    page.get_by_text("40 is greater than the maximum of 1").first.wait_for()
    form.locator("input[name=element_threshold]").fill("0.4")
    page.keyboard.press("Tab")
    assert form.locator("input[name=element_threshold]").input_value() == "0.4"
    for wrong in ({"threshold": 40}, {"class_thresholds": {"person": 40}}):
        answer = page.context.request.post(
            "/api/v2/dags/preannotate/dagRuns", data={"logical_date": None, "conf": wrong}
        )
        assert answer.status == 400
        assert "40 is greater than the maximum of 1" in answer.json()["detail"]


PAGES = ["/", "/icon.svg", f"/report?run={RUN}", "/runs/x/report.html", "/runs/x/data_docs/index.html"]


@pytest.mark.parametrize("path", PAGES)
def test_nobody_sees_anything_without_login(login, path):
    assert httpx.get(f"{login['url']}/pre-annotation{path}").status_code == 401


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/redoc", "/static/x", "/runs/..%2f..%2f.env"])
def test_there_is_nothing_else(login, page, path):
    assert httpx.get(f"{login['url']}/pre-annotation{path}").status_code in {401, 404}
    assert page.request.get(f"/pre-annotation{path}").status == 404


def test_a_report_that_does_not_exist_is_not_found(page):
    assert page.request.get("/pre-annotation/report?run=nope").status == 404
    assert page.request.get("/pre-annotation/runs/nope/report.html").status == 404
