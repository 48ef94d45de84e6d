"""Syncing models from S3 beside a plain boto3 `download_file` loop: same files, same server, in one run.

    .venv/bin/python benchmarks/sync_throughput.py [--endpoint URL] [--latency MS] [--rounds 3]

Two loads: one file of 500 MB, and twenty of 20 MB. Our side does what a sync does, checksums included; the other is
what a script would do. The server is moto's in a process of its own, with a delay before each answer as object storage
has it (10 to 100 ms to the first byte), or any other that --endpoint names. Medians of interleaved rounds.

Then: what an unchanged source costs, in requests.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config

from firstpass.models.discovery import newest
from firstpass.models.model_sources import make_source
from firstpass.storage.downloads import WantedObject, download

BUCKET = f"models-{uuid4().hex[:8]}"

SERVER = """
import logging, sys, time
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server, WSGIRequestHandler
logging.getLogger("werkzeug").setLevel(logging.ERROR)
delay = float(sys.argv[1]) / 1000
app = DomainDispatcherApplication(create_backend_app)
def late(environ, start_response):
    time.sleep(delay)
    return app(environ, start_response)
WSGIRequestHandler.protocol_version = "HTTP/1.1"
server = make_server("127.0.0.1", 0, late, threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--endpoint", help="an S3 server that runs already; credentials from the environment")
    arguments.add_argument("--latency", type=float, default=20, help="milliseconds before each of moto's answers")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--large", type=int, default=500, help="megabytes of the one large file")
    given = arguments.parse_args()
    with _server(given) as endpoint, tempfile.TemporaryDirectory(prefix="firstpass-bench-") as scratch:
        client = _client(endpoint)
        client.create_bucket(Bucket=BUCKET)
        for count, size in ((20, 20), (1, given.large)):
            name = f"{count} files of {size} MB" if count > 1 else f"one file of {size} MB"
            keys = _upload(client, name, count, size)
            _compare(name, count * size, given.rounds, _sides(client, keys, Path(scratch)))
        _count_requests(client)


def _sides(client: Any, keys: list[str], scratch: Path) -> dict[str, Callable[[], None]]:
    listed = {
        item["Key"]: item for item in client.list_objects_v2(Bucket=BUCKET)["Contents"] if item["Key"] in set(keys)
    }

    def ours() -> None:
        wanted = [
            WantedObject(key, listed[key]["Size"], listed[key]["ETag"].strip('"'), scratch / f"{number}.bin")
            for number, key in enumerate(keys)
        ]
        download(client, BUCKET, wanted)

    def loop() -> None:
        for number, key in enumerate(keys):
            client.download_file(BUCKET, key, str(scratch / f"{number}.bin"))

    def clean(side: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            for path in scratch.iterdir():
                path.unlink()
            side()

        return run

    return {"firstpass": clean(ours), "boto3 loop": clean(loop)}


def _compare(name: str, megabytes: int, rounds: int, sides: dict[str, Callable[[], None]]) -> None:
    wall: dict[str, list[float]] = {side: [] for side in sides}
    cpu: dict[str, list[float]] = {side: [] for side in sides}
    for round_ in range(rounds + 1):
        for side, run in sides.items():
            started, processor = time.perf_counter(), time.process_time()
            run()
            if round_:  # the first warms up connections and the page cache
                wall[side].append(time.perf_counter() - started)
                cpu[side].append(time.process_time() - processor)
    print(f"\n{name}")
    for side in sides:
        seconds = statistics.median(wall[side])
        busy = statistics.median(cpu[side])
        print(f"  {side:12} {seconds:6.2f} s  {megabytes / seconds:6.0f} MB/s   {busy:5.2f} s CPU of this process")
    ratio = statistics.median(wall["boto3 loop"]) / statistics.median(wall["firstpass"])
    print(f"  firstpass is {ratio:.2f} times as fast")


def _count_requests(client: Any) -> None:
    seen: list[str] = []
    for name in ("classes.csv", "frozen_inference_graph.pb", "label_map.json"):
        client.put_object(Bucket=BUCKET, Key=f"runs/1/output/model/{name}", Body=b"x")
    client.meta.events.register("before-send.s3", lambda request, **_: seen.append(request.method))
    source = make_source("pets", f"s3://{BUCKET}/runs")
    newest(source, client)
    print(f"\nan unchanged source: {len(seen)} request ({', '.join(seen)})")


def _upload(client: Any, name: str, count: int, size: int) -> list[str]:
    keys = [f"{name.replace(' ', '-')}/{number:02}.bin" for number in range(count)]
    block = os.urandom(2**20)
    for number, key in enumerate(keys):
        with tempfile.TemporaryFile() as file:
            for index in range(size):
                file.write(bytes([number, index % 256]) + block[2:])
            file.seek(0)
            client.upload_fileobj(file, BUCKET, key)
    return keys


def _client(endpoint: str) -> Any:
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")
    config = Config(max_pool_connections=64, s3={"addressing_style": "path"}, region_name="us-east-1")
    return boto3.client("s3", endpoint_url=endpoint, config=config)


@contextmanager
def _server(given: argparse.Namespace) -> Iterator[str]:
    if given.endpoint:
        yield given.endpoint
        return
    command = [sys.executable, "-c", SERVER, str(given.latency)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
