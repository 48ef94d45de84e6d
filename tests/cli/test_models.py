"""`firstpass models` as a person and a script see it."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from firstpass.cli import cli
from firstpass.errors import FirstpassError, Unavailable
from firstpass.models import admission, resolution, store
from firstpass.models.admission import admit
from firstpass.nightly import sync_models
from firstpass.settings import settings
from fixtures.models import checking_here

pytestmark = pytest.mark.usefixtures("weights_read_here")


@pytest.fixture
def run(store_folder):
    """Run `firstpass models …`. Returns exit code and output; a FirstpassError counts as exit code 2, as in `main`."""

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli, ["models", *map(str, arguments)])
        if isinstance(result.exception, FirstpassError):
            return 2, str(result.exception)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout

    return run


@pytest.fixture
def bad(model) -> Path:
    (model / "classes.csv").write_bytes(b"labels\r\ncat\r\ncat\r\n")
    return model


def test_an_empty_store(run):
    assert "No models yet" in run("list")[1]
    assert run("list", "--json") == (0, "[]\n")


def test_a_folder_is_checked_without_touching_the_store(run, model, store_folder):
    code, output = run("check", model)
    assert code == 0
    assert "Would be admitted" in output
    assert "2 classes" in output
    assert list(store_folder.iterdir()) == []


def test_a_bad_folder_is_told_why(run, bad, tmp_path):
    code, output = run("check", bad)
    assert code == 1
    assert "Would be refused" in output
    assert "classes.csv row 3: the name 'cat' is there twice" in output
    assert "What to do: " in output
    code, output = run("check", bad, "--json")
    assert code == 1
    assert json.loads(output)["admitted"] is False
    assert run("check", tmp_path / "nowhere") == (
        2,
        f"{tmp_path}/nowhere is not a folder\n  What to do: give the folder with classes.csv and the weights",
    )


def test_sync_by_hand_then_list_and_show(run, model):
    code, output = run("sync", "--name", "pets", "--source", model)
    assert code == 0
    assert "admitted" in output
    assert "unchanged" in run("sync", "--name", "pets", "--source", model)[1]
    listed = run("list")[1]
    assert "pets" in listed
    assert "admitted, serves" in listed
    (row,) = json.loads(run("list", "--json")[1])
    assert (row["name"], row["state"], row["classes"]) == ("pets", "admitted", 2)
    shown = run("show", "pets")[1]
    assert row["version"] in shown
    assert "1 cat, 2 dog" in shown
    assert [line.split() for line in shown.splitlines() if line.startswith(("Threshold", "Floor"))] == [
        ["Threshold", "0.5"],
        ["Floor", "0.25"],
    ]
    assert "data_docs/index.html" in shown
    assert json.loads(run("show", "pets", "--json")[1])["classes"] == [
        {"id": 1, "name": "cat"},
        {"id": 2, "name": "dog"},
    ]


def test_a_refused_model_is_listed_with_its_reasons(run, bad):
    code, output = run("sync", "--name", "pets", "--source", bad, "--json")
    assert code == 1
    (row,) = json.loads(output)
    assert row["state"] == "refused"
    assert any("is there twice" in reason for reason in row["reasons"])
    listed = run("list")[1]
    assert "refused" in listed
    assert "classes.csv row 3: the name 'cat' is there twice" in listed


def test_sync_of_all_sources_goes_on_after_one_that_fails(run, model):
    Path(settings().model_sources).write_text(
        f"sources: [{{name: gone, source: /nowhere}}, {{name: pets, source: {model}}}]"
    )
    code, output = run("sync", "--json")
    assert code == 2
    assert [(row["name"], row["state"]) for row in json.loads(output)] == [("gone", "failed"), ("pets", "admitted")]
    assert "No sources" not in output


@pytest.mark.parametrize(
    ("error", "words", "code"),
    [
        (Unavailable("s3://b does not answer", "wait"), "s3://b does not answer", 75),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "reset", 75),
        (KeyError("x"), "KeyError: 'x'", 1),
    ],
)
def test_no_error_of_one_source_keeps_the_others_from_being_synced(
    store_folder, model, monkeypatch, error, words, code
):
    sync_one = sync_models.sync_source

    def sync_source(source, again):
        if source.name == "away":
            raise error
        return sync_one(source, again)

    monkeypatch.setattr(sync_models, "sync_source", sync_source)
    sources = f"sources: [{{name: away, source: 's3://b/c'}}, {{name: pets, source: {model}}}]"
    Path(settings().model_sources).write_text(sources)
    result = CliRunner().invoke(cli, ["models", "sync", "--json"])
    assert result.exit_code == code
    away, pets = json.loads(result.stdout)
    assert (away["state"], pets["state"]) == ("failed", "admitted")
    assert words in away["reasons"][0]
    assert "firstpass: 1 of 2 sources failed: away" in result.stderr


def test_sync_without_sources_says_how(run):
    assert run("sync") == (0, "No sources: list them in models.yaml, or give --name and --source.\n")
    assert "no source is configured for 'pets'" in run("sync", "--name", "pets")[1]
    assert "has no name" in run("sync", "--source", "/a")[1]


def test_a_new_drop_in_is_listed_before_its_first_use(run, model, store_folder):
    shutil.copytree(model, store_folder / "pets" / "mine")
    assert "new, checked at first use" in run("list")[1]
    (row,) = json.loads(run("list", "--json")[1])
    assert (row["name"], row["state"]) == ("pets", "new")


def test_what_is_not_there_is_told(run, model):
    admit("pets", model, "here")
    code, output = run("show", "cars")
    assert code == 2
    assert "there is no model 'cars'" in output
    assert "pets" in output


def test_prune_leaves_what_a_run_uses(store_folder, warehouse, run, model):
    versions = [admit("pets", model, "here", overrides={"threshold": t}) for t in (0.1, 0.2, 0.3)]
    _begin(warehouse, versions[0])
    assert run("prune", "--keep", "1", "--dry-run") == (0, f"would remove {versions[1].ref}\n")
    assert len(resolution.versions("pets")) == 3
    assert run("prune", "--keep", "1") == (0, f"removed {versions[1].ref}\n")
    assert {v.ref for v in resolution.versions("pets")} == {versions[0].ref, versions[2].ref}
    assert run("prune", "--keep", "1")[1] == "Nothing to remove.\n"
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("UPDATE runs SET state = 'success', finished_at = now()")
    assert [row["version"] for row in json.loads(run("prune", "--keep", "1", "--json")[1])] == [versions[0].version]


def test_what_was_decided_is_in_the_warehouse(store_folder, warehouse, bad, tmp_path):
    sync_models.sync_source(sync_models.wanted_sources("pets", str(bad))[0])
    (bad / "classes.csv").write_bytes(b"labels\r\ncat\r\ndog\r\n")
    sync_models.sync_source(sync_models.wanted_sources("pets", str(bad))[0])
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("SELECT model, admitted, reasons FROM models ORDER BY decided_at")
        refused, admitted = cursor.fetchall()
        cursor.execute("SELECT class_id, name FROM classes WHERE model = %s ORDER BY class_id", [admitted[0]])
        classes = cursor.fetchall()
    assert refused[1:2] == (False,)
    assert any("is there twice" in reason for reason in refused[2])
    assert admitted[1:] == (True, [])
    assert classes == [(1, "cat"), (2, "dog")]


def test_a_refused_version_that_is_admitted_later_is_so_in_the_warehouse_too(store_folder, warehouse, model):
    (source,) = sync_models.wanted_sources("pets", str(model))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(admission, "checking", checking_here(lambda *args: ["it sees ghosts"]))
        refused = sync_models.sync_source(source)
    admitted = sync_models.sync_source(source, again=True)
    assert refused.ref == admitted.ref
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("SELECT admitted, reasons FROM models")
        assert cursor.fetchall() == [(True, [])]


def _begin(warehouse, version):
    from firstpass.contracts.run_spec import RunSpec
    from firstpass.contracts.thresholds import Thresholds
    from firstpass.warehouse.runs import begin_run

    spec = RunSpec(
        run_id="tonight",
        images="/photos",
        model=version.ref,
        model_uri=store.version_uri(version),
        thresholds=Thresholds(0.5),
        floor=0.25,
        revision=1,
        reprocess=False,
        engine="local",
        started_at="2026-01-01T00:00:00+00:00",
    )
    begin_run(warehouse, spec, version)
