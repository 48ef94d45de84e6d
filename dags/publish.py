"""
## Publish drafts to CVAT

Runs after every `preannotate` (asset `firstpass_drafts`), once more in the morning, and by hand for any past run.
Publishes the drafts of finished runs over CVAT, unless a critical check failed, into the tasks that their frames came
from: as rectangles, polygons or masks, whichever the label's type allows, with score and `source: auto`.

Every shape arrives exactly once, however often this runs, fails or is killed: a ledger in the warehouse knows what was
sent. What a person drew, edited or deleted is never touched; drafts of older versions of the same model that nobody
touched are replaced. Classes that no label fits are dropped, refused, or asked about in `review_mapping`
(FIRSTPASS_CVAT_UNMATCHED); a question without an answer holds up nothing else.

| task | what it does |
|---|---|
| `find_work` | the runs that are not published yet, and their tasks in CVAT |
| `publish` | one per batch of tasks; a task that fails is tried again and does not affect the others |
| `renew_reports` | writes the runs' reports again, with links to their tasks and the label of each class |
| `questions` | finds the mappings that need an answer from a person |
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

from firstpass.airflow.dag_wiring import RETRY_POLICY, at, with_patience
from firstpass.waiting import patiently

PARAMS = {
    "run_id": Param(
        "",
        type="string",
        maxLength=250,
        title="Run",
        description_md="A run of `preannotate`, or `latest`. Empty: every run that is still to be published.",
        section="What to publish",
    ),
    "unmatched": Param(
        None,
        type=["null", "string"],
        enum=[None, "fail", "drop", "ask"],
        title="Classes without a label",
        description_md="Fail, drop their detections, or ask a person in `review_mapping`. Empty: as configured.",
        section="What to publish",
    ),
    "unchecked": Param(
        False,
        type="boolean",
        title="Publish despite failed checks",
        description_md="Also publish a run that failed a critical check or was never checked.",
        section="What to publish",
    ),
}

with DAG(
    dag_id="publish",
    doc_md=__doc__,
    description="Publish the drafts of finished runs to the CVAT tasks that their frames came from.",
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
        "execution_timeout": with_patience(timedelta(minutes=10)),
    },
    dagrun_timeout=with_patience(timedelta(hours=12), waits=4),
):

    @task
    def find_work() -> list[dict[str, Any]]:
        from firstpass.nightly import publish

        params = get_current_context()["params"]
        return patiently(publish.find_work, params["run_id"], unchecked=params["unchecked"])

    @task(
        execution_timeout=with_patience(timedelta(hours=4)),
        max_active_tis_per_dagrun=4,
        map_index_template="{{ task.op_kwargs['work']['tasks'] | join(', ') }}",
    )
    def publish(work: dict[str, Any]) -> dict[str, int]:
        from firstpass.nightly import publish

        params = get_current_context()["params"]
        return patiently(
            publish.publish, work["run_id"], work["tasks"], params["unmatched"], unchecked=params["unchecked"]
        )

    @task(trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS)
    def renew_reports(work: list[dict[str, Any]]) -> list[str]:
        from firstpass.nightly import publish

        return patiently(publish.renew_reports, work)

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def questions() -> list[dict[str, Any]]:
        from firstpass.nightly import publish

        return patiently(publish.questions)

    work, asked = find_work(), questions()
    publish.expand(work=work) >> [renew_reports(work), asked]
    TriggerDagRunOperator.partial(
        task_id="ask", trigger_dag_id="review_mapping", skip_when_already_exists=True
    ).expand_kwargs(asked)
