"""The export formats that there are: found by entry point, the built-in ones too."""

from __future__ import annotations

from typing import Any

from firstpass import entry_points
from firstpass.contracts.export_format import ExportFormat
from firstpass.errors import FirstpassError

GROUP = "firstpass.exports"


def formats() -> dict[str, ExportFormat]:
    """Every format by its name. One that is broken is left out: looking it up says why."""
    return dict(_parts().found)


def format_of(name: str, switch: str = "") -> ExportFormat:
    """The format of this name, or the variant of it that `switch` names.

    Raises FirstpassError, listing what there is, for a format that is not installed and a switch that it does not have.
    """
    found: ExportFormat = _parts().get(name, "export format")
    if not switch:
        return found
    variants: dict[str, ExportFormat] = getattr(found, "switches", {})
    if switch not in variants:
        has = f"it has {', '.join(sorted(variants))}" if variants else "it has none"
        raise FirstpassError(f"the format {name} has no switch {switch!r}", f"remove it: {has}")
    return variants[switch]


def _parts() -> entry_points.Parts:
    return entry_points.parts(GROUP, _is_format)


def _is_format(part: Any) -> bool:
    return callable(getattr(part, "write", None)) and bool(getattr(part, "main_file", ""))
