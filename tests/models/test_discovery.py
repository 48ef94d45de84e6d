"""The newest complete model under a prefix of runs."""

from __future__ import annotations

import os
import shutil

import pytest

from firstpass import storage
from firstpass.errors import FirstpassError
from firstpass.models import discovery
from firstpass.models.model_sources import make_source
from fixtures.models import upload


@pytest.fixture
def run(model, tmp_path):
    """Lay a model down at a place under runs/, as if written at that time."""

    def lay(place: str, time: int, without: str = "") -> None:
        folder = shutil.copytree(model, tmp_path / "runs" / place)
        if without:
            (folder / without).unlink()
        for path in folder.iterdir():
            os.utime(path, (time, time))

    return lay


def newest(tmp_path, prefix="runs") -> str:
    found = discovery.newest(make_source("pets", str(tmp_path / prefix)), None)
    return found.uri.removeprefix(str(tmp_path)).strip("/")


def test_the_newest_run_is_taken(run, tmp_path):
    run("b/output/model", 1000)
    run("a/output/model", 3000)
    run("c/output/model", 2000)
    assert newest(tmp_path) == "runs/a/output/model"


def test_an_incomplete_run_is_passed_over_and_told(run, tmp_path, caplog):
    run("a/output/model", 1000)
    run("b/output/model", 2000, without="frozen_inference_graph.pb")
    run("c/output/model", 3000, without="classes.csv")
    assert newest(tmp_path) == "runs/a/output/model"
    assert "c/output/model: weights are there but classes.csv is not" in caplog.text


def test_a_bare_folder_is_a_model_and_comes_before_what_lies_below(run, tmp_path):
    run("", 1000)
    run("old/output/model", 2000)
    assert newest(tmp_path) == "runs"


def test_the_sources_clock_counts_and_not_ours(run, tmp_path):
    run("a/output/model", 4_000_000_000)  # in the year 2096
    run("b/output/model", 1000)
    assert newest(tmp_path) == "runs/a/output/model"


def test_runs_of_one_moment_are_told_apart_by_name(run, tmp_path):
    run("a/output/model", 1000)
    run("b/output/model", 1000)
    assert newest(tmp_path) == "runs/b/output/model"


def test_nothing_there_is_told(tmp_path, run):
    with pytest.raises(FirstpassError, match="is not a folder"):
        newest(tmp_path, "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FirstpassError, match="there is no model"):
        newest(tmp_path, "empty")
    run("a/output/model", 1000, without="classes.csv")
    with pytest.raises(FirstpassError, match=r"a/output/model: weights are there but classes\.csv is not"):
        newest(tmp_path)


def test_a_saved_model_is_seen_as_a_whole(tmp_path):
    for name in (
        "output/model/saved_model/saved_model.pb",
        "output/model/saved_model/variables/variables.index",
        "output/model/saved_model/variables/variables.data-00000-of-00001",
        "output/model/classes.csv",
    ):
        (tmp_path / "runs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "runs" / name).touch()
    found = discovery.newest(make_source("pets", str(tmp_path / "runs")), None)
    assert len(found.files) == 4
    assert found.uri.endswith("runs/output/model")


def test_the_etag_follows_content_and_options(model, bucket):
    upload(model, f"{bucket}/runs/1/output/model")

    def etag(**options):
        return discovery.newest(make_source("pets", f"{bucket}/runs", options=options), storage.s3()).etag

    first = etag()
    assert etag() == first
    assert etag(threshold=0.3) != first
    (model / "label_map.json").write_text('{"label_map": {"1": "cat", "2": "cow"}}')
    upload(model, f"{bucket}/runs/1/output/model")
    assert etag() != first


def test_keys_with_odd_characters(model, bucket):
    place = "runs/été 2026+#?%2F&'\"/output/model"
    upload(model, f"{bucket}/{place}")
    found = discovery.newest(make_source("pets", f"{bucket}/runs"), storage.s3())
    assert found.uri == f"{bucket}/{place}"


def test_keys_that_a_client_would_resolve_are_skipped(model, bucket, caplog):
    upload(model, f"{bucket}/runs/1/output/model")
    for key in ("runs/../secret/classes.csv", "runs/2/../../x/frozen_inference_graph.pb", "runs/./classes.csv"):
        _backend(bucket).put_object(bucket[5:], key, b"evil")
    found = discovery.newest(make_source("pets", f"{bucket}/runs"), storage.s3())
    assert found.uri == f"{bucket}/runs/1/output/model"
    assert "3 keys with . or .. in their path are skipped" in caplog.text


def test_ten_thousand_keys_are_listed_page_by_page(model, bucket):
    backend = _backend(bucket)
    for number in range(10_000):
        backend.put_object(bucket[5:], f"runs/{number % 100:03}/output/checkpoints/model.ckpt-{number}.index", b"")
    upload(model, f"{bucket}/runs/050/output/model")
    found = discovery.newest(make_source("pets", f"{bucket}/runs"), storage.s3())
    assert found.uri == f"{bucket}/runs/050/output/model"


def _backend(bucket):
    """The server's own memory: HTTP clients cannot send such keys, and 10,000 requests take a minute."""
    from moto.s3.models import s3_backends

    return s3_backends["123456789012"]["aws"]
