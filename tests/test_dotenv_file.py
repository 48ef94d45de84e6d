"""`.env` is read as people mean it, or refused with file, line and what to do; never with the value."""

from __future__ import annotations

import pytest

from firstpass.dotenv_file import read
from firstpass.errors import FirstpassError


@pytest.fixture
def file(tmp_path):
    return tmp_path / ".env"


def values(file, text: str | bytes) -> dict[str, str]:
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return {name: entry.value for name, entry in read(file).items()}


@pytest.mark.parametrize(
    "line",
    [
        "WORKERS=2",
        "WORKERS=2\r\n",
        "\ufeffWORKERS=2\n",
        "export WORKERS=2",
        "export\tWORKERS=2",
        "  WORKERS = 2  ",
        "WORKERS=2  # two GPUs",
        'WORKERS="2"',
        "WORKERS='2'  # two GPUs\r\n",
        "# how many\n\nWORKERS=2\nWORKERS=2\n",
    ],
)
def test_one_value_however_it_is_written(file, line):
    assert values(file, line) == {"WORKERS": "2"}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("", ""),
        ("   # none", ""),
        ("0 2 * * *", "0 2 * * *"),
        ('"0 2 * * *"', "0 2 * * *"),
        ('{"conn_type": "http", "password": "a#b"}', '{"conn_type": "http", "password": "a#b"}'),
        ('\'{"host": "a # b"}\'', '{"host": "a # b"}'),
        ('"two\nlines"', "two\nlines"),
        ("a=b=", "a=b="),
        ("'${NOBODY}'", "${NOBODY}"),
        ("${NOBODY:-else}", "else"),
        ("$HOME", "$HOME"),
    ],
)
def test_values_are_taken_as_they_stand(file, written, value):
    assert values(file, f"NAME={written}\nNEXT=1\n") == {"NAME": value, "NEXT": "1"}


def test_a_reference_is_to_the_lines_above_then_to_the_environment(file, monkeypatch):
    monkeypatch.setenv("BUCKET", "outside")
    monkeypatch.setenv("REGION", "north")
    found = values(file, "BUCKET=photos\nSTORAGE=s3://${BUCKET}/${REGION}\n")
    assert found["STORAGE"] == "s3://photos/north"


def test_no_file_is_an_empty_one(file):
    assert read(file) == {}
    assert values(file, "") == values(file, "\r\n# nothing\r\n") == {}


def test_lines_are_counted_as_an_editor_counts_them(file):
    file.write_bytes(b"# first\r\n\r\nA=1\r\nB='two\r\nlines'\r\n\r\n  C=3\r\n")
    assert {name: entry.line for name, entry in read(file).items()} == {"A": 3, "B": 4, "C": 7}


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("A=1\nhunter2\n", 2, "is not NAME=value"),
        ("A=1\n\nexport PASSWORD\n", 3, "is not NAME=value"),
        ("PORT: hunter2\n", 1, "is not NAME=value"),
        ("1ST=hunter2\n", 1, "is not NAME=value"),
        ("=hunter2\n", 1, "is not NAME=value"),
        ('A=1\nPASSWORD="hunter2\n', 2, "the quotes around the value of PASSWORD do not end"),
        ("PASSWORD='hunter2' and\n", 1, "the quotes around the value of PASSWORD do not end, or more follows"),
        ("PASSWORD=#hunter2\n", 1, "the value of PASSWORD begins with #"),
        ("\nPASSWORD=hunter2${NOBODY}\n", 2, "the value of PASSWORD refers to NOBODY, which is not set"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_with_its_line(file, text, line, problem):
    with pytest.raises(FirstpassError) as caught:
        values(file, text)
    assert f"{file}, line {line}" in caught.value.problem
    assert problem in caught.value.problem
    assert caught.value.fix
    assert "hunter2" not in str(caught.value)


def test_a_name_with_two_values_shows_both_lines(file):
    with pytest.raises(FirstpassError, match="two values for PASSWORD, in lines 1 and 3") as caught:
        values(file, "PASSWORD=hunter2\n\nPASSWORD=hunter3\n")
    assert "hunter" not in str(caught.value)


def test_what_cannot_be_read_is_named(file):
    with pytest.raises(FirstpassError, match=r"\.env cannot be read: it is not UTF-8"):
        values(file, "NAME=1\n".encode("utf-16"))
    file.unlink()
    file.mkdir()
    with pytest.raises(FirstpassError, match=r"\.env cannot be read: Is a directory"):
        read(file)


def test_a_value_is_not_shown(file):
    file.write_text("PASSWORD=hunter2\n")
    assert "hunter2" not in repr(read(file))
