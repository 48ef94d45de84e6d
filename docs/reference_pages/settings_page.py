"""docs/reference/settings.md: every field of `firstpass.settings.Settings`, grouped as in the class."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from firstpass.settings import Settings, home
from reference_pages.markdown import GENERATED, line, prose, table

_INTRODUCTION = """# Settings

Firstpass reads its settings from environment variables and from a file `.env` beside `airflow.cfg` (`.env.example`
shows the form). The environment wins. Airflow's own settings (`AIRFLOW__SECTION__KEY`, `AIRFLOW_CONN_…`) go into the
same two places. A value that does not fit stops the command with the name of the variable.

Paths without a leading slash in the column *default* are relative to the project's folder: `FIRSTPASS_HOME`, else the
checkout that the package lies in, else `$XDG_DATA_HOME/firstpass` or `~/.local/share/firstpass`.

`firstpass up` and `firstpass run` compare the settings with those that a running stack was started with. When they
differ, they name them and start the stack again; while a run is active they refuse to, unless `--restart` is given.
Connections and credentials (`AIRFLOW_CONN_…`, `AWS_…`) are no reason to start it again: the stack keeps its own until
`firstpass up --restart`.
"""


def page() -> str:
    """The page's Markdown."""
    parts = [GENERATED, _INTRODUCTION]
    for title, text, names in _groups():
        rows = [(f"`{_variable(name)}`", _default(field), line(_description(field))) for name, field in names]
        parts += [f"## {title}\n", *([f"{text}\n"] if text else []), table(("setting", "default", "description"), rows)]
    return "\n".join(parts)


def _groups() -> Iterator[tuple[str, str, list[tuple[str, FieldInfo]]]]:
    """Title, text and fields of each group: a group begins where the class has a comment between its fields."""
    groups: list[tuple[str, list[tuple[str, FieldInfo]]]] = []
    for source in inspect.getsource(Settings).splitlines():
        if comment := re.match(r"    # (.*)", source):
            groups.append((comment[1], []))
        elif (field := re.match(r"    (\w+): ", source)) and field[1] in Settings.model_fields:
            groups[-1][1].append((field[1], Settings.model_fields[field[1]]))
    for comment_text, fields in groups:
        title, _, text = comment_text.partition(". ")
        yield title.rstrip("."), prose(text), fields


def _variable(name: str) -> str:
    return f"{Settings.model_config['env_prefix']}{name.upper()}"


def _description(field: FieldInfo) -> str:
    assert field.description is not None
    return field.description


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, bool):
        value = str(value).lower()
    text = str(value).removeprefix(f"{home()}/")
    return "none" if value in ("", [], {}, None) else f"`{text}`"
