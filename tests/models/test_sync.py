"""Source to store, on good days and bad ones. What admission says of a model is tested elsewhere: here it says yes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from doubles.s3 import s3_client
from doubles.s3_faults import Cut, Hang, Refuse, faulty_s3
from firstpass import storage
from firstpass.errors import FirstpassError, Unavailable
from firstpass.models import admission, resolution
from firstpass.models import sync as syncing
from firstpass.models.class_checks import ClassFindings
from firstpass.models.model_sources import make_source
from firstpass.models.sync import Synced, sync
from firstpass.settings import settings
from firstpass.storage import downloads
from fixtures.models import checking_here, tree, upload


def client_error(status: int, code: str) -> ClientError:
    said = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(said, "GetObject")


@pytest.fixture(autouse=True)
def admitted(monkeypatch):
    monkeypatch.setattr(admission, "check_classes", lambda *args: ClassFindings())
    monkeypatch.setattr(admission, "checking", checking_here(lambda *args: []))
    monkeypatch.setattr(downloads, "time", SimpleNamespace(sleep=lambda seconds: None, monotonic=time.monotonic))


@pytest.fixture
def proxy(s3_endpoint, bucket):
    with faulty_s3(s3_endpoint) as proxy:
        yield proxy


@pytest.fixture
def client(proxy):
    client = s3_client(proxy.endpoint)
    yield lambda: client
    client.close()


@pytest.fixture
def source(store_folder, model, bucket):
    """A prefix of runs on S3 with one complete model, as training leaves it."""
    upload(model, f"{bucket}/runs/2026-11-20/output/model")
    return make_source("pets", f"{bucket}/runs")


def weights(model: Path) -> bytes:
    return (model / "frozen_inference_graph.pb").read_bytes()


def test_a_model_comes_into_the_store_with_what_inference_needs(source, client, model, store_folder, bucket):
    synced = sync(source, client)
    assert (synced.state, synced.source) == ("admitted", f"{bucket}/runs/2026-11-20/output/model")
    version = resolution.resolve("pets")
    assert version.ref == synced.ref
    assert version.source == synced.source
    folder = store_folder / "pets" / version.version
    assert set(tree(folder)) == {"model.json", "classes.csv", "label_map.json", "frozen_inference_graph.pb"}
    assert (folder / "frozen_inference_graph.pb").read_bytes() == weights(model)
    assert not any((store_folder / ".incoming").iterdir())
    assert not any((store_folder / ".staging").iterdir())


def test_an_unchanged_source_costs_one_listing(source, client, proxy):
    first = sync(source, client)
    proxy.requests.clear()
    second = sync(source, client)
    assert (second.state, second.ref, second.size) == ("unchanged", first.ref, 0)
    assert len(proxy.requests) == 1


def test_with_a_store_on_s3_an_unchanged_source_costs_two_requests(source, client, proxy, bucket, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_MODELS", f"{bucket}/store")
    settings.cache_clear()
    storage.use_s3(client)
    first = sync(source, client)
    assert resolution.resolve("pets").ref == first.ref
    proxy.requests.clear()
    assert sync(source, client).state == "unchanged"
    assert len(proxy.requests) == 2


def test_a_newer_run_is_a_new_version_and_the_old_one_stays(source, client, model, bucket):
    old = sync(source, client)
    (model / "model.yaml").write_text("threshold: 0.3")
    time.sleep(1.1)  # S3 tells whole seconds
    upload(model, f"{bucket}/runs/2026-11-21/output/model")
    new = sync(source, client)
    assert new.state == "admitted"
    assert {v.ref for v in resolution.versions("pets")} == {old.ref, new.ref}
    assert resolution.resolve("pets").ref == new.ref


def test_a_source_may_be_a_folder_and_stays_as_it_is(store_folder, model, tmp_path):
    before = tree(model)
    shutil.copytree(model, tmp_path / "runs" / "7" / "output" / "model")
    for uri in (model, tmp_path / "runs"):
        assert sync(make_source("pets", str(uri))).ref.startswith("pets@")
        assert sync(make_source("pets", str(uri))).state == "unchanged"
    assert tree(model) == before
    assert len(resolution.versions("pets")) == 1


def test_options_of_a_source_are_part_of_the_version(source, client, bucket):
    plain = sync(source, client)
    strict = sync(make_source("pets", source.uri, options={"threshold": 0.8}), client)
    assert plain.ref != strict.ref
    assert resolution.resolve("pets").threshold == 0.8


def test_a_refused_version_is_remembered_and_judged_again_when_asked(source, client, monkeypatch):
    monkeypatch.setattr(admission, "checking", checking_here(lambda *args: ["it sees ghosts"]))
    refused = sync(source, client)
    assert (refused.state, refused.reasons) == ("refused", ("it sees ghosts",))
    monkeypatch.setattr(admission, "checking", None)  # whoever tries the network now would fail
    again = sync(source, client)
    assert (again.state, again.admitted, again.reasons) == ("unchanged, still refused", False, ("it sees ghosts",))
    monkeypatch.setattr(admission, "checking", checking_here(lambda *args: []))
    assert sync(source, client, again=True).state == "admitted"


def test_bodies_cut_and_servers_busy(source, client, proxy):
    faults = iter([Refuse(503, "SlowDown"), None, Cut(100), Refuse(503, "SlowDown"), Cut(10), Cut(0)])
    proxy.fault = lambda request: next(faults, None)
    assert sync(source, client).state == "admitted"


@pytest.mark.parametrize(
    ("code", "status", "part"),
    [
        ("AccessDenied", 403, "list-type"),
        ("AccessDenied", 403, "frozen_inference_graph"),
        ("NoSuchBucket", 404, "list-type"),
        ("InvalidAccessKeyId", 403, "list-type"),
    ],
)
def test_what_needs_a_person_is_told_and_changes_nothing(source, client, proxy, store_folder, code, status, part):
    proxy.fault = lambda request: Refuse(status, code) if part in request.path else None
    with pytest.raises(FirstpassError, match=rf"{code} \({status}\)") as caught:
        sync(source, client)
    assert source.uri in caught.value.problem
    assert "s3:ListBucket and s3:GetObject" in caught.value.fix
    assert tree(store_folder) == {}


def test_clocks_that_differ_are_told(source, client, proxy):
    proxy.fault = lambda request: Refuse(403, "RequestTimeTooSkewed")
    with pytest.raises(FirstpassError, match="the clocks differ") as caught:
        sync(source, client)
    assert "clock" in caught.value.fix


def test_a_file_that_is_replaced_before_it_is_fetched(source, client, proxy, model, bucket):
    (model / "model.yaml").write_text("threshold: 0.3")

    def replace(request):
        if "frozen" in request.path and len(proxy.requests) < 20:
            proxy.fault = lambda request: None
            upload(model, f"{bucket}/runs/2026-11-20/output/model")
            storage.s3().put_object(
                Bucket=bucket[5:], Key="runs/2026-11-20/output/model/classes.csv", Body=b"labels\r\ncat\r\ncow\r\n"
            )

    proxy.fault = replace
    assert sync(source, client).state == "admitted"
    version = resolution.resolve("pets")
    assert version.classes.names == {1: "cat", 2: "cow"}
    assert version.threshold == 0.3


def test_a_file_that_is_replaced_after_it_was_fetched(source, client, proxy, model, bucket):
    """The weights are still coming when classes.csv, long there, is replaced: the two would not belong together."""
    key = "runs/2026-11-20/output/model/classes.csv"

    def replace(request):
        if "frozen" in request.path:
            proxy.fault = lambda request: None
            while not any("classes.csv" in seen.path for seen in proxy.requests):
                os.sched_yield()
            storage.s3().put_object(Bucket=bucket[5:], Key=key, Body=b"labels\r\ncat\r\ncow\r\n")

    proxy.fault = replace
    assert sync(source, client).state == "admitted"
    assert resolution.resolve("pets").classes.names == {1: "cat", 2: "cow"}


def test_a_source_that_never_stops_changing_is_given_up(source, client, proxy, bucket, store_folder):
    count = iter(range(1000))

    def churn(request):
        if "frozen" in request.path:
            body = f"labels\r\ncat\r\ncow {next(count)}\r\n".encode()
            storage.s3().put_object(Bucket=bucket[5:], Key="runs/2026-11-20/output/model/classes.csv", Body=body)

    proxy.fault = churn
    with pytest.raises(FirstpassError, match="changed 3 times while it was read"):
        sync(source, client)
    assert tree(store_folder) == {}


def test_two_syncs_at_once_make_one_version_and_fetch_it_once(source, client, proxy):
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda _: sync(source, client), range(2)))
    assert sorted(outcome.state for outcome in outcomes) == ["admitted", "unchanged"]
    assert len(resolution.versions("pets")) == 1
    fetched = [request.path for request in proxy.requests if "frozen_inference_graph" in request.path]
    assert len(fetched) == 1


KILLED = """
import sys
from botocore.exceptions import ClientError, NoCredentialsError

from doubles.s3 import s3_client
from firstpass.models.model_sources import make_source
from firstpass.models.sync import Synced, sync
endpoint, uri = sys.argv[1:]
sync(make_source("pets", uri), lambda: s3_client(endpoint))
"""


def test_a_sync_that_is_killed_leaves_nothing_half_visible_and_the_next_succeeds(source, client, proxy, store_folder):
    proxy.fault = lambda request: Hang(100) if "frozen" in request.path else None
    command = [sys.executable, "-c", KILLED, proxy.endpoint, source.uri]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])})
    deadline = time.monotonic() + 60
    while not any("frozen" in request.path for request in proxy.requests) and time.monotonic() < deadline:
        os.sched_yield()
    process.kill()
    process.wait()
    assert resolution.versions() == []
    assert tree(store_folder) == {}
    with pytest.raises(FirstpassError, match="there is no model 'pets'"):
        resolution.resolve("pets")
    proxy.fault = lambda request: None
    assert sync(source, client).state == "admitted"


def test_keys_with_odd_characters_never_become_paths(store_folder, model, bucket, client):
    upload(model, f"{bucket}/runs/#1 ?a=b&c%2e%2e/output/model")
    synced = sync(make_source("pets", f"{bucket}/runs"), client)
    assert synced.state == "admitted"
    assert {path.name for path in store_folder.iterdir() if not path.name.startswith(".")} == {"pets"}


def test_hostile_names_of_weights_never_become_paths(store_folder, model, bucket, client, monkeypatch):
    (model / "frozen_inference_graph.pb").unlink()
    (model / "label_map.json").unlink()
    (model / "classes.csv").write_bytes(b"labels,id\r\ncat,1\r\n")
    (model / "..\\..\\evil\r.h5").write_bytes(b"weights")
    upload(model, f"{bucket}/runs/1/output/model")
    sync(make_source("pets", f"{bucket}/runs"), client)
    (version,) = resolution.versions("pets")
    assert {file.path for file in version.files} == {"weights.h5", "classes.csv"}


def test_nothing_complete_is_told(store_folder, bucket, client):
    storage.s3().put_object(Bucket=bucket[5:], Key="runs/1/output/model/classes.csv", Body=b"labels\n")
    with pytest.raises(FirstpassError, match=r"runs/1/output/model: no weights; found classes\.csv"):
        sync(make_source("pets", f"{bucket}/runs"), client)
    with pytest.raises(FirstpassError, match="there is no model"):
        sync(make_source("pets", f"{bucket}/elsewhere"), client)
    assert tree(store_folder) == {}


def test_a_version_taken_out_by_hand_is_fetched_again(source, client, store_folder):
    first = sync(source, client)
    shutil.rmtree(store_folder / "pets" / first.ref.partition("@")[2])
    assert sync(source, client).state == "admitted"


@pytest.fixture
def local(store_folder, model):
    """A source that is a folder."""
    return make_source("pets", str(model))


def incoming(store_folder: Path) -> Path:
    (folder,) = (store_folder / ".incoming").iterdir()
    return folder


def test_what_a_sync_came_to_in_a_word():
    version = SimpleNamespace()
    assert Synced("s", "pets@1", True, None, 0).state == "unchanged"
    assert Synced("s", "pets@1", False, None, 0).state == "unchanged, still refused"
    assert Synced("s", "pets@1", True, version, 7).state == "admitted"
    assert Synced("s", "pets@1", False, version, 7).state == "refused"


def test_what_was_fetched_is_counted_and_logged(local, model, caplog):
    caplog.set_level("INFO", "firstpass")
    synced = sync(local)
    names = ("classes.csv", "label_map.json", "frozen_inference_graph.pb")
    assert synced.size == sum((model / name).stat().st_size for name in names)
    assert any(re.fullmatch(rf"{model}: 0\.0 MB in \d+\.\d s, \d+ MB/s", line) for line in caplog.messages)
    caplog.clear()
    assert sync(local).ref == synced.ref
    assert caplog.messages == [f"{model}: unchanged since {synced.ref}"]


def test_what_came_of_other_content_is_not_mixed_with_what_comes(local, store_folder, monkeypatch):
    """A sync was killed, and since then the source has changed."""
    seen: list[set[str]] = []

    def admit(name, folder, *_, **__):
        seen.append(set(tree(folder)))
        raise KeyboardInterrupt

    monkeypatch.setattr(syncing, "admit", admit)
    for left, etag in (("of this content.h5", None), ("of other content.h5", "another etag")):
        with monkeypatch.context() as killed:
            killed.setattr(syncing.shutil, "rmtree", lambda *_, **__: None)
            with pytest.raises(KeyboardInterrupt):
                sync(local)
        folder = incoming(store_folder)
        (folder / left).touch()
        if etag:
            (folder / "complete.etag").write_text(etag)
        with pytest.raises(KeyboardInterrupt):
            sync(local)
    usual = {"classes.csv", "label_map.json", "frozen_inference_graph.pb", "complete.etag"}
    assert seen == [usual, usual | {"of this content.h5"}, usual, usual]


@pytest.mark.parametrize(
    ("error", "problem", "fix"),
    [
        (NoCredentialsError(), "there are no credentials", "set up aws_training"),
        (
            client_error(403, "AccessDenied"),
            r"AccessDenied \(403\) from GetObject",
            "that aws_training may do s3:ListBucket",
        ),
        (client_error(301, "PermanentRedirect"), r"PermanentRedirect \(301\)", "check the address"),
        (client_error(400, "BadRequest"), r"BadRequest \(400\)", "check the address"),
        (client_error(401, "Unauthorized"), r"Unauthorized \(401\)", "check the address"),
        (client_error(404, "NoSuchKey"), r"NoSuchKey \(404\)", "check the address"),
        (client_error(403, "RequestTimeTooSkewed"), "RequestTimeTooSkewed: the clocks differ", "clock"),
        (OSError(30, "Read-only file system", "/models/x"), "Read-only file system: /models/x", "may be written"),
        (OSError("odd"), "odd: ", "the model store may be written"),
    ],
)
def test_what_a_person_can_put_right_is_put_into_words(store_folder, monkeypatch, error, problem, fix):
    monkeypatch.setattr(syncing.discovery, "newest", lambda *_: _raise(error))
    source = make_source("pets", "s3://training/pets", "aws_training")
    with pytest.raises(FirstpassError, match=f"s3://training/pets: {problem}") as caught:
        sync(source, lambda: None)
    assert fix in caught.value.fix


def _raise(error):
    raise error


def test_without_a_connection_the_default_credentials_are_meant(store_folder, monkeypatch):
    monkeypatch.setattr(syncing.discovery, "newest", lambda *_: _raise(NoCredentialsError()))
    with pytest.raises(FirstpassError) as caught:
        sync(make_source("pets", "s3://training/pets"), lambda: None)
    assert caught.value.fix == "set up the default S3 credentials"


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_source_that_may_come_back_is_waited_for(store_folder, monkeypatch, status):
    error = client_error(status, "SlowDown")
    monkeypatch.setattr(syncing.discovery, "newest", lambda *_: _raise(error))
    with pytest.raises(Unavailable, match="s3://training/pets: object storage answers SlowDown") as caught:
        sync(make_source("pets", "s3://training/pets"), lambda: None)
    assert caught.value.__cause__ is error


def test_a_full_disk_is_waited_for_too(store_folder, monkeypatch):
    error = OSError(28, "No space left on device", "/models/x")
    monkeypatch.setattr(syncing.discovery, "newest", lambda *_: _raise(error))
    with pytest.raises(Unavailable, match="/models/x: the disk is full"):
        sync(make_source("pets", "s3://training/pets"), lambda: None)


def test_any_other_answer_of_storage_is_left_to_another_try(store_folder, monkeypatch):
    error = client_error(409, "OperationAborted")
    monkeypatch.setattr(syncing.discovery, "newest", lambda *_: _raise(error))
    with pytest.raises(ClientError) as caught:
        sync(make_source("pets", "s3://training/pets"), lambda: None)
    assert caught.value is error


def test_a_folder_needs_no_client(local):
    assert sync(local, lambda: _raise(AssertionError())).state == "admitted"
