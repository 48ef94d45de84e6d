"""Data Docs: one small site per run, readable without network, beside the run's other files."""

from __future__ import annotations

from typing import Any

from firstpass import storage
from firstpass.contracts.verdict import QualityVerdict
from firstpass.expectations.html import validation_html
from firstpass.pages.rendering import render
from firstpass.quality.suites import Suite


def write_data_docs(run_uri: str, verdict: QualityVerdict, checked: tuple[Suite, ...], outcome: dict[str, Any]) -> str:
    """Write <run>/data_docs/: an index of all results and one page a suite. Returns the index's URI.

    `outcome` maps a suite's name to Great Expectations' validation result. Other runs' sites are not touched.
    """
    site = storage.join(run_uri, "data_docs")
    for suite in checked:
        page = render(__package__, "data_docs_suite.html", suite=suite, content=validation_html(outcome[suite.name]))
        storage.write(storage.join(site, f"{suite.name}.html"), page)
    index = storage.join(site, "index.html")
    storage.write(index, render(__package__, "data_docs_index.html", verdict=verdict, suites=checked))
    return index
