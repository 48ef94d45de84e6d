"""
## Ask a person which labels a model's classes map to

Started by `publish` when classes of a model match no label of a project and the policy is to ask. Shows the proposal
as a table; somebody approves it, approves it with changes, or rejects it. The answer is checked and kept for this
project and model version, so the question is asked once. Then the runs that waited for it are published. Nothing else
waits; without an answer, the question is asked again with the next night's drafts.

| task | what it does |
|---|---|
| `propose` | the table: class, label, reason |
| `decide` | Airflow's own form, under *Required Actions* |
| `record` | checks the answer against the model's classes and the project's labels, and stores it |
| `publish` | starts `publish` for each run that waited |
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param, get_current_context, task

from firstpass.airflow.dag_wiring import RETRY_POLICY, with_patience
from firstpass.waiting import patiently

PARAMS = {
    "scope": Param(
        "",
        type="string",
        pattern=r"^((project|task)/[0-9]{1,9})?$",
        title="Project or task",
        description_md="`project/3`, or `task/12` for a task without one. Empty: the oldest open question.",
        section="Which mapping",
    ),
    "model": Param(
        "",
        type="string",
        maxLength=150,
        title="Model version",
        description_md="`name@version`. Empty: the oldest open question.",
        section="Which mapping",
    ),
}

with DAG(
    dag_id="review_mapping",
    doc_md=__doc__,
    description="Ask a person which CVAT labels a model's classes map to.",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),  # noqa: UP017 - the form that Airflow's docs use
    catchup=False,
    max_active_runs=100,  # each waits for a person
    tags=["firstpass", "cvat"],
    params=PARAMS,
    default_args={
        "owner": "firstpass",
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "retry_policy": RETRY_POLICY,
        "execution_timeout": with_patience(timedelta(minutes=5)),
    },
    dagrun_timeout=timedelta(days=8),
):

    @task(multiple_outputs=True)
    def propose() -> dict[str, str]:
        from firstpass.nightly import review_mapping

        params = get_current_context()["params"]
        return patiently(review_mapping.proposal, params["scope"], params["model"])

    proposal = propose()

    decide = HITLOperator(
        task_id="decide",
        subject="Which labels do the classes of {{ ti.xcom_pull(task_ids='propose')['model'] }} map to"
        " in {{ ti.xcom_pull(task_ids='propose')['scope'] }}?",
        body="{{ ti.xcom_pull(task_ids='propose')['table'] }}",
        options=["Approve", "Approve with changes", "Reject", "Later"],
        defaults=["Later"],
        response_timeout=timedelta(days=7),
        params={
            "changes": Param(
                {},
                type="object",
                title="Changes",
                description_md='Where the proposal is wrong: `{"person": "Pedestrian", "kite": "ignore"}`.',
                section="Answer",
            )
        },
    )

    @task
    def record(asked: dict[str, str], answer: dict[str, Any]) -> list[dict[str, Any]]:
        from firstpass.nightly import review_mapping

        (choice,) = answer["chosen_options"]
        user = (answer.get("responded_by_user") or {}).get("name") or "nobody"
        changes = answer["params_input"].get("changes") or {}
        return patiently(review_mapping.record, asked["scope"], asked["model"], choice, changes, user)

    recorded = record(proposal, decide.output)
    proposal >> decide
    TriggerDagRunOperator.partial(task_id="publish", trigger_dag_id="publish").expand_kwargs(recorded)
