"""A chunk whose photographs lie in S3 beside the same chunk from the local disk, and beside a sequential get loop.

The server is moto's, in a process of its own, which holds the objects in memory and answers each request after a delay
like that of the real S3. All sides run in turns; medians are compared. The server's own work counts against the S3
side, because it shares the machine's cores.

    .venv/bin/python benchmarks/s3_reading.py [--images 200] [--rounds 3] [--delay 0.03] [--photos FOLDER]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import photos

from firstpass import storage
from firstpass.chunks import cost_model, profiles
from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.image_reference import ImageRef
from firstpass.images.fetching import fetch
from firstpass.images.sources import list_images
from firstpass.inference import chunk_inference, passes
from firstpass.inference.image_reader import FETCHERS
from firstpass.models import resolution
from firstpass.models.kinds import kind_of
from firstpass.models.load_detector import load_detector
from firstpass.models.store import version_uri

SERVER = """
import sys, time
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server
app = DomainDispatcherApplication(create_backend_app)
def delayed(environ, start_response):
    if environ["REQUEST_METHOD"] == "GET":
        time.sleep(float(sys.argv[1]))
    return app(environ, start_response)
class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_request(self, *_): pass
server = make_server("127.0.0.1", 0, delayed, threaded=True, request_handler=Quiet)
print(server.port, flush=True)
server.serve_forever()
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", type=int, default=200)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--delay", type=float, default=0.03, help="seconds before the server answers a get")
    options.add_argument("--model", default="nanodet-coco")
    options.add_argument("--photos", type=Path)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch, s3(asked.delay) as client:
        folder = photos.make(asked.photos or Path(scratch, "photos"), asked.images)
        local = tuple(list_images(str(folder)))[: asked.images]
        remote = tuple(upload(client, local))
        size = sum(ref.size for ref in local) / len(local) / 1000
        print(f"{len(local)} photographs of {size:.0f} KB, {1000 * asked.delay:.0f} ms before each answer")
        reading(client, remote, asked.rounds)
        whole_chunks(local, remote, asked.model, asked.rounds, scratch)


@contextmanager
def s3(delay: float) -> Iterator[Any]:
    """A client of a server in a process of its own; storage uses it too."""
    import boto3
    from botocore.config import Config

    server = subprocess.Popen([sys.executable, "-c", SERVER, str(delay)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{int(server.stdout.readline())}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
        config=Config(max_pool_connections=64, s3={"addressing_style": "path"}),
    )
    storage.use_s3(lambda: client)
    try:
        client.create_bucket(Bucket="photos")
        yield client
    finally:
        server.terminate()
        server.wait()


def upload(client: Any, refs: tuple[ImageRef, ...]) -> Iterator[ImageRef]:
    for ref in refs:
        path = storage.local_path(ref.uri)
        client.put_object(Bucket="photos", Key=path.name, Body=path.read_bytes())
        yield replace(ref, uri=f"s3://photos/{path.name}")


def reading(client: Any, refs: tuple[ImageRef, ...], rounds: int) -> None:
    """Bytes only: a sequential loop, and what fetches ahead inside a chunk."""

    def loop() -> None:
        for ref in refs:
            client.get_object(Bucket="photos", Key=ref.uri.removeprefix("s3://photos/"))["Body"].read()

    def ahead() -> None:
        """As many at a time as a chunk's own fetching threads."""
        with ThreadPoolExecutor(FETCHERS) as pool:
            for _ in pool.map(fetch, refs):
                pass

    compare("reading alone", {"boto3 get loop": loop, "fetched ahead": ahead}, len(refs), rounds)


def whole_chunks(
    local: tuple[ImageRef, ...], remote: tuple[ImageRef, ...], model: str, rounds: int, scratch: str
) -> None:
    """The same chunk through `infer`, its images here and there."""
    version = resolution.resolve(model)
    uri = version_uri(version)
    batch = cost_model.batch_size(profiles.network_of(version), profiles.machine("cpu"))
    sides: dict[str, Callable[[], None]] = {}
    for index, (name, refs) in enumerate((("local disk", local), ("S3", remote))):
        output = f"{scratch}/results/{index}.parquet"
        chunk = Chunk(
            "bench", index, version.ref, uri, version.threshold, kind_of(version.kind).revision, batch, output, refs
        )
        manifest = chunk.save(scratch)

        def infer(chunk: Chunk = chunk, manifest: str = manifest) -> None:
            storage.delete(chunk.done_uri)
            chunk_inference.infer(manifest)

        sides[name] = infer
    loaded = load_detector(chunk.model_uri, chunk.floor)
    passes.load_detector = lambda *_: loaded
    compare("whole chunk", sides, len(local), rounds)


def compare(what: str, sides: dict[str, Callable[[], None]], images: int, rounds: int) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            started = time.monotonic()
            side()
            seconds[name].append(time.monotonic() - started)
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    rates = ", ".join(f"{name} {images / median:.1f} images/s" for name, median in medians.items())
    first, second = medians.values()
    print(f"{what}: {rates}: {first / second:.2f} times", flush=True)


if __name__ == "__main__":
    main()
