"""A chunk manifest says all that a worker needs, and notices when somebody changed it."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

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
    floor=0.15,
    revision=2,
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
        lambda body: body.update(floor=0.1),
        lambda body: body.update(revision=3),
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
    changes = ({"index": 4}, {"batch_size": 4}, {"images": CHUNK.images[:2]}, {"floor": 0.16}, {"revision": 3})
    checksums = {replace(CHUNK, **change).checksum for change in changes}
    assert len(checksums | {CHUNK.checksum}) == 1 + len(changes)


# As release 0.1.0 wrote it, which stored what reached the thresholds.
OLD = (
    '{"checksum": "346ac08e65395933", "run_id": "r", "index": 3, "model": "nanodet@0123456789ab", '
    '"model_uri": "/store/nanodet/0123456789ab", "threshold": 0.4, "class_thresholds": {"1": 0.5, "17": 0.25}, '
    '"batch_size": 8, "output_uri": "/runs/r/results/00003.parquet", "images": {"uri": ["file:///ü.jpg"], '
    '"size": [10], "etag": ["e1"], "width": [640], "height": [480], "sha256": ["00ff"], "task": [null], '
    '"frame": [null]}}'
)


def test_a_manifest_of_release_0_1_0_is_read():
    assert Chunk.from_json(OLD, "x") == Chunk(
        run_id="r",
        index=3,
        model="nanodet@0123456789ab",
        model_uri="/store/nanodet/0123456789ab",
        floor=0.5,
        revision=1,
        batch_size=8,
        output_uri="/runs/r/results/00003.parquet",
        images=(ImageRef("file:///ü.jpg", 10, "e1", 640, 480, "00ff"),),
        seal="346ac08e65395933",
    )


def test_its_floor_is_the_highest_score_that_any_class_needed():
    def floor(threshold: float, **by_class: float) -> float:
        body = json.loads(OLD) | {"threshold": threshold, "class_thresholds": by_class}
        del body["checksum"]
        sealed = {"checksum": sha256(json.dumps(body, ensure_ascii=False).encode()).hexdigest()[:16]} | body
        return Chunk.from_json(json.dumps(sealed), "x").floor

    assert [floor(0.4), floor(0.4, **{"1": 0.2}), floor(0.4, **{"1": 0.2, "2": 0.7})] == [0.4, 0.4, 0.7]


def test_its_seal_stays_the_one_that_its_result_refers_to():
    assert Chunk.from_json(OLD, "x").checksum == "346ac08e65395933"
    assert CHUNK.seal is None
    assert "seal" not in json.loads(CHUNK.to_json())


def test_a_change_by_hand_is_noticed_there_too():
    with pytest.raises(FirstpassError, match="was changed after it was planned"):
        Chunk.from_json(OLD.replace('"threshold": 0.4', '"threshold": 0.3'), "x")
