"""The way of the data through the rooms: one function a task of the DAG `preannotate`, in order.

What passes between them is the URI of the run's folder in storage, and counts. Each function may be killed and called
again: it ends with the same files and the same rows. None imports Airflow: the DAG file wires them.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from firstpass import storage
from firstpass.chunks.plan import plan, read_chunks
from firstpass.chunks.run import RunSpec, run_folder
from firstpass.errors import NEEDS_A_PERSON, FirstpassError
from firstpass.images import catalogue as catalogues
from firstpass.images.sources import open_source
from firstpass.models import registry
from firstpass.models.version import ModelVersion
from firstpass.pods.manifest import require_reachable
from firstpass.settings import settings
from firstpass.warehouse import experience, runs
from firstpass.warehouse import known as knowledge
from firstpass.warehouse import merge as merging
from firstpass.warehouse.connection import connect
from firstpass.warehouse.migrate import migrate
from firstpass.warehouse.summary import run_summary

log = logging.getLogger("firstpass")


@dataclass(frozen=True, slots=True)
class Request:
    """What a person or the schedule asked for: the DAG's parameters, unchecked.

    threshold None means the model's own; class_thresholds maps class names to scores. publish: bring the drafts into
    CVAT afterwards, where the images come from there. engine: local or kubernetes; the configured one when empty.
    """

    run_id: str
    images: str
    model: str
    threshold: float | None = None
    class_thresholds: dict[str, float] | None = None
    reprocess: bool = False
    publish: bool = False
    engine: str = ""


def resolve_model(request: Request) -> str:
    """Check what was asked for, settle on a model version and open the run. Returns the run's URI.

    Raises FirstpassError for images that are not there, an unknown model or version, a threshold outside 0..1, a
    threshold for a class that the model does not have, and folders that pods could not reach.
    """
    with _stage(request.run_id, "resolve_model"):
        threshold = None if request.threshold is None else _score("threshold", request.threshold)
        source = open_source(request.images)
        version = registry.resolve(request.model)
        where = request.engine or settings().engine
        if where == "kubernetes":
            require_reachable(settings(), source.uri)
        spec = RunSpec(
            run_id=request.run_id,
            images=source.uri,
            model=version.ref,
            model_uri=registry.version_uri(version),
            threshold=version.threshold if threshold is None else threshold,
            class_thresholds=_class_thresholds(version, request.class_thresholds or {}),
            reprocess=request.reprocess,
            engine=where,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            publish=request.publish,
        )
        with closing(connect()) as connection:
            migrate(connection)
            runs.begin_run(connection, spec, version)
        log.info("Run %s: %s over %s, threshold %g", spec.run_id, spec.model, spec.images, spec.threshold)
        return spec.save()


def admit_model(run_uri: str) -> None:
    """Hold the model's files against what was admitted: weights, classes, checksums.

    Raises FirstpassError naming the file that changed. Does not run the network: admission did.
    """
    spec = RunSpec.load(run_uri)
    with _stage(spec.run_id, "admit_model"):
        version = registry.load_version(spec.model_uri)
        registry.verify(version, registry.local_folder(spec.model_uri))
        log.info("%s: %d classes, %d files as admitted", version.ref, len(version.classes), len(version.files))


def catalogue_images(run_uri: str) -> dict[str, int]:
    """List the images and tell the new from the known. Returns counts; the catalogue itself is in the run's folder."""
    spec = RunSpec.load(run_uri)
    with _stage(spec.run_id, "catalogue_images"), closing(connect()) as connection:
        table = catalogues.catalogue(
            open_source(spec.images),
            known=lambda hashes: knowledge.known(connection, spec.model, spec.settings_hash, hashes),
            remembered=lambda uris: knowledge.remembered(connection, uris),
            reprocess=spec.reprocess,
        )
        catalogues.save(table, run_uri)
        merging.merge_catalogue(connection, spec, table)
        counts = catalogues.counts(table)
        log.info("%s", ", ".join(f"{count} {name}" for name, count in counts.items()))
        return counts


def plan_chunks(run_uri: str) -> list[str]:
    """Split what is new into chunks and write their manifests. Returns the manifests' URIs, the longest chunk first."""
    spec = RunSpec.load(run_uri)
    with _stage(spec.run_id, "plan_chunks"):
        version = registry.load_version(spec.model_uri)
        with closing(connect()) as connection:
            rates = experience.measured(connection, spec.model)
            urgent = experience.failed_last_time(connection, spec)
            planned = plan(catalogues.load(run_uri), spec, version, rates, urgent)
            uris = planned.save()
            runs.record_plan(connection, spec.run_id, len(uris))
        log.info("%s", planned.estimate or "nothing to infer")
        return uris


def engine(run_uri: str) -> str:
    """The engine that the run was opened with: local or kubernetes."""
    return RunSpec.load(run_uri).engine


def infer(chunk_uri: str) -> None:
    """The local engine: `firstpass infer CHUNK_URI`, the very command that a pod runs, as a subprocess.

    Its output goes to the log line by line. Raises FirstpassError when the command says that a person is needed (exit
    code 2) and RuntimeError, worth another try, for any other failure. Stopped itself, it stops the command, which
    keeps what it has finished.
    """
    command = [str(Path(sys.executable).with_name("firstpass")), "infer", chunk_uri]
    env = os.environ | _cvat_environment(chunk_uri)
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        lines: list[str] = []
        try:
            for line in process.stdout:
                log.info("%s", line.rstrip())
                lines = [*lines[-20:], line.rstrip()]
        except BaseException:
            process.terminate()
            raise
    if process.returncode == NEEDS_A_PERSON:
        problem, _, fix = "\n".join(lines).rpartition("firstpass: ")[2].partition("\n  What to do: ")
        raise FirstpassError(problem, fix or "see the log of this task")
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with exit code {process.returncode}")


def _cvat_environment(chunk_uri: str) -> dict[str, str]:
    """The connection to CVAT for a chunk's process, which cannot ask Airflow for it."""
    from firstpass.cvat.connection import environment

    run_uri = chunk_uri.rsplit("/chunks/", 1)[0]
    return environment() if RunSpec.load(run_uri).images.startswith("cvat:") else {}


def merge(run_uri: str | None, planned: list[str] | None) -> dict[str, int]:
    """Bring every planned chunk into the warehouse, one transaction each. Returns counts.

    A chunk without a valid result is recorded as failed, image by image, and never stops the others. `planned` is what
    `plan_chunks` returned; None, as for a run whose earlier tasks failed, raises FirstpassError.
    """
    if run_uri is None or planned is None:
        raise FirstpassError("the run has no chunks: an earlier task failed", "see that task, and clear it")
    spec = RunSpec.load(run_uri)
    totals = {"chunks": 0, "images": 0, "detections": 0, "failed": 0}
    with _stage(spec.run_id, "merge"), closing(connect()) as connection:
        for chunk, counts in merging.merge_chunks(connection, spec, read_chunks(run_uri)):
            totals["chunks"] += 1
            if isinstance(counts, FirstpassError):
                log.error("chunk %d: %s", chunk.index, counts)
                merging.fail_chunk(connection, spec, chunk, counts.problem)
                counts = {"failed": len(chunk.images)}
            for name in totals.keys() & counts.keys():
                totals[name] += counts[name]
        log.info("%s", ", ".join(f"{count} {name}" for name, count in totals.items()))
        return totals


def check(run_uri: str) -> str:
    """Check the run's data quality in the warehouse. Returns the verdict: passed, warnings or failed."""
    from firstpass.quality.checks import check_run  # Great Expectations takes seconds to import

    spec = RunSpec.load(run_uri)
    with _stage(spec.run_id, "check"):
        verdict = check_run(spec.run_id)
        log.info("%s: %d checks", verdict.state, len(verdict.results))
        return str(verdict.state)


def report(run_uri: str) -> str:
    """Close the run and write its report. Returns the report's URI."""
    from firstpass.quality.report import build_report  # plots and pictures take seconds to import

    spec = RunSpec.load(run_uri)
    with _stage(spec.run_id, "report"):
        with closing(connect()) as connection:
            state = "partial" if run_summary(connection, spec.run_id)["failed"] else "success"
            runs.finish_run(connection, spec.run_id, state)
        uri = build_report(spec.run_id)
        log.info("%s: %s", state, uri)
        return uri


@contextmanager
def _stage(run_id: str, stage: str) -> Iterator[None]:
    """Time a stage into the warehouse; leave word of a failure where the command line and the report find it.

    The word is the file error.json in the run's folder: {"stage", "problem", "fix"}. Another try takes it away.
    """
    note = storage.join(run_folder(run_id), "error.json")
    storage.delete(note)
    started = time.monotonic()
    try:
        yield
    except Exception as error:
        fix = error.fix if isinstance(error, FirstpassError) else "see the log of this task; it is tried again"
        problem = error.problem if isinstance(error, FirstpassError) else f"{type(error).__name__}: {error}"
        with suppress(Exception):  # the failure itself is what counts, wherever it can still be told
            storage.write(note, json.dumps({"stage": stage, "problem": problem, "fix": fix}).encode())
        with suppress(Exception), closing(connect()) as connection:
            runs.finish_run(connection, run_id, "failed")
        raise
    with closing(connect()) as connection:
        runs.record_stage(connection, run_id, stage, round(time.monotonic() - started, 3))


def _score(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise FirstpassError(f"{name} is {value!r}", "give a number from 0 to 1, for example 0.4")
    return float(value)


def _class_thresholds(version: ModelVersion, asked: dict[str, float]) -> dict[int, float]:
    ids = version.classes.ids
    for name in asked:
        if name not in ids:
            near = get_close_matches(name, ids, n=3, cutoff=0.5) or list(ids)[:10]
            raise FirstpassError(
                f"class_thresholds names {name!r}, which is not a class of {version.ref}",
                f"use one of its {len(ids)} classes, for example {', '.join(map(repr, near))}",
            )
    return {ids[name]: _score(f"class_thresholds[{name!r}]", value) for name, value in asked.items()}
