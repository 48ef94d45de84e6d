"""From a task in CVAT to drafts in the same task, through real Airflow, PostgreSQL and TensorFlow."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from doubles.cvat import Frame

SAMPLES = Path(__file__).resolve().parents[2] / "include" / "samples"

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

PICTURES = ("astronaut.png", "chelsea.png", "horse.png", "flower.jpg")


@pytest.fixture
def task(cvat):
    """Four photographs in two jobs; a person has begun with the third."""
    frames = [Frame(name, (SAMPLES / name).read_bytes()) for name in PICTURES]
    labels = [{"name": name, "type": "rectangle"} for name in ("Person", "cat", "horse")]
    task = cvat.state.add_task("night", labels=labels, frames=frames, chunk_size=2, segment_size=2)
    cvat.state.draw(task, 2, "horse", [10.0, 10.0, 90.0, 90.0])
    return task


def drafted(task) -> set[tuple[int, str]]:
    names = {label.id: label.name for label in task.labels}
    return {(shape["frame"], names[shape["label_id"]]) for shape in task.shapes.values() if shape["source"] == "auto"}


def test_a_task_is_drafted_and_drafted_only_once(stack, cvat, task):
    first = stack.run("--images", f"cvat:task/{task.id}", "--publish", timeout=400)
    assert first["images"] == 3, "the frame that a person works on is left alone"
    assert drafted(task) == {(0, "Person"), (1, "cat")}
    (published,) = first["publication"]["tasks"]
    assert (published["state"], published["shapes"], published["lost"]) == ("published", 2, 0)
    assert published["left_alone"] == {"a person works on it": 1}
    assert published["url"] == f"{cvat.url}/tasks/{task.id}"

    shapes = dict(task.shapes)
    second = stack.run("--images", f"cvat:task/{task.id}", "--publish", timeout=400)
    assert second["skipped_known"] == 3
    assert second["publication"]["shapes"] == 0
    assert task.shapes == shapes

    done = stack("cvat", "publish", "latest", "--threshold", "0.7")
    assert done.returncode == 0, done.stderr
    assert drafted(task) == {(0, "Person")}, "the cat is not that certain"
    refused = stack("cvat", "publish", "latest", "--threshold", "0.1")
    assert refused.returncode == 2
    assert "below the floor 0.2" in refused.stderr
    assert json.loads(stack("cvat", "publish", "latest", "--json").stdout)["shapes_in_task"] == 2
    assert drafted(task) == {(0, "Person"), (1, "cat")}

    preview = json.loads(stack("cvat", "preview", "latest", "--json").stdout)
    assert preview["tasks"][0]["left_alone"] == {"a person works on it": 1, "published already": 3}
    for kind in ("coco", "cvat", "datumaro"):
        done = stack("export", "--format", kind, "--out", stack.home / "export" / kind)
        assert json.loads(done.stdout)["annotations"] == 2, done.stderr
    withdrawn = json.loads(stack("cvat", "withdraw", "latest", "--json").stdout)
    assert (withdrawn["removed"], withdrawn["kept"], withdrawn["gone"]) == (2, 0, 0)
    assert drafted(task) == set()
    assert len(task.shapes) == 1, "the person's own is still there"


def test_the_token_is_written_nowhere(stack, cvat):
    """Neither in logs nor in reports, nor in XCom, rendered templates or anything else in the databases."""
    files = [path for path in stack.home.rglob("*") if path.is_file()]
    assert {"report.html", "attempt=1.log"} <= {path.name for path in files}
    assert [path for path in files if cvat.token.encode() in path.read_bytes()] == []

    warehouse = stack("sql", "--dsn").stdout.strip()
    for dsn, table in (
        (warehouse, "shape_ledger"),
        (warehouse.replace("/firstpass?", "/airflow?"), "rendered_task_instance_fields"),
    ):
        with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT relname, oid::regclass FROM pg_class WHERE relkind = 'r' AND relpersistence = 'p'")
            tables = dict(cursor.fetchall())
            assert table in tables
            for name in tables.values():
                cursor.execute(f"SELECT count(*) FROM {name} AS row WHERE row::text LIKE %s", [f"%{cvat.token}%"])
                assert cursor.fetchone() == (0,), name


def test_a_task_that_cannot_be_drafted_is_said_in_one_line(stack, cvat):
    film = cvat.state.add_task("film", labels=["person"], frames=[b""], mode="interpolation")
    done = stack("run", "--images", f"cvat:task/{film.id}", "--publish", timeout=400)
    assert done.returncode == 2
    assert f"firstpass: task {film.id} (film) is a video\n  What to do: " in done.stderr
