from __future__ import annotations

import json

import pytest

from firstpass.errors import FirstpassError
from firstpass.models.label_maps import parse


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("label_map.json", '{"label_map": {"1": "cat", "2": "it\'s \\"red\\""}}'),
        ("label_map.json", '\ufeff{"1": "cat", "2": "it\'s \\"red\\""}'),
        ("label_map.pbtxt", "item {\n id: 1\n name: 'cat'\n}\nitem {\n id: 2\n name: 'it\\'s \"red\"'\n}\n"),
        (
            "label_map.pbtxt",
            '# ours\nitem { name: "cat" id: 1 display_name: "Cat" } item { id: 2, name: "it\'s \\"red\\"" }',
        ),
    ],
)
def test_both_forms_say_the_same(name, data):
    assert parse(data.encode(), name) == {1: "cat", 2: 'it\'s "red"'}


def test_names_are_compared_in_one_unicode_form():
    assert parse("item { id: 1 name: 'cafe\u0301' }".encode(), "label_map.pbtxt") == {1: "café"}
    assert parse(rb"item { id: 1 name: 'caf\303\251' }", "label_map.pbtxt") == {1: "café"}


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("label_map.json", b"{", "is not JSON"),
        ("label_map.json", b"[" * 100_000, "is not JSON"),
        ("label_map.json", b"[1, 2]", "holds no object"),
        ("label_map.json", b'{"label_map": ["cat"]}', "holds no object"),
        ("label_map.json", b'{"label_map": {"one": "cat"}}', "entry 'one': 'cat'"),
        ("label_map.json", b'{"label_map": {"1": 2}}', "entry '1': 2"),
        ("label_map.json", b'{"1": "cat", "1": "dog"}', "id 1 is there twice, as 'cat' and as 'dog'"),
        ("label_map.pbtxt", b"item { id: one }", "is not a label map"),
        ("label_map.pbtxt", b"item { id: 1", "is not a label map"),
        ("label_map.pbtxt", b"\xff", "is not UTF-8"),
    ],
)
def test_what_is_no_label_map_is_told(name, data, message):
    with pytest.raises(FirstpassError) as caught:
        parse(data, name)
    assert name in caught.value.problem
    assert message in caught.value.problem


def test_ids_are_what_they_say():
    assert parse(b'{"10": "a", "2": "b", "0": "c"}', "label_map.json") == {10: "a", 2: "b", 0: "c"}
    assert parse(b'{"12345678901": "a"}', "label_map.json") == {12345678901: "a"}


@pytest.mark.parametrize("key", ["", "-1", "1.0", " 1", "\u0663"])
def test_what_is_no_id(key):
    with pytest.raises(FirstpassError, match="is not an id and a name"):
        parse(json.dumps({key: "cat"}).encode(), "label_map.json")


def test_one_class_called_label_map_is_a_class():
    assert parse(b'{"1": "label_map"}', "label_map.json") == {1: "label_map"}
    with pytest.raises(FirstpassError, match="entry 'label_map'"):
        parse(b'{"label_map": {"1": "cat"}, "2": "dog"}', "label_map.json")


def test_an_empty_map_says_nothing():
    assert parse(b"{}", "label_map.json") == parse(b'{"label_map": {}}', "label_map.json") == {}
    assert parse(b"", "label_map.pbtxt") == {}


def test_a_repeated_id_in_protobufs_text_is_told():
    with pytest.raises(FirstpassError, match="id 1 is there twice, as 'cat' and as 'dog'"):
        parse(b"item { id: 1 name: 'cat' } item { id: 1 name: 'dog' }", "label_map.pbtxt")
