"""`firstpass run` against an Airflow on a socket and a real warehouse; the whole stack is tested in tests/e2e."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest

from doubles.airflow import task_instance
from firstpass import storage
from firstpass.api import running
from firstpass.contracts.run_spec import run_folder
from firstpass.errors import FirstpassError
from firstpass.images.fetching import DENIED
from firstpass.stack.control import Status
from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.merge import fail_chunk
from firstpass.warehouse.runs import finish_run
from fixtures.made_up_runs import catalogue, row


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--threshold", "1.5"], "threshold is 1.5"),
        (["--threshold", "nan"], "threshold is nan"),
        (["--threshold", "-0.1"], "threshold is -0.1"),
        (["--class-threshold", "person=2"], "threshold of person is 2"),
        (["--class-threshold", "person"], "'person' is not NAME=X"),
        (["--class-threshold", "=0.5"], "'=0.5' is not NAME=X"),
        (["--class-threshold", "person=much"], "'person=much' is not NAME=X"),
        (["--images", ""], "images is empty"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_starts(call, monkeypatch, arguments, words):
    monkeypatch.setattr(running.control, "ready", lambda *_: pytest.fail("the stack was started"))
    result = call("run", *arguments)
    assert isinstance(result.exception, FirstpassError)
    assert words in result.exception.problem
    assert result.exception.fix


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--images", "/typo"], "/typo"),
        (["--images", "include/models"], "include/models' holds no images"),
        (["--model", "typo"], "there is no model 'typo'"),
        (["--model", "nanodet-coco@ffff"], "ffff"),
        (["--class-threshold", "elephant=0.5"], "names 'elephant', which is not a class of nanodet-coco@"),
        (["--engine", "kubernetes"], "a folder that pods cannot reach"),
    ],
)
def test_what_this_machine_can_tell_is_refused_without_stack_and_run(call, leaves, home, monkeypatch, arguments, words):
    leaves()
    monkeypatch.chdir(home)
    (home / "include" / "models").mkdir(exist_ok=True)
    monkeypatch.setattr(running.control, "ready", lambda *_: pytest.fail("the stack was started"))
    result = call("run", *arguments)
    assert isinstance(result.exception, FirstpassError)
    assert words in result.exception.problem
    assert result.output == "", "the error is all that is said: no bars, no stages"


def test_a_model_that_nobody_has_looked_at_yet_may_be_the_one(call, airflow, leaves, home, model):
    leaves({"known": 1}, report_html="<html>")
    shutil.copytree(model, home / "models" / "pets")
    call("run", "--model", "pets", "--class-threshold", "elephant=0.5")
    assert [conf["model"] for conf in airflow.confs.values()] == ["pets"]


@pytest.fixture(autouse=True)
def in_a_shell(monkeypatch):
    monkeypatch.delenv("MAKELEVEL", raising=False)


@pytest.fixture
def leaves(airflow, monkeypatch, home, stored, warehouse, night):
    """Run against the double; say what the run leaves: images by outcome in the warehouse, files in its folder."""
    (home / "include" / "samples").mkdir(parents=True)
    (home / "include" / "samples" / "a.jpg").touch()
    stored("nanodet-coco")
    stack = Status("up", airflow.url, "admin", "right", (), 0)
    monkeypatch.setattr(running.control, "ready", lambda *_: nullcontext(stack))
    monkeypatch.setattr("firstpass.api.run_watch.time.sleep", lambda _: None)
    trigger = airflow.trigger

    def leaves(outcomes: dict[str, int] | None = None, **files: str) -> None:
        def triggered(body):
            run_id = body["dag_run_id"]
            if outcomes is not None:
                _record(warehouse, night(run_id), outcomes)
            for name, text in files.items():
                storage.write(storage.join(run_folder(run_id), name.replace("_", ".")), text.encode())
            return trigger(body)

        monkeypatch.setattr(airflow, "trigger", triggered)

    return leaves


def test_a_good_run_ends_with_tables_paths_and_zero(call, airflow, leaves, home):
    leaves({"known": 8}, report_html="<html>")
    result = call("run", "--threshold", "0.4")
    assert result.exit_code == 0, result.output
    [(run_id, conf)] = airflow.confs.items()
    samples = str(home / "include" / "samples")
    assert conf == {"images": samples, "model": "nanodet-coco", "threshold": 0.4, "publish": False}
    assert "Nothing new: 8 of 8" in result.stdout
    report, page, login, running = result.stdout.splitlines()[-4:]
    assert report == f"Report   {storage.file_uri(Path(run_folder(run_id)))}/report.html"
    assert page.startswith(f"Airflow  {airflow.url}/dags/preannotate/runs/")
    assert login == "         user admin; `firstpass status` shows the password"
    assert running == "Running  PostgreSQL and Airflow, until `firstpass down`"
    assert "right" not in result.output, "the password is for `up` and `status`"


def test_started_by_make_it_names_makes_commands(call, leaves, monkeypatch):
    leaves({"known": 8}, report_html="<html>")
    monkeypatch.setenv("MAKELEVEL", "1")
    shown = call("run").stdout
    assert "`make status` shows the password" in shown
    assert "until `make down`" in shown


def test_the_report_is_opened_at_the_end(call, airflow, leaves, monkeypatch):
    opened = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    leaves({"known": 8}, report_html="<html>")
    assert call("run", "--open").exit_code == 0
    [run_id] = airflow.confs
    assert opened == [f"{storage.file_uri(Path(run_folder(run_id)))}/report.html"]


@pytest.mark.parametrize(
    ("files", "why"), [({"report_html": "<html>"}, "there is no display here"), ({}, "the run has none")]
)
def test_a_report_that_cannot_be_opened_changes_nothing_else(call, leaves, monkeypatch, files, why):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    leaves({"known": 8}, **files)
    result = call("run", "--open")
    assert result.exit_code == 0
    assert f"The report was not opened: {why}" in result.stderr
    assert bool(files) == ("Report   file:///" in result.stdout)


def test_json_is_all_that_stdout_has(call, airflow, leaves):
    leaves({"known": 8}, report_html="<html>")
    airflow.task_instances = [task_instance("resolve_model", "success", (1, 2))]
    result = call("run", "--json")
    summary = json.loads(result.stdout)
    assert summary["outcomes"] == {"known": 8}
    assert Path(summary["report"]).name == "report.html"
    assert summary["ui"].startswith(airflow.url)
    assert "resolve model" in result.stderr


def test_a_run_that_succeeds_while_the_api_is_away_for_a_while_is_a_success(call, airflow, leaves, monkeypatch):
    leaves({"known": 8}, report_html="<html>")
    monkeypatch.setattr(running, "_SILENCE", 0)
    trigger = airflow.trigger

    def away_afterwards(body):
        answer = trigger(body)
        airflow.unavailable = 4
        return answer

    monkeypatch.setattr(airflow, "trigger", away_afterwards)
    result = call("run")
    assert result.exit_code == 0, result.output
    assert "Airflow's API does not answer; the run continues" in result.stderr


def test_images_left_undone_are_not_success(call, leaves):
    leaves({"known": 7, "failed": 1})
    result = call("run")
    assert result.exit_code == 1
    said = "firstpass: the run is not complete: 1 image failed. First: file:///failed/0.jpg: "
    assert said in result.stderr


def test_nor_are_images_that_may_not_be_read(call, leaves):
    leaves({"known": 7, "missing": 1})
    result = call("run", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["undone"] == 1
    assert (
        "the run is not complete: 1 image could not be read. First: file:///missing/0.jpg: was listed" in result.stderr
    )


def test_a_wrong_request_is_told_in_two_lines_and_exits_with_2(call, airflow, leaves):
    error = {"stage": "resolve_model", "problem": "there is no s3://x", "fix": "use one of: y"}
    leaves(None, error_json=json.dumps(error))
    airflow.states = ["failed"]
    airflow.task_instances = [task_instance("resolve_model", "failed", (1, 2))]
    result = call("run", "--images", "s3://x")
    assert result.exit_code == 2
    assert "firstpass: there is no s3://x\n  What to do: use one of: y\n" in result.stderr
    assert "resolve_model failed; the log is at" in result.stderr


def test_what_was_away_is_no_wrong_request(call, airflow, leaves):
    error = {"stage": "catalogue_images", "problem": "s3://x does not answer", "fix": "wait", "transient": True}
    leaves(None, error_json=json.dumps(error))
    airflow.states = ["failed"]
    airflow.task_instances = [task_instance("catalogue_images", "failed", (1, 2))]
    assert call("run", "--images", "s3://x").exit_code == 1


def test_a_failure_on_the_way_exits_with_1_and_names_the_task(call, airflow, leaves):
    error = {"stage": "merge", "problem": "the warehouse cannot be used", "fix": "start it"}
    leaves({"known": 1}, error_json=json.dumps(error))
    airflow.states = ["failed"]
    airflow.task_instances = [task_instance("merge", "failed", (1, 2)), task_instance("check", "upstream_failed")]
    result = call("run", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"] == error | {"transient": False}
    assert "firstpass: merge" in result.stderr


def test_a_run_that_failed_before_it_was_recorded_still_gives_json(call, airflow, leaves):
    leaves(None)
    airflow.states = ["failed"]
    result = call("run", "--json")
    assert result.exit_code == 1
    body = json.loads(result.stdout)
    assert body["state"] == "failed"
    assert body["report"] is None


def _record(warehouse, night, outcomes: dict[str, int]) -> None:
    rows = [row(f"file:///{n}.jpg", "known") for n in range(outcomes.get("known", 0))]
    rows += [row(f"file:///missing/{n}.jpg", "missing", reason=DENIED) for n in range(outcomes.get("missing", 0))]
    merge_catalogue(warehouse, night.spec, catalogue(rows))
    failed = [row(f"file:///failed/{n}.jpg") for n in range(outcomes.get("failed", 0))]
    if failed:
        fail_chunk(warehouse, night.spec, night.chunk(0, failed, write=False), "no result")
    finish_run(warehouse, night.spec.run_id, "success")


@pytest.mark.parametrize(
    ("state", "reason", "code"),
    [("published", None, 0), ("failed", "it is gone", 1), ("waiting", "a person is asked", 1)],
)
def test_publishing_belongs_to_the_success(call, leaves, monkeypatch, state, reason, code):
    task = {"task": 12, "url": "http://cvat/tasks/12", "state": state, "reason": reason, "shapes": 3, "frames": 2}
    published = {"state": state, "tasks": [task]}
    monkeypatch.setattr("firstpass.nightly.publish.publish_and_renew", lambda _: published)
    leaves({"ok": 8})
    result = call("run", "--images", "cvat:task/12", "--publish")
    assert result.exit_code == code
    assert "CVAT     http://cvat/tasks/12  3 shapes on 2 frames" in result.stdout
    assert reason is None or f"task 12 is {state}: {reason}" in result.stderr
    assert json.loads(call("run", "--images", "cvat:task/12", "--publish", "--json").stdout)["publication"] == published


def test_a_run_that_may_not_be_published_says_why(call, leaves, monkeypatch):
    def refuse(_):
        raise FirstpassError("run x failed 1 critical checks", "look at its report")

    monkeypatch.setattr("firstpass.nightly.publish.publish_and_renew", refuse)
    leaves({"ok": 8})
    result = call("run", "--images", "cvat:task/12", "--publish")
    assert result.exit_code == 1
    assert "nothing was published: run x failed 1 critical checks" in result.stderr


def test_publishing_is_for_images_from_cvat(call, airflow):
    result = call("run", "--images", "/photos", "--publish")
    assert isinstance(result.exception, FirstpassError)
    assert airflow.confs == {}
