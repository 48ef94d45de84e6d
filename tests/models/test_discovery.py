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


def test_only_runs_newer_than_the_one_that_is_taken_are_told_of(run, tmp_path, caplog):
    run("old/output/model", 1000, without="classes.csv")
    run("same/output/model", 2000, without="classes.csv")
    run("good/output/model", 2000)
    run("new/output/model", 3000, without="classes.csv")
    assert newest(tmp_path) == "runs/good/output/model"
    assert [name for name in ("old", "same", "new") if f"{name}/output/model" in caplog.text] == ["new"]


def test_where_nothing_is_complete_the_newest_run_says_what_it_lacks(run, tmp_path):
    run("a/output/model", 3000, without="frozen_inference_graph.pb")
    run("b/output/model", 1000, without="classes.csv")
    with pytest.raises(FirstpassError, match=r"a/output/model: no weights"):
        newest(tmp_path)


def test_a_run_is_as_old_as_the_newest_file_that_counts(run, tmp_path):
    run("a/output/model", 1000)
    run("b/output/model", 2000)
    os.utime(tmp_path / "runs/a/output/model/label_map.json", (3000, 3000))
    os.utime(tmp_path / "runs/b/output/model/checkpoint", (9000, 9000))
    assert newest(tmp_path) == "runs/a/output/model"


def test_hidden_folders_are_not_looked_into(run, tmp_path):
    run("a/output/model", 1000)
    run(".trash/a/output/model", 2000)
    assert newest(tmp_path) == "runs/a/output/model"


def test_what_is_found_comes_with_its_size_and_the_names_of_the_store(run, tmp_path):
    run("a/output/model", 1000)
    found = discovery.newest(make_source("pets", str(tmp_path / "runs")), None)
    folder = tmp_path / "runs/a/output/model"
    assert set(found.files) == {"classes.csv", "frozen_inference_graph.pb", "label_map.json"}
    assert {name: (file.key, file.size) for name, file in found.files.items()} == {
        name: (str(folder / name), (folder / name).stat().st_size) for name in found.files
    }
    assert found.size == sum((folder / name).stat().st_size for name in found.files)
    assert (found.kind, found.uri) == ("tfod_frozen_graph", str(folder))


def test_the_etag_of_a_folder_follows_sizes_and_times(run, tmp_path):
    def etag() -> str:
        return discovery.newest(make_source("pets", str(tmp_path / "runs")), None).etag

    run("a/output/model", 1000)
    first = etag()
    (tmp_path / "runs/a/output/model/checkpoint").write_text("of no use")
    assert etag() == first
    os.utime(tmp_path / "runs/a/output/model/classes.csv", (1001, 1001))
    assert etag() != first


def test_a_bucket_may_be_a_source_by_itself(model, bucket):
    upload(model, f"{bucket}/runs/1/output/model")
    assert discovery.newest(make_source("pets", bucket), storage.s3()).uri == f"{bucket}/runs/1/output/model"


def test_a_prefix_is_a_folder(model, bucket):
    """`runs` is not the beginning of `runs-of-others`."""
    upload(model, f"{bucket}/runs-of-others/1/output/model")
    with pytest.raises(FirstpassError, match="there is no model"):
        discovery.newest(make_source("pets", f"{bucket}/runs"), storage.s3())


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
