"""How HTML pages are rendered: everything escaped, every misspelt name an error, styles and scripts inside the page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_SHARED = "firstpass.pages"


def render(package: str, template: str, **values: Any) -> bytes:
    """A page as UTF-8, from a package's folder templates/; what lies in this package's own is there as well.

    What cannot be encoded (half a character in a file's name) is shown as a question mark.
    """
    return environment(package).get_template(template).render(**values).encode("utf-8", "replace")


@lru_cache
def environment(package: str) -> Environment:
    """Jinja2 over a package's templates and the shared ones."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(_SHARED)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def script(name: str) -> Markup:
        """A script, for the inside of a script element."""
        source, _, _ = made.loader.get_source(made, name)  # type: ignore[union-attr]
        return Markup(source)  # noqa: S704 - our own file

    def script_hash(name: str) -> str:
        """What a Content-Security-Policy calls that script, so that no other runs."""
        return "sha256-" + b64encode(sha256(script(name).encode()).digest()).decode()

    made.filters |= {"number": number, "duration": duration, "devices": devices}
    made.globals |= {"script": script, "script_hash": script_hash}
    return made


def asset(package: str, name: str) -> bytes:
    """A file of a package's folder templates/ as it is."""
    return files(package).joinpath("templates", name).read_bytes()


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


def devices(names: Mapping[str, int] | Sequence[str]) -> str:
    """What chunks ran on, as people write it: `NVIDIA H100, CPU`; with the chunks on each where they are counted."""
    shown = {name: "CPU" if name == "cpu" else name for name in names}
    if isinstance(names, Mapping) and len(names) > 1:
        shown = {name: f"{shown[name]} ({many} {'chunk' if many == 1 else 'chunks'})" for name, many in names.items()}
    return ", ".join(shown.values())
