"""One, two and four pods at a time over the same chunks, on the Kubernetes double, with a simulated GPU.

Each pod is the engine's own, running `firstpass infer` as a process of this machine: it starts, reads and decodes real
photographs, checkpoints and writes its result. Only the network is replaced, by a wait of so many milliseconds an
image, as a GPU would take: there is none here, and two cores cannot stand for four. Efficiency is the time of one pod
at a time, divided by that of N at a time, divided by N. Chunks last 20 times as long as a pod takes to start, as
planned ones do: four pods that start together on two cores take twice as long to.

    .venv/bin/python benchmarks/scaling.py [--images 1440] [--chunks 8] [--milliseconds 150] [--photos FOLDER]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import photos
from kubernetes import client, config

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from doubles.kubernetes import kubernetes_double  # noqa: E402
from doubles.kubernetes.pod import Cluster  # noqa: E402
from firstpass.airflow.pod_manifest import pod  # noqa: E402
from firstpass.contracts.chunk_manifest import Chunk, result_uri  # noqa: E402
from firstpass.images.sources import list_images  # noqa: E402
from firstpass.models import resolution  # noqa: E402
from firstpass.models.kinds import kind_of  # noqa: E402
from firstpass.models.store import version_uri  # noqa: E402
from firstpass.settings import Settings  # noqa: E402

POD = """#!{python}
import time
import numpy as np
from firstpass.models import kinds
from firstpass.contracts.detections import Detections
from firstpass.contracts.detector import PreparedInput

class SimulatedGpu:
    streams, floor = 1, 0.0
    def prepare(self, image):
        return PreparedInput(np.zeros(1), image.shape[1], image.shape[0])
    def warm_up(self, batch_size):
        pass
    def predict(self, batch):
        time.sleep({seconds} * len(batch))
        none = Detections(np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros((0, 4), np.float32))
        return [none] * len(batch)

kinds.load = lambda version, folder, floor: SimulatedGpu()
from firstpass.cli import main
main()
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", type=int, default=1440)
    options.add_argument("--chunks", type=int, default=8)
    options.add_argument("--milliseconds", type=float, default=150)
    options.add_argument("--photos", type=Path)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        folder = photos.make(asked.photos or scratch / "photos", asked.images)
        refs = tuple(list_images(str(folder)))[: asked.images]
        program = scratch / "firstpass"
        program.write_text(POD.format(python=sys.executable, seconds=asked.milliseconds / 1000))
        program.chmod(0o755)
        cluster = Cluster({"firstpass": str(program)}, {"firstpass-inference": {"FIRSTPASS_HOME": str(ROOT)}})
        print(f"{asked.images} photographs in {asked.chunks} chunks, {asked.milliseconds:.0f} ms each on the GPU")
        seconds: dict[int, float] = {}
        with kubernetes_double(scratch, cluster) as double:
            config.load_kube_config(str(double.kubeconfig))
            for at_a_time in (1, 2, 4):
                manifests = plan(refs, asked.chunks, scratch / str(at_a_time))
                seconds[at_a_time] = run(manifests, at_a_time)
                efficiency = seconds[1] / seconds[at_a_time] / at_a_time
                rate = asked.images / seconds[at_a_time]
                print(
                    f"  {at_a_time} at a time {seconds[at_a_time]:7.1f} s {rate:6.1f} images/s, "
                    f"{seconds[1] / seconds[at_a_time]:.2f} times one: efficiency {efficiency:.1%}",
                    flush=True,
                )


def plan(refs: tuple[Any, ...], chunks: int, folder: Path) -> list[str]:
    """Equal chunks of the photographs, their manifests under `folder`."""
    version = resolution.resolve("nanodet-coco")
    uri = version_uri(version)
    return [
        Chunk(
            "bench",
            i,
            version.ref,
            uri,
            0.35,
            kind_of(version.kind).revision,
            8,
            result_uri(str(folder), i),
            refs[i::chunks],
        ).save(str(folder))
        for i in range(chunks)
    ]


def run(manifests: list[str], at_a_time: int) -> float:
    """Seconds until every chunk's pod has succeeded, with so many of them at a time."""
    started = time.monotonic()
    with ThreadPoolExecutor(at_a_time) as workers:
        for phase in workers.map(in_pod, manifests):
            assert phase == "Succeeded", phase
    return time.monotonic() - started


def in_pod(manifest: str) -> str:
    """Make the pod of one chunk and wait for its end, as the operator does; returns its phase."""
    api = client.CoreV1Api()
    body = pod(Settings(kubernetes_gpus=0))
    folder, name = Path(manifest).parts[-3], Path(manifest).stem
    body["metadata"]["name"] = f"chunk-{folder}-{name}"
    base = body["spec"]["containers"][0]
    base |= {"command": ["firstpass"], "args": ["infer", manifest]}
    api.create_namespaced_pod("firstpass", body)
    while (found := api.read_namespaced_pod(body["metadata"]["name"], "firstpass")).status.phase not in (
        "Succeeded",
        "Failed",
    ):
        time.sleep(0.1)
    if found.status.phase == "Failed":
        print(api.read_namespaced_pod_log(found.metadata.name, "firstpass"))
    return str(found.status.phase)


if __name__ == "__main__":
    main()
