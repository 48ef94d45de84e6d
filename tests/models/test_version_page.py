"""The Data Docs of a version: one page, with nothing in it that a browser would fetch or run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from firstpass.models import version_page
from firstpass.models.class_checks import ClassFindings
from firstpass.models.version_page import docs_uri, write_docs


@pytest.fixture
def page(stored, monkeypatch):
    """What the page says of a version with these fields and findings."""
    monkeypatch.setattr(version_page, "validation_html", lambda result: f"<table>{result}</table>")

    def write(findings: ClassFindings | None = None, **fields) -> str:
        version = stored(**fields)
        write_docs(version, findings or ClassFindings())
        return Path(docs_uri(version)).read_text("utf-8")

    return write


def test_it_lies_in_the_storage_below_its_version(stored, tmp_path):
    expected = tmp_path / "storage" / "models" / "pets" / "aaaaaaaaaaaa" / "data_docs" / "index.html"
    assert docs_uri(stored()) == str(expected)


def test_a_version_that_was_admitted(page):
    text = page(source="s3://training/<pets>")
    assert "<h1>pets@aaaaaaaaaaaa</h1>" in text
    assert '<p class="good">Admitted.</p>' in text
    assert "tfod_frozen_graph from s3://training/&lt;pets&gt;, decided 2026-01-01T00:00:00" in text
    assert "Why" not in text
    assert "Worth a look" not in text
    assert "default-src 'none'" in text


def test_a_version_that_was_refused_says_why(page):
    text = page(
        ClassFindings(warnings=["odd <name>"], validations={"classes.csv": "1", "label_map.json": "2"}),
        admitted=False,
        reasons=("it sees <ghosts>", "and more"),
    )
    assert '<p class="bad">Refused.</p>' in text
    assert "<h2>Why</h2><ul><li>it sees &lt;ghosts&gt;</li><li>and more</li></ul>" in text
    assert "<h2>Worth a look</h2><ul><li>odd &lt;name&gt;</li></ul>" in text
    assert text.index("<h2>classes.csv</h2><table>1</table>") < text.index("<h2>label_map.json</h2><table>2</table>")


def test_half_a_character_stops_nothing(stored):
    version = replace(stored(), source="a\udc80b")
    write_docs(version, ClassFindings())
    assert "a?b" in Path(docs_uri(version)).read_text("utf-8")
