"""Great Expectations' results as HTML that is safe to show: for the Data Docs of models and of runs.

Great Expectations renders its own validation results; the frame around them is ours, because its page loads styles and
scripts from other hosts. Its templates do not escape everything, so only plain tags of what they give are taken over.
"""

from __future__ import annotations

from functools import lru_cache
from html import escape
from html.parser import HTMLParser
from typing import Any

from markupsafe import Markup

_SECTIONS = '{% for section in sections %}{% set section_loop = loop %}{% include "section.j2" %}{% endfor %}'
# fmt: off
_TAGS = frozenset({
    "b", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre", "span",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
})
# fmt: on
_ATTRIBUTES = frozenset({"class", "colspan", "rowspan"})
_SILENT = frozenset({"script", "style"})
_NEVER_CLOSED = frozenset({"br", "hr"})


def validation_html(result: Any) -> Markup:
    """A validation result as Great Expectations shows it, a section a column; no page around it.

    Takes a second the first time, when its templates are compiled.
    """
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

    rendered = ValidationResultsPageRenderer(run_info_at_end=True).render(result).to_json_dict()
    return plain(_template().render(rendered).replace("NaN% null", "nothing to check"))


@lru_cache(maxsize=1)
def _template() -> Any:
    from great_expectations.render.view import DefaultJinjaPageView

    return DefaultJinjaPageView().env.from_string(_SECTIONS)


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
        if tag in _TAGS - _NEVER_CLOSED:  # browsers take </br> for a second line break
            self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(escape(data))
