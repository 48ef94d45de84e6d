"""`firstpass infer CHUNK_URI`: what a pod or a local task runs."""

from __future__ import annotations

import logging
import os
import signal
import sys
from threading import Event
from typing import NoReturn

import click


@click.command()
@click.argument("chunk_uri")
def infer(chunk_uri: str) -> None:
    """Run the chunk with the manifest CHUNK_URI, or the rest of it.

    On SIGTERM it finishes the current batch, keeps what is done and exits with 143; the same command continues from
    there.
    """
    from firstpass.inference.stderr_filter import filter_stderr

    pass_stderr = filter_stderr()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up chatter is no news; errors are
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("firstpass").setLevel(logging.INFO)  # botocore's own would tell each pod where it found its keys
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def leave(code: int) -> NoReturn:
        """All is on disk: to have TensorFlow and Python take themselves apart would take a second more."""
        sys.stdout.flush()
        pass_stderr()
        os._exit(code)

    from firstpass.inference.chunk_inference import Stopped
    from firstpass.inference.chunk_inference import infer as run

    try:
        marker = run(chunk_uri, stop)
    except Stopped as stopped:
        click.echo(str(stopped))
        leave(128 + signal.SIGTERM)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in marker["outcomes"].items())
    rate = marker["images_per_second"]
    click.echo(
        f"{marker['rows']} images ({outcomes}), {marker['detections']} detections in {marker['seconds']:.1f} s"
        + (f", {rate:.1f} images/s on {marker['device']}" if rate else "")
    )
    leave(0)
