"""Data Docs: one small site per run, readable without network, beside the run's other files."""

from __future__ import annotations

from copy import copy
from typing import Any

from firstpass import storage
from firstpass.contracts.verdict import CheckState, QualityVerdict
from firstpass.expectations.html import validation_html
from firstpass.pages.rendering import render
from firstpass.quality.suites import Suite


def write_data_docs(run_uri: str, verdict: QualityVerdict, checked: tuple[Suite, ...], outcome: dict[str, Any]) -> str:
    """Write <run>/data_docs/: an index of all results and one page a suite. Returns the index's URI.

    `outcome` maps a suite's name to Great Expectations' validation result. Other runs' sites are not touched.
    """
    site = storage.join(run_uri, "data_docs")
    for suite in checked:
        idle = [r for r in verdict.results if r.suite == suite.name and r.state is CheckState.NOTHING]
        told = _without(outcome[suite.name], {result.expectation for result in idle})
        content = validation_html(told) if told.results else None
        page = render(__package__, "data_docs_suite.html", suite=suite, content=content, idle=idle)
        storage.write(storage.join(site, f"{suite.name}.html"), page)
    index = storage.join(site, "index.html")
    storage.write(index, render(__package__, "data_docs_index.html", verdict=verdict, suites=checked))
    return index


def _without(result: Any, idle: set[str]) -> Any:
    """A validation result without these expectations: Great Expectations counts what had no row as a success."""
    told = copy(result)
    told.results = [each for each in result.results if each.expectation_config.meta["name"] not in idle]
    held, total = sum(bool(each.success) for each in told.results), len(told.results)
    told.statistics = {
        "evaluated_expectations": total,
        "successful_expectations": held,
        "unsuccessful_expectations": total - held,
        "success_percent": 100 * held / total if total else None,
    }
    return told
