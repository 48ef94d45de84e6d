"""The formats that CVAT imports, one module each: its file's place in the dataset and a function that writes it."""

from __future__ import annotations

from types import ModuleType

from firstpass.cvat.formats import coco, cvat, datumaro

FORMATS: dict[str, ModuleType] = {"coco": coco, "cvat": cvat, "datumaro": datumaro}
"""Name → module with `PATH`, relative to the dataset's folder, and `write(file, head, drafts)`.

`drafts` begins with the first image again every time it is called.
"""
