"""Checks a run with Great Expectations, in PostgreSQL where the data is.

Each suite's batch becomes a temporary table in the server, made in one pass over the run; what comes back are counts
and a handful of names, however large the run is.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from typing import Any
from urllib.parse import unquote

from psycopg2.extensions import connection
from psycopg2.extras import RealDictCursor

from firstpass.contracts.run_spec import run_folder
from firstpass.contracts.verdict import CheckResult, CheckState, QualityVerdict
from firstpass.errors import Unavailable
from firstpass.images import catalogue_file
from firstpass.quality.data_docs import write_data_docs
from firstpass.quality.drift import store_profile
from firstpass.quality.suites import Expectation, Suite, suites
from firstpass.settings import settings
from firstpass.warehouse.connection import connect
from firstpass.warehouse.verdicts import store_verdict

EXAMPLES = 5  # names shown of what is wrong


def check_run(run_id: str) -> QualityVerdict:
    """Check a run with every suite, store the results in the warehouse and write its Data Docs.

    Checking again replaces the earlier results. An expectation that could not be evaluated counts as failed, with the
    reason; it does not hide the others. Raises psycopg2.OperationalError when the warehouse is lost, FileNotFoundError
    for a run without a catalogue. Changes no detection and publishes nothing.
    """
    checked = suites(settings())
    with closing(connect()) as conn:
        store_profile(conn, run_id)
        limits = _limits(run_id)
        batches = {suite.name: _batch(suite.name, limits) for suite in checked}
        numbers = {s.name: _one_row(conn, batches[s.name]) for s in checked if any(e.bounds for e in s.expectations)}
        with _environment(conn):
            outcome = _validate(run_id, checked, batches)
        verdict = QualityVerdict(
            run_id,
            tuple(
                _result(suite, expectation, outcome[suite.name], numbers.get(suite.name, {}))
                for suite in checked
                for expectation in suite.expectations
            ),
        )
        store_verdict(conn, verdict)
    write_data_docs(run_folder(run_id), verdict, checked, outcome)
    return verdict


def _limits(run_id: str) -> dict[str, Any]:
    """What the batches' SQL is filled with. A run's id is hostile: it travels as hexadecimal digits."""
    limits = settings()
    return {
        "run_id": f"convert_from(decode('{run_id.encode().hex()}', 'hex'), 'UTF8')",
        "listed": catalogue_file.counts(run_folder(run_id))["images"],
        "min_side": limits.check_side,
        "min_brightness": limits.check_dark,
        "max_boxes": limits.check_boxes,
        "max_overlap": limits.check_overlap,
        "max_polygons": limits.check_polygons,
        "drift_runs": limits.check_drift_runs,
        "drift_samples": limits.check_drift_samples,
    }


def _batch(name: str, limits: dict[str, Any]) -> str:
    sql = files("firstpass.quality").joinpath("batches", f"{name}.sql").read_text("utf-8").format(**limits)
    return f"SELECT * FROM (\n{sql}) AS batch"  # noqa: S608 - our own files, filled with numbers and hexadecimal digits


def _one_row(conn: connection, sql: str) -> dict[str, Any]:
    with conn, conn.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(sql)
        return dict(cursor.fetchone() or {})


@contextmanager
def _environment(conn: connection) -> Iterator[None]:
    """Hand Great Expectations the warehouse's address by environment, so that no suite or page holds a password."""
    from sqlalchemy import URL

    parameters = {**conn.info.dsn_parameters, "password": conn.info.password}
    url = URL.create("postgresql+psycopg2", query={k: v for k, v in parameters.items() if v})
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # it would report home
    os.environ["WAREHOUSE_DSN"] = url.render_as_string(hide_password=False)
    try:
        yield
    finally:
        del os.environ["WAREHOUSE_DSN"]


def _validate(run_id: str, checked: tuple[Suite, ...], batches: dict[str, str]) -> dict[str, Any]:
    """Suite name → Great Expectations' validation result, from one checkpoint over all suites."""
    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # hundreds of lines about itself
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it recommends add_postgres, which refuses unix sockets
        source = context.data_sources.add_sql(
            "warehouse", connection_string="${WAREHOUSE_DSN}", create_temp_table=True, kwargs={"pool_size": 1}
        )
    definitions = [
        gx.ValidationDefinition(
            name=suite.name,
            data=source.add_query_asset(suite.name, query=batches[suite.name]).add_batch_definition_whole_table(
                suite.name
            ),
            suite=context.suites.add(
                gx.ExpectationSuite(suite.name, expectations=[_rule(e) for e in suite.expectations])
            ),
        )
        for suite in checked
    ]
    for definition in definitions:
        context.validation_definitions.add(definition)
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(
            name="run",
            validation_definitions=definitions,
            result_format={"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES},
        )
    )
    run = checkpoint.run(run_id=gx.RunIdentifier(run_name=run_id))
    return {result.suite_name: result for result in run.run_results.values()}


def _rule(expectation: Expectation) -> Any:
    import great_expectations.expectations as gxe
    from great_expectations.expectations.row_conditions import Column

    words = {
        "description": expectation.sentence,
        "severity": expectation.severity,
        "meta": {"name": expectation.column},
    }
    if expectation.bounds:
        return gxe.ExpectColumnValuesToBeBetween(
            column=expectation.column, min_value=expectation.minimum, max_value=expectation.maximum, **words
        )
    if expectation.among:
        words["row_condition"] = Column(expectation.among) == True  # noqa: E712 - an expression of theirs, not Python's
    return gxe.ExpectColumnValuesToBeNull(column=expectation.column, **words)


def _result(suite: Suite, expectation: Expectation, outcome: Any, numbers: dict[str, Any]) -> CheckResult:
    found = next(r for r in outcome.results if r.expectation_config.meta["name"] == expectation.column)
    state, value, observed = _observed(suite, expectation, found, numbers)
    return CheckResult(
        suite.name, expectation.column, expectation.severity, state, observed, value, expectation.sentence
    )


def _observed(
    suite: Suite, expectation: Expectation, found: Any, numbers: dict[str, Any]
) -> tuple[CheckState, float | None, str]:
    if found.exception_info.get("raised_exception", True) or not found.result:
        if "OperationalError" in str(found.exception_info):  # Great Expectations catches what must be waited for, too
            raise Unavailable("the warehouse did not answer every check", "see that its server runs and has disk space")
        return CheckState.FAILS, None, f"could not be checked: {found.exception_info}"
    state = CheckState.HOLDS if found.success else CheckState.FAILS
    if expectation.bounds:
        value = numbers.get(expectation.column)
        if value is None:
            return CheckState.NOTHING, None, suite.absent
        return state, float(value), expectation.shown.format(value)
    if not found.result["element_count"]:
        return CheckState.NOTHING, None, suite.absent
    wrong = found.result["unexpected_count"] or 0
    observed = f"{wrong} of {found.result['element_count']} {suite.rows}"
    if names := found.result["partial_unexpected_list"]:
        observed += ": " + ", ".join(unquote(str(name)).rsplit("/", 1)[-1] for name in names)
    return state, wrong, observed + (", …" if wrong > EXAMPLES else "")
