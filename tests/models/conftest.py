"""A model store of the test's own, and models small enough to be judged in a moment."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from firstpass import storage
from firstpass.settings import settings


@pytest.fixture
def store_folder(tmp_path, monkeypatch) -> Path:
    """An empty model store, storage and cache, and no sources configured; `settings()` names them."""
    for name in ("models", "storage", "cache"):
        monkeypatch.setenv(f"FIRSTPASS_{name.upper()}", str(tmp_path / name))
    monkeypatch.setenv("FIRSTPASS_MODEL_SOURCES", str(tmp_path / "models.yaml"))
    monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", "postgresql://nobody@127.0.0.1:1/none")
    settings.cache_clear()
    (tmp_path / "models").mkdir()
    yield tmp_path / "models"
    settings.cache_clear()


@pytest.fixture(scope="session")
def tiny_graph(tmp_path_factory) -> Path:
    """A frozen graph that finds class 1 at the left and class 2 at the right of any image: sound, and 1 kB small."""
    return write_graph(tmp_path_factory.mktemp("tiny") / "frozen_inference_graph.pb")


@pytest.fixture
def model(tmp_path, tiny_graph) -> Path:
    """A folder as TFOD training leaves it, of a network with the classes cat and dog."""
    return make_model(tmp_path / "artifacts", tiny_graph)


@pytest.fixture
def bucket(s3_endpoint):
    """The URI of a bucket on a real socket; `storage.s3()` is its client."""
    from doubles.s3 import s3_bucket

    with s3_bucket(s3_endpoint) as uri:
        yield uri


@pytest.fixture(scope="session")
def s3_endpoint():
    from doubles.s3 import s3_server

    with s3_server() as endpoint:
        yield endpoint


def make_model(folder: Path, graph: Path) -> Path:
    folder.mkdir(parents=True)
    shutil.copy(graph, folder)
    (folder / "classes.csv").write_bytes(b"labels\r\ncat\r\ndog\r\n")
    (folder / "label_map.json").write_text('{"label_map": {"1": "cat", "2": "dog"}}')
    (folder / "checkpoint").write_text("training's own, of no use here")
    return folder


def write_graph(
    path: Path, boxes=((0.1, 0.1, 0.9, 0.4), (0.1, 0.6, 0.9, 0.9)), scores=(0.9, 0.8), classes=(1, 2)
) -> Path:
    """A TFOD export whose answer is the same for every image."""
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        images = tf.compat.v1.placeholder(tf.uint8, [None, None, None, 3], name="image_tensor")
        batch = tf.shape(images)[0]
        tf.tile(tf.constant([boxes], tf.float32), [batch, 1, 1], name="detection_boxes")
        tf.tile(tf.constant([scores], tf.float32), [batch, 1], name="detection_scores")
        tf.tile(tf.constant([classes], tf.float32), [batch, 1], name="detection_classes")
        tf.tile(tf.constant([float(len(scores))]), [batch], name="num_detections")
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


def upload(folder: Path, uri: str) -> None:
    """Every file below `folder` to the prefix `uri`."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        storage.s3().upload_file(str(path), bucket, f"{prefix}/{path.relative_to(folder).as_posix()}")


def tree(folder: Path) -> dict[str, bytes]:
    """Every visible file below, with its content: what a store holds, for comparison."""
    files = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: path.read_bytes() for name, path in sorted(named.items()) if not name.startswith(".")}
