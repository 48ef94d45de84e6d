"""The export formats that there are: found by entry point, the built-in ones too."""

from __future__ import annotations

from typing import Any

from firstpass import entry_points
from firstpass.contracts.export_format import ExportFormat

GROUP = "firstpass.exports"


def formats() -> dict[str, ExportFormat]:
    """Every format by its name. One that is broken is left out: looking it up says why."""
    return dict(_parts().found)


def format_of(name: str) -> ExportFormat:
    """The format of this name. Raises FirstpassError, listing what there is, for one that is not installed."""
    found: ExportFormat = _parts().get(name, "export format")
    return found


def _parts() -> entry_points.Parts:
    return entry_points.parts(GROUP, _is_format)


def _is_format(part: Any) -> bool:
    return callable(getattr(part, "write", None)) and bool(getattr(part, "main_file", ""))
