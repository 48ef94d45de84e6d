"""docs/reference/settings.md: every field of `firstpass.settings.Settings`, grouped as in the class."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from firstpass.kept_settings import KeptSettings
from firstpass.settings import Settings, home
from reference_pages.markdown import GENERATED, line, prose, table

_INTRODUCTION = """# Settings

Firstpass reads its settings from environment variables and from a file `.env` beside `airflow.cfg` (`.env.example`
shows the form). The environment wins. Airflow's own settings (`AIRFLOW__SECTION__KEY`, `AIRFLOW_CONN_…`) and those of
boto3 (`AWS_…`) go into the same two places. A value that does not fit stops the command with the variable, the value
and its place: the environment, or a line of `.env`.

Paths without a leading slash in the column *default* are relative to the project's folder: `FIRSTPASS_HOME`, else the
checkout that the package lies in, else `$XDG_DATA_HOME/firstpass` or `~/.local/share/firstpass`.

`firstpass up` hands everything in `.env` to the processes of the stack, which do not read the file again.

`firstpass up` and `firstpass run` compare the settings with those that a running stack was started with. When they
differ, they name them and start the stack again; while a run is active they refuse to, unless `--restart` is given.
Connections and credentials (`AIRFLOW_CONN_…`, `AWS_…`) are no reason to start it again: the stack keeps its own until
`firstpass up --restart`.

## The file `.env`

One `NAME=value` per line. `export` in front, spaces around `=`, quotes around the value, a comment behind it (after a
space) or on a line of its own, CRLF and a byte order mark make no difference. `${NAME}` and `${NAME:-default}` stand
for another variable, except in single quotes. What could be read in two ways is refused with its line: a line without
`=`, a quote that does not end, a value that begins with `#`, a reference to a variable that is not set, and a name with
two different values.

## Misspelt names

A name that begins with `FIRSTPASS_` and is no setting is refused in `.env` and on make's command line. In the
environment it is refused if it is nearly a setting: `FIRSTPASS_TRESHOLD`, `FIRSTPASS_IMAGE`, `firstpass_port`. Other
names there are left alone; so is what Kubernetes sets for a Service called `firstpass`, such as
`FIRSTPASS_PORT=tcp://10.0.0.1:80`. Settings of plugins (`PluginSettings`) are known as soon as the plugin is installed.
"""


def page() -> str:
    """The page's Markdown."""
    parts = [GENERATED, _INTRODUCTION]
    for title, text, names in _groups():
        rows = [(f"`{_variable(name)}`", _default(field), line(_description(field))) for name, field in names]
        parts += [f"## {title}\n", *([f"{text}\n"] if text else []), table(("setting", "default", "description"), rows)]
    return "\n".join(parts)


def _groups() -> Iterator[tuple[str, str, list[tuple[str, FieldInfo]]]]:
    """Title, text and fields of each group: a group begins where a class has a comment between its fields."""
    groups: list[tuple[str, list[tuple[str, FieldInfo]]]] = []
    for source in (inspect.getsource(Settings) + inspect.getsource(KeptSettings)).splitlines():
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
