"""The labels file: aliases, what to ignore, and thresholds, for all of CVAT, a project or a task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from firstpass.cvat.labels.mapping import LabelRules
from firstpass.cvat.server.tasks import Task
from firstpass.errors import FirstpassError
from firstpass.settings import settings

_FORM = """write sections like these:
    "*":                      # or project/3, or task/12
      aliases: {person: Pedestrian, kite: ignore}
      thresholds: {person: 0.6}"""


def read_rules(task: Task, reviewed: Mapping[str, str]) -> LabelRules:
    """What the labels file (FIRSTPASS_CVAT_LABELS) says about a task: for everything (`*`), its project, itself.

    The most specific section wins, class by class. No file means no aliases. Raises
    FirstpassError naming file, section and value for one that does not fit the form. Whether the labels that it names
    exist shows when they are mapped.
    """
    path = Path(settings().cvat_labels)
    sections = _read(path) if path.exists() else {}
    aliases: dict[str, str] = {}
    thresholds: dict[str, float] = {}
    for name in ("*", f"project/{task.project}", f"task/{task.id}"):
        section = sections.get(name) or {}
        aliases |= {str(key): _target(path, name, key, value) for key, value in section.get("aliases", {}).items()}
        thresholds |= {str(key): _score(path, name, key, value) for key, value in section.get("thresholds", {}).items()}
    return LabelRules(aliases, reviewed, thresholds)


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text("utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FirstpassError(f"{path} is not YAML: {error}", _FORM) from error
    if not isinstance(raw, dict):
        raise FirstpassError(f"{path} is a list or a word, not sections", _FORM)
    for name, section in raw.items():
        for key, value in (section or {}).items() if isinstance(section, dict | None) else [(section, None)]:
            if key not in ("aliases", "thresholds") or not isinstance(value, dict):
                raise FirstpassError(f"{path}, section {name!r}: {key!r} is not understood", _FORM)
    return raw


def _target(path: Path, section: str, key: object, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise FirstpassError(
            f"{path}, section {section!r}: the alias of {key!r} is {value!r}", "give a label's name, or ignore"
        )
    return value


def _score(path: Path, section: str, key: object, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise FirstpassError(
            f"{path}, section {section!r}: the threshold of {key!r} is {value!r}", "give a number from 0 to 1"
        )
    return float(value)
