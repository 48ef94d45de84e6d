"""`firstpass detect`: a model over a few images, here and now."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from firstpass.contracts.detections import Detections
from firstpass.inference.stderr_filter import filter_stderr


@click.command()
@click.argument("paths", metavar="PATH…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--model", metavar="NAME[@VERSION]|FOLDER", help="A model of the store or a folder. [FIRSTPASS_MODEL]")
@click.option("--threshold", type=float, metavar="X", help="Leave out what scores less; 0 to 1. [the model's own]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per image, a line each.")
def detect(paths: tuple[Path, ...], model: str | None, threshold: float | None, as_json: bool) -> None:
    """Detect objects in images, or in all images below a folder, with a model.

    Needs neither the stack nor the warehouse, and stores nothing. Exits with 1 when an image could not be read.
    """
    from firstpass.api.model_loading import load_model
    from firstpass.settings import settings

    if sys.stderr is sys.__stderr__:  # unless somebody listens in already
        filter_stderr()
    files = list(_files(paths))
    loaded = load_model(model or settings().model)
    unread = 0
    for path, found in zip(files, loaded.detect(files, threshold=threshold), strict=True):
        unread += found.error is not None
        click.echo(json.dumps(_as_json(path, found), ensure_ascii=False) if as_json else _as_text(path, found))
    sys.exit(1 if unread else 0)


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    from firstpass import storage
    from firstpass.images.sources import list_images

    for path in paths:
        if path.is_dir():
            yield from (storage.local_path(ref.uri) for ref in list_images(str(path.absolute())))
        else:
            yield path


def _as_json(path: Path, found: Detections) -> dict[str, Any]:
    columns = zip(found.class_ids.tolist(), found.names, found.scores.tolist(), found.boxes.tolist(), strict=True)
    detections: list[dict[str, Any]] = [
        {"class_id": class_id, "class": name, "score": round(score, 4), "box": [round(x, 2) for x in box]}
        for class_id, name, score, box in columns
    ]
    for detection, parts in zip(detections, found.polygons or (), strict=False):
        detection["polygons"] = [[[round(x, 2) for x in ring.ravel().tolist()] for ring in part] for part in parts]
    return {"path": str(path), "detections": detections, "error": found.error}


def _as_text(path: Path, found: Detections) -> str:
    if found.error:
        return f"{path}: {found.error}"
    lines = [f"{path}: {len(found)} detection{'' if len(found) == 1 else 's'}"]
    for name, score, box in zip(found.names, found.scores, found.boxes, strict=True):
        lines.append(f"  {name:<20} {score:.2f}  {' '.join(f'{x:.0f}' for x in box)}")
    return "\n".join(lines)
