"""The way of the data through the rooms: one function per task of the DAG `preannotate`, in order.

What passes between them is the URI of the run's folder in storage, and counts. Each function may be killed and called
again: it ends with the same files and the same rows.
"""

from __future__ import annotations

import logging
from contextlib import closing
from functools import partial

from psycopg2 import extensions

from firstpass.chunks.planning import plan, read_chunks
from firstpass.chunks.profiles import machine
from firstpass.contracts.run_error import RunError
from firstpass.contracts.run_spec import RunSpec
from firstpass.errors import FirstpassError
from firstpass.images import catalogue_file
from firstpass.images.catalogue import catalogue
from firstpass.images.limits import limits
from firstpass.images.sources import list_images
from firstpass.inference.memory_limit import limit_of
from firstpass.models.floors import floor_of
from firstpass.models.local_copy import local_folder
from firstpass.models.store import load_version
from firstpass.models.version_files import verify
from firstpass.nightly.completeness import confirm_complete
from firstpass.nightly.local_engine import infer
from firstpass.nightly.run_request import RunRequest
from firstpass.nightly.stage_timer import stage
from firstpass.warehouse import merge as merging
from firstpass.warehouse import run_failures, runs
from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.connection import connect
from firstpass.warehouse.image_faults import faults
from firstpass.warehouse.known_images import known, remembered
from firstpass.warehouse.measured_rates import measured
from firstpass.warehouse.migration import migrate
from firstpass.warehouse.outcomes import failed_last_time
from firstpass.warehouse.undone import undone

__all__ = [
    "RunRequest",
    "admit_model",
    "catalogue_images",
    "check",
    "confirm_complete",
    "engine",
    "infer",
    "merge",
    "plan_chunks",
    "report",
    "resolve_model",
]

log = logging.getLogger("firstpass")


def resolve_model(request: RunRequest) -> str:
    """Record the run, check what was asked for, settle on a model version and open the run. Returns the run's URI.

    Raises FirstpassError as `RunRequest.resolve` does.
    """
    with stage(request.run_id, "resolve_model", partial(_record, request)):
        spec, version = request.resolve()
        with closing(connect()) as connection:
            runs.begin_run(connection, spec, version)
        lowest, usual = spec.thresholds.lowest, floor_of(version)
        log.info("Run %s: %s over %s, threshold %g", spec.run_id, spec.model, spec.images, spec.thresholds.default)
        if lowest < usual:
            log.warning(
                "threshold %g is below the model's floor %g: images stored from there up are inferred again",
                lowest,
                usual,
            )
        return spec.save()


def _record(request: RunRequest, conn: extensions.connection) -> None:
    """Before anything else: a run that fails over what was asked for is in every list, too."""
    migrate(conn)
    for lost in run_failures.fail_silent_runs(conn):
        log.warning("Run %s was never closed: it counts as failed now", lost)
    run_failures.record_request(conn, request.run_id, request.images, request.model, request.asked)


def admit_model(run_uri: str) -> None:
    """Check that the model's files are what was admitted: weights, classes, checksums.

    Raises FirstpassError naming the file that changed. Does not run the network: admission did.
    """
    spec = RunSpec.load(run_uri)
    with stage(spec.run_id, "admit_model"):
        version = load_version(spec.model_uri)
        verify(version, local_folder(spec.model_uri))
        log.info("%s: %d classes, %d files as admitted", version.ref, len(version.classes), len(version.files))


def catalogue_images(run_uri: str) -> dict[str, int]:
    """List the images and tell the new from the known. Returns counts; what is new is in the run's folder."""
    spec = RunSpec.load(run_uri)
    within = limits(limit_of(spec.engine))
    with stage(spec.run_id, "catalogue_images"), closing(connect()) as connection:
        decided = catalogue(
            run_uri,
            list_images(spec.images),
            known=lambda hashes: known(connection, spec.model, spec.thresholds.lowest, hashes),
            remembered=lambda uris: remembered(connection, uris),
            faulty=lambda hashes: faults(connection, spec.model, within, hashes),
            reprocess=spec.reprocess,
        )
        merge_catalogue(connection, spec, decided, within)
        counts = catalogue_file.counts(run_uri)
        log.info("%s", ", ".join(f"{count} {name}" for name, count in counts.items()))
        return counts


def plan_chunks(run_uri: str) -> list[str]:
    """Split what is new into chunks and write their manifests. Returns the manifests' URIs, the longest chunk first."""
    spec = RunSpec.load(run_uri)
    with stage(spec.run_id, "plan_chunks"):
        version = load_version(spec.model_uri)
        with closing(connect()) as connection:
            rates = measured(connection, spec.model)
            urgent = failed_last_time(connection, spec)
            with catalogue_file.opened(run_uri) as images:
                planned = plan(images, spec, version, rates, urgent)
                uris = planned.save()
            runs.record_plan(connection, spec.run_id, len(uris))
        log.info("%s", planned.estimate or "nothing to infer")
        if planned.estimate and (caveat := machine(planned.estimate.machine).caveat):
            log.warning("FIRSTPASS_MACHINE=%s is %s", planned.estimate.machine, caveat)
        return uris


def engine(run_uri: str) -> str:
    """The engine that the run was opened with: local or kubernetes."""
    return RunSpec.load(run_uri).engine


def merge(run_uri: str | None, planned: list[str] | None) -> dict[str, int]:
    """Merge every planned chunk into the warehouse, one transaction each. Returns counts.

    Of a chunk without a valid result, what it had finished is merged, and the rest is recorded as failed, image by
    image; it never stops the others. `planned` is what `plan_chunks` returned; None, as for a run whose earlier tasks
    failed, raises FirstpassError.
    """
    if run_uri is None or planned is None:
        raise FirstpassError("the run has no chunks: an earlier task failed", "see that task, and clear it")
    spec = RunSpec.load(run_uri)
    totals = {"chunks": 0, "images": 0, "detections": 0, "drafts": 0, "failed": 0}
    with stage(spec.run_id, "merge"), closing(connect()) as connection:
        for chunk, counts in merging.merge_chunks(connection, spec, read_chunks(run_uri)):
            totals["chunks"] += 1
            if isinstance(counts, FirstpassError):
                log.error("chunk %d: %s", chunk.index, counts)
                counts = merging.fail_chunk(connection, spec, chunk, counts.problem)
            for name in totals.keys() & counts.keys():
                totals[name] += counts[name]
        log.info("%s", ", ".join(f"{count} {name}" for name, count in totals.items()))
        return totals


def check(run_uri: str) -> str:
    """Check the run's data quality in the warehouse. Returns the verdict: passed, warnings or failed."""
    from firstpass.quality.checks import check_run  # Great Expectations takes seconds to import

    spec = RunSpec.load(run_uri)
    with stage(spec.run_id, "check"):
        verdict = check_run(spec.run_id)
        log.info("%s: %d checks", verdict.state, len(verdict.results))
        return str(verdict.state)


def report(run_uri: str) -> str:
    """Close the run and write its report. Returns the report's URI.

    Raises FirstpassError, after the report is written, where there were new images and none could be inferred: such a
    run has failed.
    """
    from firstpass.report.build import build_report

    spec = RunSpec.load(run_uri)
    with stage(spec.run_id, "report"):
        with closing(connect()) as connection:
            left = undone(connection, spec.run_id)
            hopeless = left.error if left.state == "failed" else None
            if hopeless:
                run_failures.fail_run(connection, spec.run_id, RunError.of("report", hopeless))
            else:
                runs.finish_run(connection, spec.run_id, left.state)
        uri = build_report(spec.run_id)
        log.info("%s: %s", left.state, uri)
        if hopeless:
            raise hopeless
        return uri
