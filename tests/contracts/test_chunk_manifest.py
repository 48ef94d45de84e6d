"""A chunk manifest says all that a worker needs, and notices when somebody changed it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from firstpass import storage
from firstpass.contracts.chunk_manifest import Chunk, manifest_uri, result_uri
from firstpass.contracts.image_reference import ImageRef
from firstpass.errors import FirstpassError

CHUNK = Chunk(
    run_id="manual__2026-01-01T00:00:00+00:00",
    index=3,
    model="nanodet@0123456789ab",
    model_uri="/store/nanodet/0123456789ab",
    threshold=0.4,
    class_thresholds={1: 0.5, 17: 0.25},
    batch_size=8,
    output_uri="/runs/r/results/00003.parquet",
    images=(
        ImageRef("file:///photos/a%20b.jpg", 10, "e1", 640, 480, "00ff"),
        ImageRef("s3://bucket/ü \"'?#.jpg", 2**40, "e2"),
        ImageRef("cvat:task/12#34", 0, "e3", 100, 200, None, 12, 34),
    ),
)


def test_what_was_written_is_read():
    text = CHUNK.to_json()
    assert Chunk.from_json(text, "x") == CHUNK
    assert Chunk.from_json(text, "x").to_json() == text
    assert Chunk.from_json(json.dumps(json.loads(text), indent=4), "x") == CHUNK  # only the content is sealed


def test_it_goes_through_storage(tmp_path):
    uri = CHUNK.save(str(tmp_path))
    assert uri == f"{tmp_path}/chunks/00003.json"
    assert Chunk.load(uri) == CHUNK


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(threshold=0.1),
        lambda body: body["class_thresholds"].update({"17": 0.9}),
        lambda body: body["images"]["uri"].__setitem__(0, "file:///etc/passwd"),
        lambda body: body.update(output_uri="/elsewhere"),
        lambda body: body.update(checksum="0" * 16),
    ],
)
def test_a_change_by_hand_is_noticed(change):
    body = json.loads(CHUNK.to_json())
    change(body)
    with pytest.raises(FirstpassError, match="was changed after it was planned"):
        Chunk.from_json(json.dumps(body), "/runs/r/chunks/00003.json")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", '"text"', "{", json.dumps({"checksum": "x", "images": {}}), CHUNK.to_json()[:-200]],
)
def test_what_is_no_manifest_is_named(text):
    with pytest.raises(FirstpassError, match=r"/runs/r/chunks/00003.json is not a chunk manifest") as error:
        Chunk.from_json(text, "/runs/r/chunks/00003.json")
    assert "plan_chunks" in error.value.fix


def test_lists_of_unequal_length_are_no_manifest():
    body = json.loads(CHUNK.to_json())
    body["images"]["etag"].pop()
    with pytest.raises(FirstpassError, match="not a chunk manifest"):
        Chunk.from_json(json.dumps(body), "x")


def test_a_manifest_that_is_gone_or_is_no_text_says_so(tmp_path):
    with pytest.raises(FirstpassError, match="there is no chunk manifest"):
        Chunk.load(f"{tmp_path}/chunks/00000.json")
    storage.write(f"{tmp_path}/chunks/00001.json", b"\xff\xfe\0")
    with pytest.raises(FirstpassError, match="not a chunk manifest"):
        Chunk.load(f"{tmp_path}/chunks/00001.json")


def test_a_chunks_files_lie_beside_each_other():
    assert CHUNK.done_uri == "/runs/r/results/00003.parquet.done.json"
    assert CHUNK.progress_uri == "/runs/r/results/00003.parquet.progress.json"
    assert CHUNK.parts_uri == "/runs/r/results/00003.parquet.parts"
    assert manifest_uri("/runs/r", 3) == "/runs/r/chunks/00003.json"
    assert result_uri("/runs/r", 3) == CHUNK.output_uri
    assert manifest_uri("/runs/r", 123456) == "/runs/r/chunks/123456.json"


def test_equal_chunks_have_one_checksum_and_different_ones_do_not():
    assert Chunk.from_json(CHUNK.to_json(), "x").checksum == CHUNK.checksum
    assert json.loads(CHUNK.to_json())["checksum"] == CHUNK.checksum
    assert len(CHUNK.checksum) == 16
    for other in (replace(CHUNK, index=4), replace(CHUNK, batch_size=4), replace(CHUNK, images=CHUNK.images[:2])):
        assert other.checksum != CHUNK.checksum
