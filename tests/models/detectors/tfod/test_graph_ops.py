"""The operations that a graph may consist of: they exist, they only compute, and files have no names among them."""

import pytest

from firstpass.models.detectors.tfod.graph_ops import FROZEN, SAVER, SERVING

STRING = 7  # TensorFlow's types.proto


def definition(op):
    from tensorflow.python.framework import op_def_registry

    return op_def_registry.get(op)


def test_allowed_operations_exist():
    assert not [op for op in SAVER if definition(op) is None]


def test_nothing_that_is_allowed_to_serve_takes_the_name_of_a_file():
    names = {"filename", "memory_region_name", "debug_urls", "output_stream", "token", "target"}
    for op in SERVING:
        assert not [argument.name for argument in definition(op).input_arg if argument.type == STRING], op
        assert not names & {attribute.name for attribute in definition(op).attr}, op


def test_each_list_adds_to_the_one_before():
    assert FROZEN < SERVING < SAVER
    assert {
        "Assign", "AssignVariableOp", "DisableCopyOnRead", "ReadVariableOp", "VarHandleOp", "VarIsInitializedOp",
        "Variable", "VariableV2",
    } == SERVING - FROZEN  # fmt: skip
    assert {
        "MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename", "StaticRegexFullMatch", "StringJoin",
    } == SAVER - SERVING  # fmt: skip


@pytest.mark.parametrize(
    "op",
    [
        "ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "EagerPyFunc", "PyFuncStateless", "Print", "PrintV2",
        "RemoteCall", "ImmutableConst", "LoadDataset", "DebugIdentityV2", "TFRecordReader", "XlaHostCompute",
        "TensorSummary", "WriteSummary", "DecodeJpeg", "Send", "Recv",
    ],
)  # fmt: skip
def test_what_reaches_out_of_the_graph_is_not_even_the_savers(op):
    assert op not in SAVER
