"""Graphs are read from their files as protobuf, and what is no detector's graph is told before TensorFlow sees it."""

import pytest
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from firstpass.errors import FirstpassError
from firstpass.models.detectors.tfod.graph_file import read_frozen, read_saved
from firstpass.models.detectors.tfod.graph_view import add_node
from fixtures.graphs import OUTPUTS

FLOAT, UINT8, STRING = 1, 4, 7
ANY, ONE = [-1, -1, -1, 3], [1, -1, -1, 3]


def graph(image="image_tensor", shape=tuple(ANY), dtype=UINT8, outputs=OUTPUTS):
    """A graph whose outputs are the image itself: enough to be read."""
    made = GraphDef()
    node = add_node(made, image, "Placeholder", dtype=dtype)
    if shape is None:
        node.attr["shape"].shape.unknown_rank = True
    else:
        for size in shape:
            node.attr["shape"].shape.dim.add(size=size)
    for name in outputs:
        add_node(made, name, "Identity", [image], T=dtype)
    return made


def frozen(folder, made, name="frozen_inference_graph.pb"):
    (folder / name).write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    return folder


def saved(
    folder, change=lambda meta, signature: None, shape=tuple(ANY), dtype=UINT8, outputs=OUTPUTS, place="saved_model"
):
    """A SavedModel whose serving signature is `graph`; `change` it before it is written."""
    model = SavedModel()
    meta = model.meta_graphs.add()
    meta.meta_info_def.tags.append("serve")
    meta.graph_def.CopyFrom(graph("serve_images", shape, dtype))
    signature = meta.signature_def["serving_default"]
    signature.inputs["input_tensor"].name = "serve_images:0"
    signature.inputs["input_tensor"].dtype = dtype
    for size in shape:
        signature.inputs["input_tensor"].tensor_shape.dim.add(size=size)
    for name in outputs:
        signature.outputs[name].name = f"{name}:0"
    change(meta, signature)
    (folder / place).mkdir(parents=True, exist_ok=True)
    (folder / place / "saved_model.pb").write_bytes(model.SerializeToString())
    return folder


def refusal(read, folder):
    with pytest.raises(FirstpassError) as caught:
        read(folder)
    assert caught.value.fix
    assert str(folder) in caught.value.problem
    return caught.value.problem


def test_a_frozen_graph_with_its_input_and_outputs(tmp_path):
    file = read_frozen(frozen(tmp_path, graph()))
    assert file.path == tmp_path / "frozen_inference_graph.pb"
    assert file.image == "image_tensor:0"
    assert file.outputs == {name: f"{name}:0" for name in OUTPUTS}
    assert (file.one_a_batch, file.restore) == (False, None)
    assert file.graph_def == graph()


def test_masks_are_an_output_where_there_are_some(tmp_path):
    file = read_frozen(frozen(tmp_path, graph(outputs=(*OUTPUTS, "detection_masks"))))
    assert list(file.outputs) == [*OUTPUTS, "detection_masks"]


def test_a_single_graph_may_have_any_name(tmp_path):
    assert read_frozen(frozen(tmp_path, graph(), "mine.pb")).path.name == "mine.pb"
    (tmp_path / "saved_model.pb").touch()
    assert read_frozen(tmp_path).path.name == "mine.pb", "a SavedModel is none"
    frozen(tmp_path, graph())
    assert read_frozen(tmp_path).path.name == "frozen_inference_graph.pb"


def test_a_folder_has_one_graph(tmp_path):
    assert "found no .pb file" in refusal(read_frozen, tmp_path)
    for name in ("b.pb", "a.pb"):
        (tmp_path / name).write_bytes(b"\x00")
    assert "found a.pb, b.pb" in refusal(read_frozen, tmp_path)


def test_text_is_no_graph(tmp_path):
    path = tmp_path / "frozen_inference_graph.pb"
    path.write_text('node {\n  name: "image_tensor"\n}\n')
    assert refusal(read_frozen, tmp_path) == f"{path}: is text, not a binary graph; it starts with 'node {{'"
    path.write_text("version https://git-lfs.github.com/spec/v1 and so on\n\tmore\r\n")
    assert "it starts with 'version https://git-lfs.github.com/spec/'" in refusal(read_frozen, tmp_path)


def test_a_graph_that_begins_like_text_is_read_all_the_same(tmp_path):
    """A first control character within the first 4096 bytes tells it apart."""
    assert read_frozen(frozen(tmp_path, graph(outputs=(*OUTPUTS, "x" * 3000))))


def test_a_truncated_graph_is_named_with_what_is_there_of_it(tmp_path, default_model):
    whole = (default_model / "frozen_inference_graph.pb").read_bytes()
    problem = refusal(read_frozen, frozen(tmp_path, whole[:100_000]))
    assert "truncated or damaged" in problem
    assert "(100000 bytes)" in problem


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"\x08\x01"])
def test_what_holds_no_graph_is_refused(tmp_path, content):
    assert "frozen_inference_graph.pb: " in refusal(read_frozen, frozen(tmp_path, content))


@pytest.mark.parametrize("missing", OUTPUTS)
def test_every_output_is_wanted(tmp_path, missing):
    outputs = [name for name in OUTPUTS if name != missing]
    assert f"the graph has no node '{missing}'" in refusal(read_frozen, frozen(tmp_path, graph(outputs=outputs)))
    assert f"has no output '{missing}'" in refusal(read_saved, saved(tmp_path, outputs=outputs))


def test_a_graph_without_image_tensor_is_refused(tmp_path):
    made = graph(image="encoded_image_string_tensor", dtype=STRING)
    assert "the graph has no node 'image_tensor'" in refusal(read_frozen, frozen(tmp_path, made))


@pytest.mark.parametrize(
    ("shape", "one"),
    [(ANY, False), (ONE, True), ([-1, -1, -1, -1], False), ([1, -1, -1, -1], True), ([], False)],
)
def test_images_of_any_size_alone_or_many_at_a_time(tmp_path, shape, one):
    assert read_frozen(frozen(tmp_path, graph(shape=shape))).one_a_batch is one
    assert read_saved(saved(tmp_path, shape=shape)).one_a_batch is one


def test_an_input_of_unknown_shape_takes_what_comes(tmp_path):
    assert read_frozen(frozen(tmp_path, graph(shape=None))).one_a_batch is False


@pytest.mark.parametrize(
    "shape",
    [[2, -1, -1, 3], [-1, 300, 300, 3], [-1, -1, 300, 3], [-1, 300, -1, 3], [-1, -1, -1, 1], [-1, -1, 3], [-1] * 5],
)
def test_an_input_of_another_shape_is_refused(tmp_path, shape):
    for read, folder in (
        (read_frozen, frozen(tmp_path, graph(shape=shape))),
        (read_saved, saved(tmp_path, shape=shape)),
    ):
        assert f"takes the shape {shape}, not [-1, -1, -1, 3]" in refusal(read, folder)


@pytest.mark.parametrize("dtype", [FLOAT, STRING, 0])
def test_an_input_of_other_numbers_is_refused(tmp_path, dtype):
    assert "input 'image_tensor' does not take uint8" in refusal(read_frozen, frozen(tmp_path, graph(dtype=dtype)))
    assert "input 'input_tensor' does not take uint8" in refusal(read_saved, saved(tmp_path, dtype=dtype))


def test_a_saved_model_is_its_serving_signature(tmp_path):
    def more(meta, signature):
        add_node(meta.graph_def, "of no use", "NoOp")

    file = read_saved(saved(tmp_path, more))
    assert file.path == tmp_path / "saved_model" / "saved_model.pb"
    assert file.image == "serve_images:0"
    assert file.outputs == {name: f"{name}:0" for name in OUTPUTS}
    assert file.restore is None
    assert file.variables == tmp_path / "saved_model" / "variables" / "variables"
    assert [node.name for node in file.graph_def.node] == ["serve_images", *OUTPUTS]


def test_the_folder_may_be_the_saved_model_itself(tmp_path):
    saved(tmp_path, place=".")
    assert read_saved(tmp_path).path == tmp_path / "saved_model.pb"


def test_variables_are_restored_by_what_the_saver_names(tmp_path):
    def with_variables(meta, signature):
        for name, op in (("w", "VarHandleOp"), ("file", "Placeholder"), ("restore", "NoOp"), ("other", "NoOp")):
            add_node(meta.graph_def, name, op)
        meta.saver_def.restore_op_name, meta.saver_def.filename_tensor_name = "restore", "file:0"

    file = read_saved(saved(tmp_path, with_variables))
    assert file.restore == ("restore", "file:0")
    assert {node.name for node in file.graph_def.node} == {"serve_images", *OUTPUTS, "restore", "file"}


def test_a_saver_without_variables_has_nothing_to_restore(tmp_path):
    def with_saver(meta, signature):
        add_node(meta.graph_def, "restore", "NoOp")
        meta.saver_def.restore_op_name = "restore"

    assert read_saved(saved(tmp_path, with_saver)).restore is None


def untagged(meta, signature):
    meta.meta_info_def.ClearField("tags")


def unsigned(meta, signature):
    del meta.signature_def["serving_default"]


def without_input(meta, signature):
    signature.inputs.clear()


def with_two_inputs(meta, signature):
    signature.inputs["x"].name = "serve_images:0"


def with_an_input_that_is_not_there(meta, signature):
    signature.inputs["input_tensor"].name = "gone:0"


def with_an_output_that_is_not_there(meta, signature):
    signature.outputs["detection_boxes"].name = "gone"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (untagged, "has no graph with the tag 'serve'"),
        (unsigned, "has no signature 'serving_default'; signatures: none"),
        (without_input, "wants one input, the images; it has none"),
        (with_two_inputs, "wants one input, the images; it has input_tensor, x"),
        (with_an_input_that_is_not_there, "names 'gone:0', which is not in the graph"),
        (with_an_output_that_is_not_there, "names 'gone', which is not in the graph"),
    ],
)
def test_a_signature_that_cannot_be_served(tmp_path, change, words):
    assert words in refusal(read_saved, saved(tmp_path, change))


def test_what_a_graph_may_not_do_is_refused_when_it_is_read(tmp_path):
    made = graph()
    add_node(made, "x", "ReadFile")
    assert "of operation 'ReadFile', which is not allowed" in refusal(read_frozen, frozen(tmp_path, made))
    folder = saved(tmp_path, lambda meta, signature: add_node(meta.graph_def, "x", "ReadFile"))
    assert "of operation 'ReadFile', which is not allowed" in refusal(read_saved, folder)


def test_no_saved_model(tmp_path):
    assert refusal(read_saved, tmp_path) == f"{tmp_path}: no saved_model.pb"
