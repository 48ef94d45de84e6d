"""
## Draft the annotations of every new image

Runs every night, and whenever somebody presses *Trigger*: takes an admitted model, finds the images that are new, runs
the detector over them in chunks, merges the detections into the annotation warehouse, checks the data and writes a
report with pictures. Images that the same model inferred before cost nothing.

| task | what it does |
|---|---|
| `resolve_model` | checks the parameters and chooses a model version |
| `admit_model` | checks that the model's files and class table are still what was admitted |
| `catalogue_images` | lists the images, tells new from known, finds the same photo under two names |
| `plan_chunks` | splits what is new into chunks of equal cost |
| `infer` | one task per chunk: `firstpass infer CHUNK_URI`, on this machine (`infer`) or in a pod (`infer_in_pod`) |
| `merge` | writes each chunk's results to PostgreSQL in one transaction |
| `check` | data quality with Great Expectations |
| `report` | one HTML file with totals, pictures and quarantined files; asset `firstpass_drafts` wakes `publish` |
| `confirm_complete` | is red when something is missing, and says what. Closes a run whose tasks were killed as failed |

A run is **green** only if every image that is there was looked at. Images that failed, images and folders that may not
be read: `confirm_complete` fails, at its first try, and says how many, which ones first, and why. The DAG run stays a
success, because its drafts are good. New images of which none could be inferred make the DAG run fail, after its report
is written.

A chunk that fails does not affect the rest of the night: what it had finished is merged, its other images are reported
as failed and come first next time. What is away or full
(storage, the warehouse, CVAT, a disk, the cluster) is waited for, up to FIRSTPASS_WAIT_MINUTES, and costs no try; the
task's log says what it waits for. Everyone in FIRSTPASS_NOTIFY_EMAIL, and the endpoint in
FIRSTPASS_NOTIFY_WEBHOOK_CONN_ID, is told about a night with warnings, one with failed images, one that failed, and one
that is late (FIRSTPASS_DEADLINE_MINUTES). A good night sends nothing.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from airflow.sdk import DAG, Asset, TriggerRule, get_current_context, task

from firstpass.airflow.dag_wiring import NIGHT, RETRY_POLICY, at, night_callbacks, pods_wanted, with_patience
from firstpass.settings import settings
from firstpass.waiting import patiently

# "x-": no provider's scheme, so that Airflow does not import every provider to find out.
DRAFTS = Asset(name="firstpass_drafts", uri="x-firstpass://drafts", group="firstpass")

with DAG(
    dag_id="preannotate",
    doc_md=__doc__,
    description="Draft the annotations of every new image with a trained model.",
    schedule=at(settings().schedule) if settings().schedule else None,
    catchup=False,
    max_active_runs=4,
    tags=["firstpass", "nightly"],
    params=NIGHT,
    default_args={
        "owner": "firstpass",
        "retries": 3,
        "retry_delay": timedelta(seconds=10),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=5),
        "retry_policy": RETRY_POLICY,
        "execution_timeout": with_patience(timedelta(hours=2)),
    },
    dagrun_timeout=with_patience(timedelta(hours=12), waits=4),
    render_template_as_native_obj=True,
    **night_callbacks(),
):

    @task
    def resolve_model() -> str:
        from firstpass.nightly import preannotate

        context = get_current_context()
        request = preannotate.RunRequest(run_id=context["run_id"], **context["params"])
        return patiently(preannotate.resolve_model, request)

    @task
    def admit_model(run_uri: str) -> None:
        from firstpass.nightly import preannotate

        patiently(preannotate.admit_model, run_uri)

    @task
    def catalogue_images(run_uri: str) -> dict[str, int]:
        from firstpass.nightly import preannotate

        return patiently(preannotate.catalogue_images, run_uri)

    @task
    def plan_chunks(run_uri: str) -> list[str]:
        from firstpass.nightly import preannotate

        return patiently(preannotate.plan_chunks, run_uri)

    @task(
        execution_timeout=with_patience(timedelta(hours=10), waits=2),
        max_active_tis_per_dagrun=settings().workers,
        map_index_template="{{ chunk_uri.rsplit('/', 1)[-1] }}",
    )
    def infer(chunk_uri: str) -> None:
        from firstpass.nightly import preannotate

        preannotate.infer(chunk_uri)

    # A chunk may fail, and a night with nothing new skips `infer`: merge goes by the plan alone.
    @task(trigger_rule=TriggerRule.ALL_DONE)
    def merge(run_uri: str, planned: list[str] | None) -> dict[str, int]:
        from firstpass.nightly import preannotate

        return patiently(preannotate.merge, run_uri, planned)

    @task
    def check(run_uri: str) -> str:
        from firstpass.nightly import preannotate

        return patiently(preannotate.check, run_uri)

    @task(outlets=[DRAFTS])
    def report(run_uri: str) -> str:
        from firstpass.nightly import preannotate

        return patiently(preannotate.report, run_uri)

    # A teardown: it runs however the others ended, and its own failure leaves the state of the DAG run alone.
    @task
    def confirm_complete() -> None:
        from firstpass.airflow.failed_runs import asked_of
        from firstpass.airflow.task_states import other_tasks
        from firstpass.nightly import preannotate

        context = get_current_context()
        states = partial(other_tasks, context)
        patiently(preannotate.confirm_complete, context["run_id"], asked_of(context), states)

    run = resolve_model()
    chunk_uris = plan_chunks(run)
    merged = merge(run, chunk_uris)
    admit_model(run) >> catalogue_images(run) >> chunk_uris
    inferred = [infer.expand(chunk_uri=chunk_uris)]
    if pods_wanted():
        from firstpass.airflow.pod_operator import InferencePod, pod_arguments

        @task.branch
        def choose_engine(run_uri: str) -> str:
            from firstpass.nightly import preannotate

            return {"kubernetes": "infer_in_pod", "local": "infer"}[patiently(preannotate.engine, run_uri)]

        in_pods = InferencePod.partial(
            task_id="infer_in_pod",
            map_index_template="{{ task.arguments[-1].rsplit('/', 1)[-1] }}",
            **pod_arguments(settings()),
        )
        inferred.append(in_pods.expand(arguments=chunk_uris.map(lambda uri: ["infer", uri])))
        chosen = choose_engine(run)
        chunk_uris >> chosen >> inferred
    inferred >> merged >> check(run) >> report(run) >> confirm_complete().as_teardown()
