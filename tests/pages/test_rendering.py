"""Pages: everything escaped, every misspelt name an error, numbers and times as people say them."""

from __future__ import annotations

import hashlib
from base64 import b64encode

import pytest
from jinja2 import DictLoader, TemplateNotFound, UndefinedError

from firstpass.pages import rendering
from firstpass.pages.rendering import asset, duration, environment, number, render

REPORT = "firstpass.report"


@pytest.fixture
def page(monkeypatch):
    """`page(text, …)`: what a template of this text becomes."""

    def make(text: str, **values) -> str:
        fresh = environment.__wrapped__(REPORT)
        fresh.loader = DictLoader({"page.html": text, "own.js": "if (1 < 2) { go('</b>') }"})
        monkeypatch.setattr(rendering, "environment", lambda _: fresh)
        return render(REPORT, "page.html", **values).decode()

    return make


def test_names_are_shown_as_they_are(page):
    assert page("<b>{{ name }}</b>", name="<script>&'\"") == "<b>&lt;script&gt;&amp;&#39;&#34;</b>"


def test_a_name_that_nobody_gave_is_an_error(page):
    for text in ("{{ nmae }}", "{{ thing.size }}", "{% if nmae %}x{% endif %}"):
        with pytest.raises(UndefinedError):
            page(text, thing={})


def test_lines_of_a_template_that_only_steer_leave_none(page):
    assert page("<ul>\n  {% for n in [1, 2] %}\n  <li>{{ n }}</li>\n  {% endfor %}\n</ul>") == (
        "<ul>\n  <li>1</li>\n  <li>2</li>\n</ul>"
    )


def test_half_a_character_is_a_question_mark(page):
    assert page("{{ name }}", name="a\udc80b") == "a?b"


def test_a_script_stands_in_the_page_and_its_hash_lets_no_other_run(page):
    source = "if (1 < 2) { go('</b>') }"
    assert page("<script>{{ script('own.js') }}</script>") == f"<script>{source}</script>"
    digest = b64encode(hashlib.sha256(source.encode()).digest()).decode()
    assert page("{{ script_hash('own.js') }}") == f"sha256-{digest}".replace("+", "&#43;")


def test_filters_show_numbers_and_times(page):
    assert page("{{ 12345 | number }} {{ 75 | duration }}") == "12,345 1 min 15 s"


def test_a_packages_own_templates_and_the_shared_ones_are_there():
    names = environment(REPORT).list_templates()
    shared = environment("firstpass.pages").list_templates()
    assert set(shared) < set(names)
    assert environment(REPORT) is environment(REPORT), "made once"
    with pytest.raises(TemplateNotFound):
        render(REPORT, "no-such.html")


def test_an_asset_is_given_as_it_is():
    assert asset(REPORT, "report.css").decode()
    with pytest.raises(FileNotFoundError):
        asset(REPORT, "no-such.css")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"), (0, "0"), (999, "999"), (12345, "12,345"), (-1234567, "-1,234,567"),
        (0.0, "0.00"), (0.123, "0.12"), (0.125, "0.12"), (0.126, "0.13"), (12345.678, "12,345.68"), (1.0, "1.00"),
    ],
)  # fmt: skip
def test_numbers_as_people_read_them(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "–"), (0, "0 ms"), (0.0004, "0 ms"), (0.85, "850 ms"), (0.999, "999 ms"), (1, "1.0 s"), (4.24, "4.2 s"),
        (59.9, "59.9 s"), (60, "1 min 0 s"), (200, "3 min 20 s"), (61.6, "1 min 2 s"), (3599, "59 min 59 s"),
        (3600, "1 h 0 min"), (7500, "2 h 5 min"), (7559, "2 h 5 min"), (90000, "25 h 0 min"),
    ],
)  # fmt: skip
def test_time_spans_as_people_say_them(seconds, shown):
    assert duration(seconds) == shown
