"""Model versions as the warehouse remembers them: admitted ones never change, refused ones may."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.warehouse.model_versions import class_table, models_in_use, record_model
from firstpass.warehouse.runs import begin_run, finish_run
from fixtures.made_up_runs import VERSION, query

LATER = "2026-03-01T00:00:00+00:00"


def stored(warehouse) -> list[tuple]:
    return query(
        warehouse,
        "SELECT model, name, version, kind, source, threshold, admitted, reasons, options, decided_at FROM models",
    )


def test_a_version_is_remembered_as_it_is(warehouse):
    record_model(warehouse, replace(VERSION, options={"min_size": 8}))
    decided = datetime(2026, 1, 1, tzinfo=UTC)
    source = ("tfod_frozen_graph", "file:///toy", 0.3, True, [], {"min_size": 8}, decided)
    assert [(*row[:5], round(row[5], 6), *row[6:]) for row in stored(warehouse)] == [
        (VERSION.ref, "toy", "0123456789ab", *source)
    ]
    assert class_table(warehouse, VERSION.ref) == VERSION.classes


def test_an_admitted_version_never_changes(warehouse):
    record_model(warehouse, VERSION)
    before = stored(warehouse)
    again = replace(VERSION, source="elsewhere", threshold=0.9, admitted=False, reasons=("broken",), decided_at=LATER)
    record_model(warehouse, again)
    assert stored(warehouse) == before


def test_a_refused_version_may_be_decided_anew(warehouse):
    record_model(warehouse, replace(VERSION, admitted=False, reasons=("no classes", "no weights")))
    assert [row[6:9] for row in stored(warehouse)] == [(False, ["no classes", "no weights"], None)]
    decided = replace(VERSION, source="elsewhere", threshold=0.5, options={"masks": True}, decided_at=LATER)
    record_model(warehouse, decided)
    assert [row[4:] for row in stored(warehouse)] == [
        ("elsewhere", 0.5, True, [], {"masks": True}, datetime(2026, 3, 1, tzinfo=UTC))
    ]


def test_classes_come_in_order_of_their_number(warehouse):
    classes = ClassTable((ModelClass(7, "b"), ModelClass(2, "c"), ModelClass(11, "a")))
    record_model(warehouse, replace(VERSION, classes=classes))
    record_model(warehouse, replace(VERSION, version="other", classes=ClassTable((ModelClass(1, "z"),))))
    assert [(c.id, c.name) for c in class_table(warehouse, VERSION.ref).classes] == [(2, "c"), (7, "b"), (11, "a")]
    assert class_table(warehouse, "nothing@0").classes == ()


class TestModelsInUse:
    """Those of runs that go on, and of runs that failed within a day and may be tried again."""

    def begun(self, warehouse, night, name: str) -> str:
        version = replace(VERSION, name=name)
        begin_run(warehouse, replace(night(f"{name} toy").spec, run_id=name, model=version.ref), version)
        return version.ref

    def test_a_run_that_ended_well_needs_its_model_no_more(self, warehouse, night):
        night("toys")
        open_run, ended, partial = (self.begun(warehouse, night, name) for name in ("open", "ended", "partial"))
        for name in ("ended", "partial"):
            finish_run(warehouse, name, "success" if name == "ended" else "partial")
        assert models_in_use(warehouse) == {VERSION.ref, open_run}
        assert not {ended, partial} & models_in_use(warehouse)

    def test_a_run_that_failed_keeps_its_model_for_a_day(self, warehouse, night):
        night("toys")
        for name, hours in (("just now", 0), ("today", 23.9), ("yesterday", 24.1)):
            self.begun(warehouse, night, name)
            finish_run(warehouse, name, "failed")
            query(
                warehouse,
                "UPDATE runs SET finished_at = finished_at - make_interval(secs => %s) WHERE run_id = %s",
                hours * 3600,
                name,
            )
        assert models_in_use(warehouse) == {VERSION.ref, "just now@0123456789ab", "today@0123456789ab"}
