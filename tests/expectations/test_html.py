"""Data Docs hold Great Expectations' own words and nothing that a browser would run or fetch."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstpass.expectations.html import plain, validation_html


def test_text_and_tables_stay():
    assert plain('<table class="x"><tr><td colspan="2">1 &lt; 2</td></tr></table>') == (
        '<table class="x"><tr><td colspan="2">1 &lt; 2</td></tr></table>'
    )


def test_what_runs_or_loads_goes():
    hostile = """<p onclick="x()" style="position:fixed">a<script>steal()</script><img src=x onerror=y()>
        <a href="javascript:z()">b</a><iframe src="//host"></iframe><svg/onload=q()></p>"""
    kept = plain(hostile)
    assert kept.split() == ["<p>a", "b</p>"]


def test_an_attribute_cannot_break_out():
    assert plain("""<td class='"><script>1</script>'>c</td>""") == (
        '<td class="&quot;&gt;&lt;script&gt;1&lt;/script&gt;">c</td>'
    )


@pytest.mark.parametrize(
    ("markup", "kept"),
    [
        ("<script>a</script>b", "b"),
        ("<style>a</style>b", "b"),
        ("a<script>x<b>y</b>z</script>c", "ac"),
        ("<script>a</script><b>c</b>", "<b>c</b>"),
        ("<p>a<script>b", "<p>a"),
        ("<STYLE>a</STYLE><B CLASS=x>c</B>", '<b class="x">c</b>'),
        ("<br/>a", "<br>a"),
        ("<td rowspan=2 class id=x>a</td>", '<td rowspan="2" class="">a</td>'),
        ("<!-- a --><?php b ?><!doctype html>c", "c"),
        ("a < b & c &amp; &#60;d&gt;", "a &lt; b &amp; c &amp; &lt;d&gt;"),
        ("&quot;", "&quot;"),
        ("<p>unclosed <i>tags", "<p>unclosed <i>tags"),
        ("a <", "a &lt;"),
        ("<form><input name=x><button>send</button></form>", "send"),
    ],
)
def test_what_is_kept_of_markup(markup, kept):
    assert plain(markup) == kept


@given(st.text("<>/ab'\"=! &;-script"))
def test_whatever_comes_in_nothing_that_runs_comes_out(markup):
    safe = plain(markup)
    assert plain(safe) == safe
    assert set(re.findall(r"</?(\w*)", safe)) <= {"b", "i", "p"}


def test_a_table_of_great_expectations_own_making_is_shown_without_its_page():
    """What it says where there was nothing to check is put into words."""
    import great_expectations as gx
    import pandas as pd
    from great_expectations import expectations as gxe

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batch = context.data_sources.add_pandas("s").add_dataframe_asset("a").add_batch_definition_whole_dataframe("all")
    hostile = gxe.ExpectColumnValuesToBeInSet(column="<img src=x>", value_set=["a"])
    suite = context.suites.add(gx.ExpectationSuite(name="n", expectations=[hostile]))
    validation = context.validation_definitions.add(gx.ValidationDefinition(name="v", data=batch, suite=suite))
    page = validation_html(validation.run(batch_parameters={"dataframe": pd.DataFrame({"<img src=x>": ["a", "b"]})}))
    assert "<table" in page
    assert "50%" in page
    assert "<img" not in page
    assert "<html" not in page
    empty = validation_html(validation.run(batch_parameters={"dataframe": pd.DataFrame({"<img src=x>": []})}))
    assert "NaN" not in empty
