"""Data Docs: one small site a run, readable without network, beside the run's other files.

Great Expectations renders its own validation results; the frame around them is ours, because its page loads styles and
scripts from other hosts. Its templates do not escape everything, so only plain tags of what they give are taken over.
"""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser
from typing import Any

from markupsafe import Markup

from firstpass import storage
from firstpass.quality.pages import render
from firstpass.quality.results import Verdict
from firstpass.quality.suites import Suite

_SECTIONS = '{% for section in sections %}{% set section_loop = loop %}{% include "section.j2" %}{% endfor %}'
# fmt: off
_TAGS = frozenset({
    "b", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre", "span",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
})
# fmt: on
_ATTRIBUTES = frozenset({"class", "colspan", "rowspan"})
_SILENT = frozenset({"script", "style"})


def write_data_docs(run_uri: str, verdict: Verdict, checked: tuple[Suite, ...], outcome: dict[str, Any]) -> str:
    """Write <run>/data_docs/: an index of all results and one page a suite. Returns the index's URI.

    `outcome` maps a suite's name to Great Expectations' validation result. Other runs' sites are not touched.
    """
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    site = storage.join(run_uri, "data_docs")
    renderer, view = ValidationResultsPageRenderer(run_info_at_end=True), DefaultJinjaPageView()
    section = view.env.from_string(_SECTIONS)
    for suite in checked:
        rendered = section.render(renderer.render(outcome[suite.name]).to_json_dict())
        page = render(
            "data_docs_suite.html", suite=suite, content=plain(rendered.replace("NaN% null", "nothing to check"))
        )
        storage.write(storage.join(site, f"{suite.name}.html"), page)
    index = storage.join(site, "index.html")
    storage.write(index, render("data_docs_index.html", verdict=verdict, suites=checked))
    return index


def plain(markup: str) -> Markup:
    """The tags of `markup` that carry text and tables, with their classes; everything else is dropped or escaped.

    No link, picture, style, script, form or event handler survives, so neither does what a hostile name smuggles in.
    """
    parser = _Plain()
    parser.feed(markup)
    parser.close()
    return Markup("".join(parser.parts))  # noqa: S704 - built from the allow-list above and escaped text


class _Plain(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._silent = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent = tag in _SILENT
        if tag in _TAGS:
            kept = "".join(f' {name}="{escape(value or "")}"' for name, value in attrs if name in _ATTRIBUTES)
            self.parts.append(f"<{tag}{kept}>")

    def handle_endtag(self, tag: str) -> None:
        self._silent = False
        if tag in _TAGS:
            self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(escape(data))
