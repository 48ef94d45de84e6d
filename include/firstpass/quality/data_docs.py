"""Data Docs: one small site a run, readable without network, beside the run's other files.

Great Expectations renders its own validation results; the frame around them is ours, because its page loads styles and
scripts from other hosts. A Content-Security-Policy forbids every script and every host on top of that.
"""

from __future__ import annotations

from typing import Any

from jinja2 import ChoiceLoader, FileSystemLoader

from firstpass import storage
from firstpass.quality.pages import TEMPLATES, render
from firstpass.quality.results import Verdict
from firstpass.quality.suites import Suite


def write_data_docs(run_uri: str, verdict: Verdict, checked: tuple[Suite, ...], outcome: dict[str, Any]) -> str:
    """Write <run>/data_docs/: an index of all results and one page a suite. Returns the index's URI.

    `outcome` maps a suite's name to Great Expectations' validation result. Other runs' sites are not touched.
    """
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    site = storage.join(run_uri, "data_docs")
    view = DefaultJinjaPageView()
    view.env.loader = ChoiceLoader([FileSystemLoader(TEMPLATES), view.env.loader])
    renderer = ValidationResultsPageRenderer(run_info_at_end=True)
    for suite in checked:
        page = view.render(renderer.render(outcome[suite.name]), template="data_docs_suite.html", suite=suite)
        storage.write(storage.join(site, f"{suite.name}.html"), page.encode("utf-8", "replace"))
    index = storage.join(site, "index.html")
    storage.write(index, render("data_docs_index.html", verdict=verdict, suites=checked))
    return index
