"""
## Bring drafts into CVAT

Runs after every `preannotate` (asset `firstpass_drafts`), once more in the morning, and by hand for any past run.
Publishes what finished runs over CVAT have drafted, unless a critical check failed, into the very tasks that the
frames came from: rectangles, polygons or masks as the label's type asks, with score and `source: auto`.

Every shape arrives exactly once, however often this runs, fails or is killed: a ledger in the warehouse knows what was
sent. What a person drew, edited or deleted is never touched; drafts of older versions of the same model that nobody
touched are replaced. Classes that no label fits are dropped, refused, or asked about in `review_mapping`
(FIRSTPASS_CVAT_UNMATCHED); what waits for an answer holds up nothing else.

| task | what it does |
|---|---|
| `find_work` | the runs that are not published yet, and their tasks in CVAT |
| `publish` | one a batch of tasks; a task that fails is tried again, and harms no other |
| `renew_reports` | the runs' reports again, with links to their tasks and what each class became |
| `questions` | which mappings a person has to be asked about |
| `ask` | starts `review_mapping`, once for each question |
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import (
    DAG,
    Asset,
    AssetOrTimeSchedule,
    Param,
    TriggerRule,
    get_current_context,
    task,
)

from firstpass.airflow.dag_wiring import RETRY_POLICY, at

PARAMS = {
    "run_id": Param(
        "",
        type="string",
        maxLength=250,
        title="Run",
        description_md="A run of `preannotate`, or `latest`. Empty: every run that was to be published and is not yet.",
        section="What to publish",
    ),
    "unmatched": Param(
        None,
        type=["null", "string"],
        enum=[None, "fail", "drop", "ask"],
        title="Classes without a label",
        description_md="Fail, drop them, or ask a person in `review_mapping`. Empty: as configured.",
        section="What to publish",
    ),
    "unchecked": Param(
        False,
        type="boolean",
        title="In spite of failed checks",
        description_md="Publish a run that failed a critical check or was never checked, too.",
        section="What to publish",
    ),
}

with DAG(
    dag_id="publish",
    doc_md=__doc__,
    description="Bring the drafts of finished runs into the CVAT tasks that their frames came from.",
    # Asset events can go unseen; the clock finds what they missed.
    schedule=AssetOrTimeSchedule(
        timetable=at("0 6 * * *"),
        assets=[Asset.ref(name="firstpass_drafts")],
    ),
    catchup=False,
    max_active_runs=4,
    tags=["firstpass", "cvat"],
    params=PARAMS,
    default_args={
        "owner": "firstpass",
        "retries": 5,
        "retry_delay": timedelta(seconds=30),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=15),
        "retry_policy": RETRY_POLICY,
        "execution_timeout": timedelta(minutes=10),
    },
    dagrun_timeout=timedelta(hours=12),
):

    @task
    def find_work() -> list[dict[str, Any]]:
        from firstpass.nightly import publish

        params = get_current_context()["params"]
        return publish.find_work(params["run_id"], unchecked=params["unchecked"])

    @task(
        execution_timeout=timedelta(hours=4),
        max_active_tis_per_dagrun=4,
        map_index_template="{{ task.op_kwargs['work']['tasks'] | join(', ') }}",
    )
    def publish(work: dict[str, Any]) -> dict[str, int]:
        from firstpass.nightly import publish

        params = get_current_context()["params"]
        return publish.publish(work["run_id"], work["tasks"], params["unmatched"], unchecked=params["unchecked"])

    @task(trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS)
    def renew_reports(work: list[dict[str, Any]]) -> list[str]:
        from firstpass.nightly import publish

        return publish.renew_reports(work)

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def questions() -> list[dict[str, Any]]:
        from firstpass.nightly import publish

        return publish.questions()

    work, asked = find_work(), questions()
    publish.expand(work=work) >> [renew_reports(work), asked]
    TriggerDagRunOperator.partial(
        task_id="ask", trigger_dag_id="review_mapping", skip_when_already_exists=True
    ).expand_kwargs(asked)
