"""Graphs compute; what reaches for files, the network or Python is refused by name before it is imported."""

import pytest
import tensorflow as tf

from firstpass.errors import FirstpassError
from fixtures import graphs
from fixtures.detecting import load

ANSWER = graphs.fixed_answer([[0, 0, 1, 1]], [1], [1])


def refusal(folder):
    with pytest.raises(FirstpassError) as caught:
        load(folder)
    return caught.value.problem


@pytest.mark.parametrize(
    ("op", "add"),
    [
        ("ReadFile", lambda: tf.io.read_file("/etc/passwd")),
        ("WriteFile", lambda: tf.io.write_file("/tmp/left-behind", "x")),
        ("MatchingFiles", lambda: tf.io.matching_files("/*")),
        ("PrintV2", lambda: tf.raw_ops.PrintV2(input="x", output_stream="file:///tmp/left")),
        ("PyFunc", lambda: tf.compat.v1.py_func(lambda: 1, [], tf.int64)),
        ("EagerPyFunc", lambda: tf.py_function(lambda: 1, [], tf.int64)),
        ("SaveV2", lambda: tf.raw_ops.SaveV2(prefix="p", tensor_names=["a"], shape_and_slices=[""], tensors=[1.0])),
        (
            "RestoreV2",
            lambda: tf.raw_ops.RestoreV2(prefix="p", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.int8]),
        ),
        (
            "ImmutableConst",
            lambda: tf.raw_ops.ImmutableConst(dtype=tf.int8, shape=[1], memory_region_name="/etc/passwd"),
        ),
        ("RemoteCall", lambda: remote_call()),
    ],
)
def test_operations_that_reach_out_are_refused_even_where_nothing_reads_them(tmp_path, op, add):
    def build():
        ANSWER()
        with tf.name_scope("quiet"):
            add()

    problem = refusal(graphs.frozen(tmp_path, build))
    assert f"of operation '{op}', which is not allowed" in problem
    assert "node 'quiet/" in problem
    assert str(tmp_path / "frozen_inference_graph.pb") in problem


def remote_call():
    function = tf.function(lambda: tf.constant(1)).get_concrete_function()
    function.add_to_graph()
    tf.raw_ops.RemoteCall(target="/job:elsewhere", args=[tf.constant(1)], Tout=[tf.int32], f=function)


def test_functions_are_looked_into(tmp_path):
    @tf.function
    def reads(name):
        return tf.strings.length(tf.io.read_file(name))

    def build():
        ANSWER()
        reads(tf.constant("/etc/passwd"))

    assert "is of operation 'ReadFile'" in refusal(graphs.frozen(tmp_path, build))


def test_custom_operations_are_refused_and_no_library_is_loaded(tmp_path):
    folder = graphs.frozen(tmp_path, ANSWER)
    graph_def = tf.compat.v1.GraphDef.FromString((folder / "frozen_inference_graph.pb").read_bytes())
    graph_def.node.add(name="own", op="OurVeryOwn")
    (folder / "frozen_inference_graph.pb").write_bytes(graph_def.SerializeToString())
    (folder / "ops.so").write_bytes(b"\x7fELF")
    assert "node 'own' is of operation 'OurVeryOwn'" in refusal(folder)
