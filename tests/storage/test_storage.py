"""Storage by URI: the same calls for a folder and for S3."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from firstpass import storage
from firstpass.errors import FirstpassError


@pytest.fixture(scope="module")
def s3_server():
    """A real S3 protocol on a real socket."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def place(request, tmp_path, monkeypatch):
    """An empty place to store things in, as a URI."""
    if request.param == "folder":
        yield str(tmp_path)
        return
    import boto3

    endpoint = request.getfixturevalue("s3_server")
    client = boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
    )
    client.create_bucket(Bucket="bucket")
    storage.use_s3(lambda: client)
    yield "s3://bucket/prefix"
    storage.delete("s3://bucket/prefix")
    storage.use_s3(None)


def test_what_was_written_is_read(place):
    uri = storage.join(place, "a", "b ü?#%.json")
    storage.write(uri, b"one")
    storage.write(uri, b"two")
    assert storage.read(uri) == b"two"
    assert storage.exists(uri)
    assert not storage.exists(storage.join(place, "a"))


def test_listing_gives_every_object_below_and_nothing_beside(place):
    for name in ("x/2", "x/1", "x/deep/3", "xx/4"):
        storage.write(storage.join(place, name), b"12345")
    entries = list(storage.listing(storage.join(place, "x")))
    assert sorted(e.uri.removeprefix(place) for e in entries) == ["/x/1", "/x/2", "/x/deep/3"]
    assert {e.size for e in entries} == {5}


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
    with pytest.raises(FirstpassError, match="No space left on device"):
        storage.write(str(target), b"after")
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


def test_s3_refusals_become_the_errors_that_files_raise():
    from botocore.exceptions import ClientError

    class Refusing:
        def get_object(self, **_):
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")

    storage.use_s3(Refusing)
    try:
        with pytest.raises(PermissionError, match="s3://bucket/key: AccessDenied"):
            storage.read("s3://bucket/key")
    finally:
        storage.use_s3(None)
