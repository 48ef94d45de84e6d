"""Firstpass drafts the annotations of every new image overnight.

>>> import firstpass
>>> model = firstpass.load_model("nanodet-coco")
>>> for found in model.detect(["cat.jpg", "dog.jpg"]):
...     print(found.names, found.scores, found.boxes)

Everything here is imported when it is first used. What a plugin imports lies in `firstpass.plugins`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firstpass.api.detecting import LoadedModel
    from firstpass.api.model_loading import load_model
    from firstpass.api.running import run
    from firstpass.api.warehouse_tables import WarehouseReader, open_warehouse
    from firstpass.contracts.detections import Detections
    from firstpass.errors import FirstpassError

    __version__: str

__all__ = [
    "Detections",
    "FirstpassError",
    "LoadedModel",
    "WarehouseReader",
    "__version__",
    "load_model",
    "open_warehouse",
    "run",
]

_HOMES = {
    "Detections": "firstpass.contracts.detections",
    "FirstpassError": "firstpass.errors",
    "LoadedModel": "firstpass.api.detecting",
    "WarehouseReader": "firstpass.api.warehouse_tables",
    "load_model": "firstpass.api.model_loading",
    "open_warehouse": "firstpass.api.warehouse_tables",
    "run": "firstpass.api.running",
}


def __getattr__(name: str) -> Any:
    """Import a part of the API when it is asked for; credentials are then looked up as the command line does."""
    if name == "__version__":
        from importlib.metadata import version

        return version("firstpass")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from firstpass.airflow import connections
    from firstpass.stack import embedded_warehouse

    connections.register()
    embedded_warehouse.register()
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
