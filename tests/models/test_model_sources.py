from __future__ import annotations

from pathlib import Path

import pytest

from firstpass.errors import FirstpassError
from firstpass.models.model_sources import ModelSource, make_source, read_sources
from firstpass.settings import settings

COMMITTED = Path(__file__).resolve().parents[2] / "models.yaml"


@pytest.fixture
def sources(store_folder):
    def write(text: str) -> list[ModelSource]:
        Path(settings().model_sources).write_text(text)
        return read_sources()

    return write


def test_no_file_and_an_empty_list_are_no_sources(store_folder, sources):
    assert read_sources() == []
    assert sources("") == []
    assert sources("sources:\n") == []
    assert sources("sources: []\n") == []


def test_every_field(sources):
    text = """
sources:
  - name: cats
    source: s3://training/cats runs/
    connection: aws_training
    options: {threshold: 0.6}
  - {name: plants, source: /mnt/plants}
"""
    assert sources(text) == [
        ModelSource("cats", "s3://training/cats runs", "aws_training", {"threshold": 0.6}),
        ModelSource("plants", "/mnt/plants"),
    ]


def test_the_example_in_the_committed_file_is_one(sources):
    lines = COMMITTED.read_text().splitlines()
    example = [line[2:] for line in lines[lines.index("# sources:") :] if line.startswith("# ")]
    assert [source.name for source in sources("\n".join(example))] == ["cats", "plants"]
    assert sources(COMMITTED.read_text()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sources: [", "is not YAML"),
        ("sources: cats", "holds 'cats', not a list"),
        ("sources: [cats]", "entry 1: 'cats' is no source"),
        ("sources: [{name: cats, source: /a}, {name: cats, src: /b}]", "entry 2: unknown key 'src'"),
        ("sources: [{name: cats}]", "entry 1: source is None"),
        ("sources: [{name: 7, source: /a}]", "entry 1: name is 7"),
        ("sources: [{name: ../x, source: /a}]", "entry 1: '../x' cannot name a model"),
        ("sources: [{name: x, source: 's3://'}]", "entry 1: 's3://' is no S3 address"),
        ("sources: [{name: x, source: 's3://b/../c'}]", "is no S3 address"),
        ("sources: [{name: x, source: 'http://b/c'}]", "is neither s3:// nor a folder"),
        ("sources: [{name: x, source: /a, options: [1]}]", "entry 1: connection or options do not fit"),
    ],
)
def test_what_does_not_fit_is_told_with_entry_and_value(sources, text, message):
    with pytest.raises(FirstpassError) as caught:
        sources(text)
    assert "models.yaml" in caught.value.problem
    assert message in caught.value.problem


def test_a_folder_may_be_relative_or_a_file_uri(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert make_source("x", "artifacts").uri == str(tmp_path / "artifacts")
    assert make_source("x", "file:///mnt/a%20b").uri == "/mnt/a b"


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("s3://b", "s3://b"),
        ("s3://b/", "s3://b"),
        ("s3://b/a/", "s3://b/a"),
        ("s3://b/a b/#1?", "s3://b/a b/#1?"),
        ("s3://b/..a/b.", "s3://b/..a/b."),
    ],
)
def test_addresses_in_object_storage(uri, found):
    assert make_source("x", uri) == ModelSource("x", found, "", {})


@pytest.mark.parametrize("uri", ["s3://", "s3:///a", "s3://b/.", "s3://b/..", "s3://b/a/./c", "s3://b/../c"])
def test_what_is_no_address_in_object_storage(uri):
    with pytest.raises(FirstpassError, match="is no S3 address"):
        make_source("x", uri)


@pytest.mark.parametrize("uri", ["gs://b/a", "https://host/a", "S3://b/a"])
def test_other_schemes_are_not_known(uri):
    with pytest.raises(FirstpassError, match="is neither s3:// nor a folder"):
        make_source("x", uri)


def test_a_long_address_is_cut_off_in_the_message():
    for scheme in ("gs", "s3"):
        with pytest.raises(FirstpassError) as caught:
            make_source("x", f"{scheme}://b/../{'x' * 1000}")
        assert len(caught.value.problem) < 300


def test_a_list_without_its_heading_is_one_too(sources):
    assert [source.name for source in sources("[{name: cats, source: /a}]")] == ["cats"]
    assert sources("[{name: cats, connection: , options: , source: /a}]") == [ModelSource("cats", "/a")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sources: []\nmore: 1", "not a list"),
        ("7", "holds 7, not a list"),
        ("sources: [{name: x, source: /a, connection: 7}]", "connection or options do not fit"),
        ("sources: [{name: x, source: /a}, 7]", "entry 2: 7 is no source"),
        ("sources: [{source: /a}]", "entry 1: name is None"),
    ],
)
def test_other_forms_are_told(sources, text, message):
    with pytest.raises(FirstpassError) as caught:
        sources(text)
    assert message in caught.value.problem
    assert caught.value.fix


def test_bytes_that_are_no_text_are_no_yaml(store_folder):
    Path(settings().model_sources).write_bytes(b"sources: \xff")
    with pytest.raises(FirstpassError, match="is not YAML"):
        read_sources()
