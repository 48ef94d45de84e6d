"""Data Docs hold Great Expectations' own words and nothing that a browser would run or fetch."""

from __future__ import annotations

from firstpass.expectations.html import plain


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
