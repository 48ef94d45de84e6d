"""Whether the class table, the network's shapes and the label maps agree: a Great Expectations validation.

Each expectation carries its severity and a sentence for people; what fails becomes a sentence that names file, row and
value. Critical failures refuse a model, warnings are only shown.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from firstpass.contracts.class_table import normalise
from firstpass.models.artifacts import CLASSES
from firstpass.models.classes_csv import ClassRow

_MAX_NAMED = 5  # rows that a sentence names one by one


@dataclass(frozen=True, slots=True)
class ClassFindings:
    """What is wrong (refuses the model) and what is odd (does not), a sentence each.

    validations: file checked → Great Expectations' validation result, for the Data Docs.
    """

    critical: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    validations: dict[str, Any] = field(default_factory=dict)


def check_classes(
    rows: list[ClassRow],
    class_count: int | None,
    label_maps: dict[str, dict[int, str]],
) -> ClassFindings:
    """Validate the class table by itself and beside each label map.

    class_count: what the network emits, background left out; None when its shapes do not tell, then the count is not
    checked. label_maps: file name → its class id → name. Takes seconds: Great Expectations is imported here.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # it would report home
    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # it logs hundreds of lines when imported
    import great_expectations as gx

    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)  # its import sets INFO
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("model")
    findings = ClassFindings()
    for name, frame, expectations in _validations(rows, class_count, label_maps):
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all rows")
        suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
        definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=suite))
        outcome = definition.run(
            batch_parameters={"dataframe": frame},
            result_format={
                "result_format": "COMPLETE",
                "unexpected_index_column_names": ["where", "id"],
                "return_unexpected_index_query": False,
            },
        )
        findings.validations[name] = outcome
        for result in outcome.results:
            if not result.success:
                severe = result.expectation_config.severity == "critical"
                (findings.critical if severe else findings.warnings).extend(_sentences(result))
    return findings


def _validations(
    rows: list[ClassRow], class_count: int | None, label_maps: dict[str, dict[int, str]]
) -> Iterator[tuple[str, Any, list[Any]]]:
    """Name, rows and expectations of each validation: the table by itself, then beside each label map."""
    import pandas as pd
    from great_expectations import expectations as gxe

    table = pd.DataFrame(
        [(_where(row), row.id, row.name, normalise(row.name)) for row in rows],
        columns=["where", "id", "name", "normalised"],
    )
    expectations = [
        gxe.ExpectColumnValueLengthsToBeBetween(
            column="name",
            min_value=1,
            max_value=200,
            **_says("a name has 1 to 200 characters", "the name {value} is empty or too long"),
        ),
        gxe.ExpectColumnValuesToMatchRegex(
            column="name",
            regex=r"^[^\x00-\x1f\x7f]*\Z",
            **_says("a name is one line of text", "the name {value} holds a control character"),
        ),
        gxe.ExpectColumnValuesToBeUnique(
            column="name", **_says("a name is there once", "the name {value} is there twice")
        ),
        gxe.ExpectColumnValuesToBeUnique(column="id", **_says("an id is there once", "the id {value} is there twice")),
        gxe.ExpectColumnValuesToBeUnique(
            column="normalised",
            severity="warning",
            **_says(
                "names differ in more than case, spaces, underscores and hyphens",
                "{value}, but for case, spaces, underscores and hyphens, is there twice",
            ),
        ),
    ]
    expectations.insert(0, _count(class_count))
    yield CLASSES, table, expectations
    for file, names in label_maps.items():
        beside = {row.id: row for row in rows}
        frame = pd.DataFrame(
            [
                (_where(beside.get(i)), i, beside[i].name if i in beside else "", names.get(i, ""))
                for i in sorted({*beside, *names})
            ],
            columns=["where", "id", CLASSES, file],
        )
        yield (
            file,
            frame,
            [
                gxe.ExpectColumnPairValuesToBeEqual(
                    column_A=CLASSES,
                    column_B=file,
                    **_says(
                        f"{CLASSES} and {file} give an id the same name",
                        f"id {{id}} is {{{CLASSES}}} here, but {{{file}}} in {file}",
                    ),
                )
            ],
        )


def _count(class_count: int | None) -> Any:
    """The number of rows against the network's own count; where its shapes do not tell, there must be one at least."""
    from great_expectations import expectations as gxe

    if class_count is None:
        return gxe.ExpectTableRowCountToBeBetween(
            min_value=1, **_says("there is a row for each class", f"{CLASSES} has {{observed}} rows")
        )
    return gxe.ExpectTableRowCountToEqual(
        value=class_count,
        **_says(
            "there is a row for each class of the network",
            f"{CLASSES} has {{observed}} rows, but the network emits {class_count} classes (no background)",
        ),
    )


def _where(row: ClassRow | None) -> str:
    return f"{CLASSES} row {row.row}" if row else f"{CLASSES} (no row)"


def _says(sentence: str, failure: str) -> dict[str, Any]:
    return {"description": sentence, "meta": {"failure": failure}}


def _sentences(result: Any) -> Iterator[str]:
    failure: str = result.expectation_config.meta["failure"]
    places = result.result.get("unexpected_index_list")
    if places is None:
        yield _fill(failure, {"observed": result.result.get("observed_value")})
        return
    for place in places[:_MAX_NAMED]:
        values = {key: repr(value if isinstance(value, str) else int(value)) for key, value in place.items()}
        checked = [value for key, value in values.items() if key not in {"where", "id"}] or [values["id"]]
        yield f"{place['where']}: " + _fill(failure, {**values, "value": checked[0]})
    if len(places) > _MAX_NAMED:
        yield f"{CLASSES}: the same in {len(places) - _MAX_NAMED} more rows"


def _fill(template: str, values: dict[str, Any]) -> str:
    """str.format would take the dot in {classes.csv} for an attribute."""
    for key, value in values.items():
        template = template.replace(f"{{{key}}}", str(value))
    return template
