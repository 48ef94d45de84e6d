"""A graph that is loaded once and run from many threads."""

import gc

import numpy as np
import pytest
from tensorflow.core.framework.graph_pb2 import GraphDef

from firstpass.errors import FirstpassError
from firstpass.models.detectors.tfod.graph_view import add_constant, add_node
from firstpass.models.detectors.tfod.session import GraphSession, tf

FLOAT = 1


def doubling():
    made = GraphDef()
    add_node(made, "x", "Placeholder", dtype=FLOAT)
    add_constant(made, "two", np.float32(2))
    add_node(made, "twice", "Mul", ["x", "two"], T=FLOAT)
    return made


def test_inputs_and_outputs_are_named_by_node_or_tensor(tmp_path):
    session = GraphSession(doubling(), tmp_path)
    for feed, fetch in (("x", "twice"), ("x:0", "twice:0")):
        (found,) = session.callable([feed], [fetch])(np.float32([1, 2]))
        assert found.tolist() == [2, 4]
    both = session.callable(["x"], ["twice", "two"])(np.float32(3))
    assert [float(value) for value in both] == [6, 2]


def test_a_graph_that_tensorflow_refuses_is_named(tmp_path):
    made = doubling()
    add_node(made, "broken", "Mul", ["x", "gone"], T=FLOAT)
    with pytest.raises(FirstpassError, match=str(tmp_path)) as caught:
        GraphSession(made, tmp_path)
    assert "TensorFlow refuses" in caught.value.fix


@pytest.mark.parametrize(("cores", "gpus", "streams"), [(1, 0, 1), (2, 0, 2), (64, 0, 2), (64, 1, 1)])
def test_two_batches_keep_a_processor_busy_and_one_a_gpu(tmp_path, monkeypatch, cores, gpus, streams):
    configured = []
    monkeypatch.setattr("firstpass.models.detectors.tfod.session.usable_cores", lambda: cores)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"] * gpus)
    monkeypatch.setattr(tf.compat.v1, "Session", lambda graph, config: configured.append(config))
    assert GraphSession(doubling(), tmp_path).streams == streams
    (config,) = configured
    assert config.intra_op_parallelism_threads == cores // streams
    assert config.inter_op_parallelism_threads == min(cores, 2)
    assert config.allow_soft_placement is True
    assert config.gpu_options.allow_growth is True


def test_variables_that_are_missing_are_named_in_one_line(tmp_path):
    made = GraphDef()
    add_node(made, "file", "Placeholder", dtype=7)
    for name, value in (("names", np.array([b"w"])), ("slices", np.array([b""]))):
        add_constant(made, name, value)
    restore = add_node(made, "restore", "RestoreV2", ["file", "names", "slices"])
    restore.attr["dtypes"].list.type.append(FLOAT)
    with pytest.raises(FirstpassError) as caught:
        GraphSession(made, tmp_path / "saved_model.pb").restore("restore", "file:0", tmp_path / "variables")
    assert caught.value.problem.startswith(f"{tmp_path / 'variables'}.*: ")
    assert "\n" not in caught.value.problem
    assert "with its variables" in caught.value.fix


def test_garbage_is_collected_as_before():
    assert gc.isenabled()
