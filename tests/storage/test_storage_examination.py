"""Storage is proved by a probe object, and nothing is left of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from firstpass import storage
from firstpass.findings import Standing
from firstpass.storage.storage_examination import examine_readable, examine_writable


def test_a_bucket_that_works(bucket):
    found = examine_writable("storage", f"{bucket}/nights")
    assert (found.standing, found.fix) == (Standing.OK, "")
    assert list(storage.listing(bucket)) == []
    assert examine_readable("models", bucket).standing is Standing.OK


def test_a_bucket_that_is_not_there(bucket):
    for examine in (examine_writable, examine_readable):
        found = examine("storage", "s3://nobody-made-this/nights")
        assert found.standing is Standing.PROBLEM
        assert "s3://nobody-made-this/nights cannot be" in found.words


@pytest.mark.parametrize(
    ("operation", "verb"),
    [
        ("put_object", "written to"),
        ("get_paginator", "listed"),
        ("get_object", "read"),
        ("delete_object", "deleted from"),
    ],
)
def test_the_right_that_is_missing_is_named(bucket, monkeypatch, operation, verb):
    def deny(*_, **__):
        raise ClientError({"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, operation)

    monkeypatch.setattr(storage.s3(), operation, deny)
    found = examine_writable("storage", bucket)
    assert found.standing is Standing.PROBLEM
    assert f"cannot be {verb}" in found.words
    assert "s3:PutObject" in found.fix or "s3:ListBucket" in found.fix


def test_a_folder_that_works(tmp_path):
    assert examine_writable("storage", str(tmp_path)).standing is Standing.OK
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_yet_stays_so(tmp_path):
    found = examine_writable("storage", str(tmp_path / "var" / "storage"))
    assert found.standing is Standing.OK
    assert "the first run makes it" in found.words
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_takes_no_files(tmp_path):
    (tmp_path / "file").write_text("")
    found = examine_writable("storage", str(tmp_path / "file"))
    assert found.standing is Standing.PROBLEM
    assert "cannot be written to" in found.words


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else():
    assert examine_writable("storage", "/root-of-nobody/storage").standing is Standing.PROBLEM


def test_a_model_folder_that_is_not_there(tmp_path):
    assert examine_readable("models", str(tmp_path)).standing is Standing.OK
    assert examine_readable("models", str(Path(tmp_path, "nowhere"))).standing is Standing.WARNING
