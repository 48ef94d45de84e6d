"""What is left to infer, in a file that is written and read in parts."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firstpass import storage
from firstpass.contracts.image_reference import ImageRef
from firstpass.images import catalogue_file
from firstpass.images.catalogue import CATALOGUE
from firstpass.images.catalogue_file import LEFT, CatalogueWriter, counts, opened, references


def images(start: int, stop: int) -> pa.RecordBatch:
    rows = [
        {"uri": f"s3://b/{n}", "etag": f"e{n}", "size": n, "width": n % 7 or None, "sha256": None}
        for n in range(start, stop)
    ]
    return pa.RecordBatch.from_pylist(rows, LEFT)


@pytest.fixture(params=["local", "s3"])
def run(request, tmp_path):
    return f"{request.getfixturevalue('bucket')}/run" if request.param == "s3" else str(tmp_path / "run")


def test_what_was_written_in_parts_is_read_in_parts(run, monkeypatch):
    monkeypatch.setattr(catalogue_file, "ROWS", 10)
    with CatalogueWriter(run) as file:
        for start in range(0, 33, 4):
            file.add(images(start, min(start + 4, 33)))
        file.store({"images": 40, "new": 33, "known": 7})
    with opened(run) as saved:
        assert saved.most == 33
        for _ in range(2):
            parts = list(saved.parts())
            assert len(parts) > 1
            assert pa.concat_tables(parts).equals(pa.Table.from_batches([images(0, 33)]))
        assert pa.concat_tables(saved.parts(["size"])).to_pydict() == {"size": list(range(33))}
    assert counts(run) == {"images": 40, "new": 33, "known": 7}


def test_nothing_left_is_a_file_too(run):
    with CatalogueWriter(run) as file:
        file.store({"images": 1, "new": 0, "known": 1})
    with opened(run) as saved:
        assert (saved.most, [len(part) for part in saved.parts()]) == (0, [])


def test_one_that_is_not_stored_leaves_nothing(run):
    with CatalogueWriter(run) as file:
        file.add(images(0, 3))
    assert list(storage.listing(run)) == []


def test_a_run_without_a_catalogue_has_none(run):
    with pytest.raises(FileNotFoundError):
        counts(run)
    with pytest.raises(FileNotFoundError), opened(run):
        pass


def test_one_of_an_earlier_release_has_what_was_decided_too(run):
    """Its rows with an outcome are passed over, and counted."""
    rows = [{"uri": f"s3://b/{n}", "etag": "e", "size": n, "outcome": "known" if n % 3 else None} for n in range(8)]
    buffer = BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, CATALOGUE), buffer, row_group_size=5)
    storage.write(f"{run}/catalogue.parquet", buffer.getvalue())
    assert counts(run) == {"images": 8, "new": 3, "known": 5}
    with opened(run) as saved:
        assert [part["size"].to_pylist() for part in saved.parts()] == [[0, 3], [6]]
        assert {tuple(part.column_names) for part in saved.parts(["uri", "size"])} == {("uri", "size")}


def test_rows_are_references():
    row = {"uri": "s3://b/1", "etag": "e", "size": 5, "sha256": "ff", "width": 8, "height": 6, "task": 3, "frame": 4}
    (ref,) = references(pa.Table.from_pylist([row], LEFT))
    assert ref == ImageRef("s3://b/1", 5, "e", 8, 6, "ff", 3, 4)


def test_the_file_may_be_read_by_the_group_alone(tmp_path):
    with CatalogueWriter(str(tmp_path)) as file:
        file.store({"images": 0, "new": 0})
    assert [oct(path.stat().st_mode & 0o777) for path in Path(tmp_path).iterdir()] == ["0o640", "0o640"]
