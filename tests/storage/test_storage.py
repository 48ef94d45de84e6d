"""Storage by URI: the same calls for a folder and for S3."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError

from firstpass import resolvers, storage, waiting
from firstpass.errors import FirstpassError, Unavailable
from firstpass.settings import settings


@pytest.fixture(params=["folder", "s3"])
def place(request, tmp_path) -> str:
    """An empty place to store things in, as a URI."""
    if request.param == "folder":
        return str(tmp_path)
    return request.getfixturevalue("bucket") + "/prefix"


class Refusing:
    """An S3 client that answers everything with this code."""

    def __init__(self, code: str) -> None:
        self.error = ClientError({"Error": {"Code": code}}, "Operation")

    def refuse(self, **_):
        raise self.error

    get_object = put_object = head_object = delete_object = refuse

    def get_paginator(self, name):
        return SimpleNamespace(paginate=self.refuse)


@pytest.fixture
def refusing():
    """`refusing("AccessDenied")`: all that S3 answers from now on."""
    yield lambda code: storage.use_s3(lambda: Refusing(code))
    storage.use_s3(None)


@pytest.fixture
def own_s3(monkeypatch):
    """`own_s3(endpoint="…")`: settings of that name, and the client that comes of them; `made` is what boto3 got."""
    made = []
    monkeypatch.setattr(boto3, "client", lambda *what, **how: made.append((what, how)) or "boto3's own")
    monkeypatch.setattr(resolvers, "s3_client", lambda connection: f"Airflow's {connection}")
    monkeypatch.delenv("FIRSTPASS_S3_CONN_ID", raising=False)
    monkeypatch.delenv("FIRSTPASS_S3_ENDPOINT", raising=False)

    def client(**values: str):
        for name, value in values.items():
            monkeypatch.setenv(f"FIRSTPASS_S3_{name.upper()}", value)
        settings.cache_clear()
        storage.use_s3(None)
        return storage.s3()

    client.made = made
    yield client
    monkeypatch.undo()
    settings.cache_clear()
    storage.use_s3(None)


@pytest.mark.parametrize(
    ("uri", "parts", "joined"),
    [
        ("/a", ("b",), "/a/b"),
        ("/a/", ("/b/", "c"), "/a/b/c"),
        ("s3://b", ("p", "q.json"), "s3://b/p/q.json"),
        ("s3://b/p//", (), "s3://b/p"),
    ],
)
def test_parts_are_joined_by_single_slashes(uri, parts, joined):
    assert storage.join(uri, *parts) == joined


def test_a_uri_in_object_storage_has_a_bucket_and_a_key_and_no_path():
    assert (storage.bucket_of("s3://b/p/q?#%.x"), storage.key_of("s3://b/p/q?#%.x")) == ("b", "p/q?#%.x")
    assert (storage.bucket_of("s3://b"), storage.key_of("s3://b")) == ("b", "")
    assert storage.is_s3("s3://b")
    assert not storage.is_s3("/s3://b")
    with pytest.raises(ValueError, match="s3://b/p is not a local path"):
        storage.local_path("s3://b/p")


def test_a_plain_path_is_taken_as_it_is():
    assert storage.local_path("/a/%41 b") == Path("/a/%41 b")
    assert storage.local_path("file:///a/%41%20b") == Path("/a/A b")


def test_what_was_written_is_read(place):
    uri = storage.join(place, "a", "b ü?#%.json")
    storage.write(uri, b"one")
    storage.write(uri, b"two")
    assert storage.read(uri) == b"two"
    assert storage.exists(uri)
    assert not storage.exists(storage.join(place, "a"))


def test_a_file_is_stored_and_read_as_one(place, tmp_path):
    (tmp_path / "source").write_bytes(b"some" * 3_000_000)
    storage.store_file(tmp_path / "source", f"{place}/sub/a file")
    assert storage.read(f"{place}/sub/a file") == b"some" * 3_000_000
    with storage.as_file(f"{place}/sub/a file") as path:
        assert path.stat().st_size == 12_000_000
        assert path.read_bytes()[-5:] == b"esome"
    (tmp_path / "source").write_bytes(b"less")
    storage.store_file(tmp_path / "source", f"{place}/sub/a file")
    assert storage.read(f"{place}/sub/a file") == b"less"
    with pytest.raises(FileNotFoundError), storage.as_file(f"{place}/sub/nothing"):
        pass


def test_listing_gives_every_object_below_and_nothing_beside(place):
    for name in ("x/2", "x/1", "x/deep/3", "xx/4"):
        storage.write(storage.join(place, name), b"12345")
    entries = list(storage.listing(storage.join(place, "x")))
    assert [e.uri.removeprefix(place) for e in entries] == ["/x/1", "/x/2", "/x/deep/3"]
    assert {e.size for e in entries} == {5}
    assert [e.uri for e in storage.listing(storage.join(place, "x") + "/")] == [e.uri for e in entries]


def test_folders_are_listed_in_order_too(place):
    for name in ("b/2", "a/1", "c/3"):
        storage.write(storage.join(place, name), b"")
    assert [e.uri.removeprefix(place) for e in storage.listing(place)] == ["/a/1", "/b/2", "/c/3"]


def test_a_whole_bucket_is_listed_without_what_stands_for_folders(bucket):
    for name in ("b", "a/", "a/1"):
        storage.write(f"{bucket}/{name}", b"")
    assert [e.uri.removeprefix(bucket) for e in storage.listing(bucket)] == ["/a/1", "/b"]
    assert [e.uri.removeprefix(bucket) for e in storage.listing(bucket + "/")] == ["/a/1", "/b"]


def test_more_than_a_page_is_listed_one_page_after_the_other():
    def pages(Bucket, Prefix):
        for page in ("ab", "", "c"):
            asked.append((Bucket, Prefix))
            yield {"Contents": [{"Key": f"p/{key}", "Size": 1, "ETag": '"e"'} for key in page]} if page else {}

    asked = []
    paginators = {"list_objects_v2": SimpleNamespace(paginate=pages)}
    storage.use_s3(lambda: SimpleNamespace(get_paginator=paginators.__getitem__))
    try:
        entries = storage.listing("s3://bucket/p")
        assert next(entries).uri == "s3://bucket/p/a"
        assert asked == [("bucket", "p/")]
        assert [entry.uri for entry in entries] == ["s3://bucket/p/b", "s3://bucket/p/c"]
    finally:
        storage.use_s3(None)


def test_a_local_etag_is_size_and_time_of_change_of_what_a_link_itself_is(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    os.utime(tmp_path / "a", ns=(5, 7_000_000_001))
    (tmp_path / "b").symlink_to(tmp_path / "a")
    first, link = storage.listing(str(tmp_path))
    assert (first.size, first.etag) == (5, "5-7000000001")
    assert link.size == len(str(tmp_path / "a"))


def test_an_etag_of_object_storage_comes_without_quotes(bucket):
    storage.write(f"{bucket}/a", b"12345")
    (entry,) = storage.listing(bucket)
    assert entry == storage.Entry(f"{bucket}/a", 5, hashlib.md5(b"12345").hexdigest())


def test_an_etag_changes_with_the_content(place):
    uri = storage.join(place, "one")
    storage.write(uri, b"before")
    (before,) = storage.listing(place)
    storage.write(uri, b"after")
    (after,) = storage.listing(place)
    assert before.etag != after.etag


def test_delete_removes_all_below_and_forgives(place):
    for name in ("x/1", "x/2/3", "y"):
        storage.write(storage.join(place, name), b"")
    storage.delete(storage.join(place, "x"))
    storage.delete(storage.join(place, "x"))
    assert [e.uri.removeprefix(place) for e in storage.listing(place)] == ["/y"]
    storage.delete(storage.join(place, "y"))
    storage.delete(storage.join(place, "y"))
    assert list(storage.listing(place)) == []


def test_more_than_one_request_may_hold_is_deleted(bucket, monkeypatch):
    client = storage.s3()
    for n in range(1003):
        client.put_object(Bucket=bucket[5:], Key=f"x/{n}", Body=b"")
    storage.write(storage.join(bucket, "xy"), b"")
    storage.delete(storage.join(bucket, "x"))
    assert [entry.uri for entry in storage.listing(bucket)] == [f"{bucket}/xy"]


def test_a_link_is_deleted_itself(tmp_path):
    storage.write(str(tmp_path / "there" / "file"), b"stays")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    storage.delete(str(tmp_path / "link"))
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert (tmp_path / "there" / "file").read_bytes() == b"stays"


def test_what_is_not_there_says_so(place):
    with pytest.raises(FileNotFoundError):
        storage.read(storage.join(place, "nothing"))
    assert list(storage.listing(storage.join(place, "nothing"))) == []


def test_a_file_uri_keeps_every_character(tmp_path):
    name = os.fsdecode(b"caf\xe9 %41?#.jpg")
    path = tmp_path / name
    path.write_bytes(b"pixels")
    assert storage.local_path(storage.file_uri(path)) == path
    assert storage.read(storage.file_uri(path)) == b"pixels"


def test_a_place_that_cannot_be_written_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FirstpassError) as caught:
        storage.write(str(tmp_path / "file" / "x"), b"")
    assert str(tmp_path / "file" / "x") in caught.value.problem
    assert "FIRSTPASS_STORAGE" in caught.value.fix


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    target = tmp_path / "result"
    target.write_bytes(b"before")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(Unavailable, match=f"cannot write {target}: the disk is full") as caught:
        storage.write(str(target), b"after")
    assert "free space" in caught.value.fix
    assert target.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["result"]


def test_a_write_that_is_killed_is_never_seen_in_part(tmp_path):
    target = tmp_path / "result"
    script = f"from firstpass import storage\nwhile True: storage.write({str(target)!r}, b'x' * 4_000_000)"
    process = subprocess.Popen([sys.executable, "-c", script])
    try:
        while not target.exists():
            assert process.poll() is None
        for _ in range(20):
            assert target.stat().st_size == 4_000_000
    finally:
        process.kill()
        process.wait()
    assert Path(target).read_bytes() == b"x" * 4_000_000


@pytest.mark.parametrize("length", [1, 255])
def test_a_file_is_for_its_owner_and_group_and_leaves_nothing_beside_it(tmp_path, length):
    target = tmp_path / "new" / "folders" / ("x" * length)
    storage.write(str(target), b"data")
    assert target.stat().st_mode & 0o777 == 0o640
    assert {folder.stat().st_mode & 0o777 for folder in (tmp_path / "new", tmp_path / "new" / "folders")} == {0o750}
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_write_that_is_interrupted_leaves_what_was_there(tmp_path, monkeypatch):
    target = tmp_path / "result"
    target.write_bytes(b"before")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        storage.write(str(target), b"after")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"result": b"before"}


def test_a_disk_that_is_mounted_read_only_needs_a_person(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    with pytest.raises(FirstpassError, match="Read-only file system") as caught:
        storage.write(str(tmp_path / "new" / "result"), b"after")
    assert not isinstance(caught.value, Unavailable)
    assert str(tmp_path / "new") in caught.value.fix


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
def test_a_mount_that_is_away_is_no_missing_file(tmp_path, monkeypatch, number):
    def lost(_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "read_bytes", lost)
    with pytest.raises(Unavailable, match=f"{tmp_path}/x: it does not answer"):
        storage.read(str(tmp_path / "x"))


def test_object_storage_that_nobody_serves_is_away(monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{probe.getsockname()[1]}"
    config = Config(retries={"max_attempts": 1}, connect_timeout=1)
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "x"}
    storage.use_s3(lambda: boto3.client("s3", endpoint_url=endpoint, config=config, **keys))
    try:
        for call in CALLS.values():
            with pytest.raises(Unavailable, match=r"s3://bucket/key.*: object storage does not answer") as caught:
                call()
            assert "FIRSTPASS_S3_ENDPOINT" in caught.value.fix
    finally:
        storage.use_s3(None)


def test_without_credentials_a_person_is_needed(monkeypatch):
    class Unnamed:
        def get_object(self, **_):
            raise NoCredentialsError

    storage.use_s3(Unnamed)
    try:
        with pytest.raises(FirstpassError, match="s3://bucket/key: there are no credentials"):
            storage.read("s3://bucket/key")
    finally:
        storage.use_s3(None)


def test_a_process_that_waits_in_place_gets_its_file_when_the_disk_has_room_again(tmp_path, monkeypatch, caplog):
    fsync, full = os.fsync, [True, True]

    def sync(descriptor):
        if full:
            full.pop()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.001)
    waiting.wait_in_place(waiting.Waiter())
    try:
        storage.write(str(tmp_path / "result"), b"data")
    finally:
        waiting.wait_in_place(None)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"result": b"data"}
    assert caplog.text.count("the disk is full") == 2


CALLS = {
    "read": lambda: storage.read("s3://bucket/key"),
    "write": lambda: storage.write("s3://bucket/key", b""),
    "exists": lambda: storage.exists("s3://bucket/key"),
    "listing": lambda: list(storage.listing("s3://bucket/key")),
    "delete": lambda: storage.delete("s3://bucket/key"),
}


@pytest.mark.parametrize("call", CALLS)
def test_s3_refusals_become_the_errors_that_files_raise(refusing, call):
    refusing("AccessDenied")
    with pytest.raises(PermissionError, match="s3://bucket/key: AccessDenied"):
        CALLS[call]()
    refusing("NoSuchBucket")
    if call == "exists":
        assert storage.exists("s3://bucket/key") is False
        return
    with pytest.raises(FileNotFoundError, match="s3://bucket/key: NoSuchBucket"):
        CALLS[call]()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        *((code, FileNotFoundError) for code in ("404", "NoSuchKey", "NoSuchBucket", "NotFound")),
        *((code, PermissionError) for code in ("403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch")),
        ("AllAccessDisabled", PermissionError),
        *((code, PermissionError) for code in ("ExpiredToken", "InvalidToken")),
        *((code, Unavailable) for code in ("SlowDown", "503", "QuotaExceeded")),
        ("MalformedXML", ClientError),
    ],
)
def test_other_answers_of_s3_stay_what_they_are(refusing, code, error):
    refusing(code)
    with pytest.raises(error):
        storage.read("s3://bucket/key")


def test_an_error_that_is_no_answer_stays_what_it_is():
    class Lost:
        def get_object(self, **_):
            error = RuntimeError("lost")
            error.response = "no dictionary"
            raise error

    storage.use_s3(Lost)
    try:
        with pytest.raises(RuntimeError, match="lost"):
            storage.read("s3://bucket/key")
    finally:
        storage.use_s3(None)


class TestTheClient:
    """S3's client of this process: made once, from a factory, an Airflow connection or boto3's own chain."""

    def test_is_of_the_factory_if_there_is_one(self, own_s3):
        made = []
        storage.use_s3(lambda: made.append("a client") or made)
        assert storage.s3() is storage.s3() is storage.s3_of("")
        assert made == ["a client"]

    def test_is_of_the_airflow_connection_that_the_setting_names(self, own_s3):
        assert own_s3(conn_id="aws_default") == "Airflow's aws_default"
        assert storage.s3_of("") == "Airflow's aws_default"
        assert storage.s3_of("another") == "Airflow's another"
        assert own_s3.made == []

    def test_is_boto3_s_own_otherwise(self, own_s3):
        assert own_s3() == "boto3's own"
        (what, how) = own_s3.made[0]
        assert (what, how["endpoint_url"], how["config"].s3) == (("s3",), None, {})
        retries, config = how["config"].retries, how["config"]
        assert (retries["mode"], retries["max_attempts"]) == ("standard", 5)
        assert (config.connect_timeout, config.read_timeout, config.max_pool_connections) == (10, 60, 64)

    def test_uses_addresses_by_path_at_another_endpoint(self, own_s3):
        own_s3(endpoint="http://127.0.0.1:9000")
        (_, how) = own_s3.made[0]
        assert (how["endpoint_url"], how["config"].s3) == ("http://127.0.0.1:9000", {"addressing_style": "path"})
