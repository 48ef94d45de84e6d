"""The room's HTML pages: one template environment, everything escaped, styles and scripts inside the page."""

from __future__ import annotations

from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Jinja2 with escaping for every template and an error for every misspelt name."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"number": number, "duration": duration}
    made.globals |= {"script": script, "script_hash": script_hash}
    return made


def render(template: str, **values: Any) -> bytes:
    """A page as UTF-8. What cannot be encoded (half a character in a file's name) is shown as a question mark."""
    return environment().get_template(template).render(**values).encode("utf-8", "replace")


def number(value: float | None) -> str:
    """12345 → 12,345; 0.123 → 0.12; None → an en dash."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def duration(seconds: float | None) -> str:
    """A time span as people say it: 850 ms, 4.2 s, 3 min 20 s, 2 h 5 min."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def script(name: str) -> Markup:
    """A script of the templates folder, for the inside of a script element."""
    return Markup((TEMPLATES / name).read_text("utf-8"))  # noqa: S704 - our own file


def script_hash(name: str) -> str:
    """What a Content-Security-Policy calls that script, so that no other runs."""
    return "sha256-" + b64encode(sha256(script(name).encode()).digest()).decode()
