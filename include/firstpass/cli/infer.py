"""`firstpass infer CHUNK_URI`: what a pod or a local task runs."""

from __future__ import annotations

import logging
import os
import sys
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, NoReturn

import click

from firstpass.cli.exit_codes import TERMINATED

if TYPE_CHECKING:
    from firstpass.inference.death import Supervision


@click.command()
@click.argument("chunk_uri")
def infer(chunk_uri: str) -> None:
    """Run the chunk with the manifest CHUNK_URI, or the rest of it.

    What is away or full (storage, CVAT, a disk) is waited for, FIRSTPASS_WAIT_MINUTES at most; then it exits with 75.
    On SIGTERM it finishes the current batch, keeps what is done and exits with 143; the same command continues from
    there. An error that a person must put right exits with 2: a GPU that was asked for and is not there, for example.
    An image that kills the process gets the outcome `failed`, with the signal and the memory at the time, and
    the others go on.
    """
    from firstpass.inference.supervisor import supervise

    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("firstpass").setLevel(logging.INFO)  # botocore's own would tell each pod where it found its keys
    sys.exit(supervise(partial(_run, chunk_uri)))


def _run(chunk_uri: str, stop: Event, supervision: Supervision) -> NoReturn:
    """In a process of its own: the supervisor stays small."""
    from firstpass.inference.gpus import gpus_asked
    from firstpass.inference.stderr_filter import filter_stderr
    from firstpass.waiting import Waiter, wait_in_place

    pass_stderr = filter_stderr()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr, force=True)
    # TensorFlow's start-up chatter is no news; errors are, and what it says of a GPU that it was to find.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1" if gpus_asked() else "2")
    wait_in_place(Waiter(stop))

    def leave(code: int) -> NoReturn:
        """All is on disk: to have TensorFlow and Python take themselves apart would take a second more."""
        sys.stdout.flush()
        pass_stderr()
        os._exit(code)

    from firstpass.inference.chunk_inference import Stopped
    from firstpass.inference.chunk_inference import infer as run

    try:
        marker = run(chunk_uri, stop, supervision)
    except Stopped as stopped:
        click.echo(str(stopped))
        leave(TERMINATED)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in marker["outcomes"].items())
    rate = marker["images_per_second"]
    click.echo(
        f"{marker['rows']} images ({outcomes}), {marker['detections']} detections in {marker['seconds']:.1f} s"
        + (f", {rate:.1f} images/s on {marker['device']}" if rate else "")
    )
    leave(0)
