"""Downloads on bad days: cut, throttled, damaged, replaced, killed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, IncompleteReadError

from doubles.s3 import s3_client
from doubles.s3_faults import Cut, Damage, Hang, Refuse, faulty_s3
from firstpass import storage
from firstpass.errors import FirstpassError
from firstpass.storage import downloads as module
from firstpass.storage import space
from firstpass.storage.downloads import SourceChanged, WantedObject, download

BIG = bytes(range(256)) * 4096  # 1 MB


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Ranges of 64 kB, so that 1 MB is many; no time is spent waiting."""
    monkeypatch.setattr(module, "RANGE", 64 * 1024)
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=lambda seconds: None, monotonic=time.monotonic))


@pytest.fixture
def proxy(s3_endpoint, bucket):
    with faulty_s3(s3_endpoint) as proxy:
        yield proxy


@pytest.fixture
def client(proxy):
    client = s3_client(proxy.endpoint)
    yield client
    client.close()


@pytest.fixture
def wanted(bucket, tmp_path):
    """Store bytes under a key, and say how to fetch them."""

    def store(data: bytes = BIG, key: str = "weights", **arguments) -> WantedObject:
        put = storage.s3().put_object(Bucket=bucket[5:], Key=key, Body=data, **arguments)
        return WantedObject(key, len(data), put["ETag"].strip('"'), tmp_path / "in" / f"{len(key)}.bin")

    return store


def bodies(proxy):
    return [request for request in proxy.requests if request.range]


def test_many_files_at_once(client, bucket, wanted):
    files = [wanted(bytes([n]) * n * 1000, "k" * (n + 1)) for n in range(12)]
    download(client, bucket[5:], files)
    for n, file in enumerate(files):
        assert file.target.read_bytes() == bytes([n]) * n * 1000
    assert {path.suffix for path in files[0].target.parent.iterdir()} == {".bin"}


def test_bodies_that_break_off_go_on_where_they_stopped(proxy, client, bucket, wanted):
    file = wanted()
    proxy.fault = lambda request: Cut(50_000) if request.range and len(proxy.requests) % 2 else None
    download(client, bucket[5:], [file])
    assert file.target.read_bytes() == BIG
    starts = {int(request.range[6:].split("-")[0]) for request in bodies(proxy)}
    assert any(start % (64 * 1024) for start in starts)


def test_a_server_that_only_ever_cuts_is_given_up_after_six_tries_without_a_byte(proxy, client, bucket, wanted):
    file = wanted(BIG[:1000])
    proxy.fault = lambda request: Cut(0)
    with pytest.raises(IncompleteReadError):
        download(client, bucket[5:], [file])
    assert len(proxy.requests) == 6
    assert not file.target.exists()


def test_a_byte_received_starts_the_count_of_tries_anew(proxy, client, bucket, wanted):
    """Each answer breaks off after a tenth, and between two of them come five that bring nothing."""
    file = wanted(BIG[:1000])
    proxy.fault = lambda request: Cut(100 if len(proxy.requests) % 6 == 0 else 0)
    download(client, bucket[5:], [file])
    assert file.target.read_bytes() == BIG[:1000]
    assert len(proxy.requests) == 60


def test_between_tries_it_waits_longer_and_longer_up_to_ten_seconds(proxy, client, bucket, wanted, monkeypatch):
    waits = []
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=waits.append, monotonic=time.monotonic))
    monkeypatch.setattr(module.random, "uniform", lambda least, most: {(0.5, 1): 1.0}[least, most])
    file = wanted(BIG[:1000])
    proxy.fault = lambda request: Cut(100 if len(proxy.requests) == 1 else 0)
    with pytest.raises(IncompleteReadError):
        download(client, bucket[5:], [file])
    assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4])


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (500, "InternalError"), (429, "TooManyRequests")])
def test_throttling_is_waited_out(proxy, client, bucket, wanted, status, code):
    file = wanted()
    proxy.fault = lambda request: Refuse(status, code) if len(proxy.requests) <= 30 else None
    download(client, bucket[5:], [file])
    assert file.target.read_bytes() == BIG


@pytest.mark.parametrize(("status", "code"), [(408, "RequestTimeout"), (429, "TooManyRequests"), (599, "Odd")])
def test_a_server_that_is_busy_is_asked_again(proxy, client, bucket, wanted, status, code):
    client.meta.config.retries = None
    file = wanted(BIG[:1000])
    answers = iter([Refuse(status, code)] * 3)
    proxy.fault = lambda request: next(answers, None)
    download(client, bucket[5:], [file])
    assert file.target.read_bytes() == BIG[:1000]


@pytest.mark.parametrize(("status", "code"), [(400, "Odd"), (403, "AccessDenied"), (499, "Odd")])
def test_a_request_that_is_wrong_is_not_made_again(proxy, client, bucket, wanted, status, code):
    file = wanted(BIG[:1000])
    proxy.fault = lambda request: Refuse(status, code)
    with pytest.raises(ClientError, match=code):
        download(client, bucket[5:], [file])
    assert len(proxy.requests) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "Odd"), (412, "Odd"), (416, "Odd"), (400, "NoSuchKey"), (400, "PreconditionFailed"), (400, "InvalidRange")],
)
def test_an_object_that_is_not_the_listed_one_is_told_as_such(proxy, client, bucket, wanted, status, code):
    file = wanted(BIG[:1000])
    proxy.fault = lambda request: Refuse(status, code)
    with pytest.raises(SourceChanged, match="weights"):
        download(client, bucket[5:], [file])
    assert len(proxy.requests) == 1


def test_what_is_there_already_is_not_fetched(proxy, client, bucket, wanted):
    there, new = wanted(key="a"), wanted(BIG[:70_000], key="bb")
    there.target.parent.mkdir()
    there.target.write_bytes(b"as it was")
    download(client, bucket[5:], [there, new])
    assert there.target.read_bytes() == b"as it was"
    assert new.target.read_bytes() == BIG[:70_000]
    assert sorted(request.range for request in bodies(proxy)) == ["bytes=0-65535", "bytes=65536-69999"]
    proxy.requests.clear()
    download(client, bucket[5:], [there, new])
    download(client, bucket[5:], [])
    assert proxy.requests == []


def test_large_files_come_in_ranges_twice_as_large(proxy, client, bucket, wanted):
    length = module.RANGE
    for size, ranges in ((10 * length, 10), (10 * length + 1, 6)):
        proxy.requests.clear()
        download(client, bucket[5:], [wanted(BIG[:size], key="k" * ranges)])
        starts = sorted(int(request.range[6:].split("-")[0]) for request in bodies(proxy))
        assert starts == list(range(0, size, length if ranges == 10 else 2 * length))


def test_an_empty_file_is_one_too(client, bucket, wanted):
    file = wanted(b"")
    download(client, bucket[5:], [file])
    assert file.target.read_bytes() == b""
    assert list(file.target.parent.iterdir()) == [file.target]


def test_a_disk_with_just_enough_room_is_enough(client, bucket, wanted, monkeypatch):
    file = wanted()
    monkeypatch.setattr(space.shutil, "disk_usage", lambda folder: SimpleNamespace(free=len(BIG)))
    download(client, bucket[5:], [file])
    assert file.target.read_bytes() == BIG
    other = wanted(BIG + b"x", key="other")
    with pytest.raises(FirstpassError, match="needs 1 MB, 1 MB free"):
        download(client, bucket[5:], [other])


def test_what_was_fetched_before_needs_no_room_again(proxy, client, bucket, wanted, monkeypatch):
    file = wanted()
    file.target.parent.mkdir()
    file.target.with_name("7.bin.part").write_bytes(BIG)
    length = 2 * module.RANGE
    done = "".join(f"{n}\n" for n in range(8) if n != 3)
    file.target.with_name("7.bin.ranges").write_text(f"{file.etag} {len(BIG)} {length}\n{done}half a li")
    monkeypatch.setattr(space.shutil, "disk_usage", lambda folder: SimpleNamespace(free=length))
    download(client, bucket[5:], [file])
    assert file.target.read_bytes() == BIG
    assert [request.range for request in bodies(proxy)] == [f"bytes={3 * length}-{4 * length - 1}"]


def test_progress_is_told_every_few_seconds(client, bucket, wanted, monkeypatch, caplog):
    caplog.set_level("INFO", "firstpass")
    clock = [0.0]

    def monotonic():
        clock[0] += 2.0
        return clock[0]

    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=lambda seconds: None, monotonic=monotonic))
    download(client, bucket[5:], [wanted()])
    lines = [message for message in caplog.messages if " MB/s" in message]
    assert 1 <= len(lines) < 17
    assert all(line.split(" MB,")[0].endswith("of 1") for line in lines)


def test_a_refusal_is_final(proxy, client, bucket, wanted):
    file = wanted()
    proxy.fault = lambda request: Refuse(403, "AccessDenied")
    with pytest.raises(ClientError, match="AccessDenied"):
        download(client, bucket[5:], [file])
    assert len(proxy.requests) <= 16


def test_an_object_that_was_replaced_or_removed_is_noticed(client, bucket, wanted):
    file = wanted()
    wanted(BIG[::-1])
    with pytest.raises(SourceChanged, match="weights"):
        download(client, bucket[5:], [file])
    storage.s3().delete_object(Bucket=bucket[5:], Key="weights")
    with pytest.raises(SourceChanged, match="weights"):
        download(client, bucket[5:], [file])
    assert not file.target.exists()


def test_one_damaged_answer_is_fetched_again(proxy, client, bucket, wanted):
    file = wanted()
    proxy.fault = lambda request: Damage() if len(bodies(proxy)) == 3 else None
    download(client, bucket[5:], [file])
    assert file.target.read_bytes() == BIG


def test_bytes_that_never_match_are_refused(proxy, client, bucket, wanted):
    file = wanted()
    proxy.fault = lambda request: Damage()
    with pytest.raises(FirstpassError, match="does not match its ETag"):
        download(client, bucket[5:], [file])
    assert not file.target.exists()


def multipart(bucket: str, parts: list[bytes]) -> str:
    """Upload in parts, as large files are; the ETag is then no MD5 of the bytes."""
    client, where = storage.s3(), {"Bucket": bucket[5:], "Key": "weights"}
    upload = client.create_multipart_upload(**where)["UploadId"]
    etags = [
        {"PartNumber": n, "ETag": client.upload_part(**where, UploadId=upload, PartNumber=n, Body=part)["ETag"]}
        for n, part in enumerate(parts, 1)
    ]
    done = client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": etags})
    return str(done["ETag"]).strip('"')


def test_objects_uploaded_in_parts_are_verified_too(proxy, client, bucket, tmp_path):
    parts = [b"a" * 5 * 2**20, b"b" * 5 * 2**20, b"c" * 1000]
    data, etag = b"".join(parts), multipart(bucket, parts)
    assert etag.endswith("-3")
    file = WantedObject("weights", len(data), etag, tmp_path / "weights")
    proxy.fault = lambda request: Damage() if len(bodies(proxy)) == 3 else None
    download(client, bucket[5:], [file])
    assert file.target.read_bytes() == data


def test_storage_that_encrypts_by_key_service_has_etags_that_say_nothing(client, bucket, wanted, tmp_path, monkeypatch):
    file = wanted(ServerSideEncryption="aws:kms")
    monkeypatch.setattr(module.checksums, "fits", lambda path, checksum, length: checksum.algorithm != "MD5")
    download(client, bucket[5:], [file])
    assert file.target.read_bytes() == BIG


def test_what_is_stored_compressed_stays_as_it_is(client, bucket, wanted):
    import gzip

    bomb = gzip.compress(b"\0" * 10_000_000)
    file = wanted(bomb, ContentEncoding="gzip")
    download(client, bucket[5:], [file])
    assert file.target.read_bytes() == bomb


def test_a_full_disk_is_told_before_anything_is_fetched(proxy, client, bucket, wanted, monkeypatch):
    file = wanted()
    monkeypatch.setattr(space.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1000})())
    with pytest.raises(FirstpassError, match=r"needs 1 MB, 0 MB free"):
        download(client, bucket[5:], [file])
    assert proxy.requests == []


KILLED = """
import sys
from pathlib import Path
from types import SimpleNamespace
from doubles.s3 import s3_client
from firstpass.storage import downloads as module
module.RANGE = 64 * 1024
module.WORKERS = 1
endpoint, bucket, etag, size, target = sys.argv[1:]
module.download(s3_client(endpoint), bucket, [module.WantedObject("weights", int(size), etag, Path(target))])
"""


def test_a_download_that_was_killed_goes_on_where_it_stopped(proxy, client, bucket, wanted):
    file = wanted()
    proxy.fault = lambda request: Hang(1000) if len(bodies(proxy)) == 5 else None
    command = [sys.executable, "-c", KILLED, proxy.endpoint, bucket[5:], file.etag, str(file.size), str(file.target)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])})
    deadline = time.monotonic() + 60
    while len(bodies(proxy)) < 5 and time.monotonic() < deadline:
        os.sched_yield()
    process.kill()
    process.wait()
    assert not file.target.exists()
    proxy.requests.clear()
    proxy.fault = lambda request: None
    download(client, bucket[5:], [file])
    assert hashlib.md5(file.target.read_bytes()).hexdigest() == file.etag
    assert len(bodies(proxy)) == 8 - 4


def test_what_was_there_of_another_object_is_not_used(client, bucket, wanted):
    file = wanted()
    file.target.parent.mkdir()
    file.target.with_name("7.bin.part").write_bytes(b"x" * len(BIG))
    file.target.with_name("7.bin.ranges").write_text(f"another {len(BIG)} 65536\n0\n1\n")
    download(client, bucket[5:], [file])
    assert file.target.read_bytes() == BIG
