"""label_map.json and label_map.pbtxt: what TF Object Detection API training says the ids mean, beside classes.csv."""

from __future__ import annotations

import json
import reprlib
from functools import lru_cache
from typing import Any

from firstpass.errors import FirstpassError
from firstpass.models.classes_csv import cleaned
from firstpass.models.text_files import decode_text

_AGAIN = "copy it again from the training run, or remove it: classes.csv is what counts"


def parse(data: bytes, name: str) -> dict[int, str]:
    """Class id → name as a label map says, names in Unicode NFC; `name` ends in .json or .pbtxt.

    Raises FirstpassError naming the file, and the entry where there is one, for what is not a label map.
    """
    text = decode_text(data, name)
    entries = _from_json(text, name) if name.endswith(".json") else _from_pbtxt(text, name)
    names: dict[int, str] = {}
    for id_, label in entries:
        if id_ in names:
            raise FirstpassError(f"{name}: id {id_} is there twice, as {names[id_]!r} and as {label!r}", _AGAIN)
        names[id_] = cleaned(label)
    return names


def _from_json(text: str, name: str) -> list[tuple[int, str]]:
    """{"label_map": {"1": "person", …}}, or the inner object alone. Pairs, so that a repeated key is seen."""
    try:
        raw: Any = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        raise FirstpassError(f"{name}: is not JSON: {error}", _AGAIN) from error
    pairs = raw[0][1] if _is_pairs(raw) and len(raw) == 1 and raw[0][0] == "label_map" else raw
    if not _is_pairs(pairs):
        raise FirstpassError(f"{name}: holds no object of ids and names", _AGAIN)
    for key, value in pairs:
        if not (key.isascii() and key.isdigit() and isinstance(value, str)):
            raise FirstpassError(
                f"{name}: entry {reprlib.repr(key)}: {reprlib.repr(value)} is not an id and a name", _AGAIN
            )
    return [(int(key[:11]), value) for key, value in pairs]


def _is_pairs(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(pair, tuple) for pair in value)


def _from_pbtxt(text: str, name: str) -> list[tuple[int, str]]:
    """`item { id: 1 name: "person" display_name: "Person" }`, read by protobuf; display_name is not looked at."""
    from google.protobuf import text_format  # type: ignore[import-untyped]

    try:
        label_map = text_format.Parse(text, _label_map_class()(), allow_unknown_field=True)
    except text_format.ParseError as error:
        raise FirstpassError(f"{name}: is not a label map: {error}", _AGAIN) from error
    return [(item.id, item.name) for item in label_map.item]


@lru_cache(maxsize=1)
def _label_map_class() -> Any:
    """The two fields of the API's StringIntLabelMap that matter, as a message class."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="firstpass_label_map.proto", package="firstpass")
    item = file.message_type.add(name="Item")
    item.field.add(name="name", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    item.field.add(name="id", number=2, type=field.TYPE_INT32, label=field.LABEL_OPTIONAL)
    label_map = file.message_type.add(name="LabelMap")
    label_map.field.add(
        name="item", number=1, type=field.TYPE_MESSAGE, type_name=".firstpass.Item", label=field.LABEL_REPEATED
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("firstpass.LabelMap"))
