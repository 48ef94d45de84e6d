"""
## Sync models from the training workflows

Checks the sources listed in `models.yaml` (FIRSTPASS_MODEL_SOURCES) every hour, or one source given by hand. When the
newest complete model under a source has changed, it is downloaded, checked and admitted to the model store.

| a source's task | means |
|---|---|
| success | a new version was **admitted**; asset `firstpass_models` has an event with name, version and source |
| skipped | the source is **unchanged** since the last sync; its name says so where it is **still refused** |
| failed | a new version was **refused**, or the source cannot be read: the log says why |

A version that was refused is not tried again until its files change: the hours after that are skipped, and labelled
`(still refused)` in the grid. `firstpass models list` shows refused versions and their reasons too; the warehouse has
them in the table `models`. `firstpass models sync --name NAME --again` tries one again.

Each source has a time limit, and so has a run: one that hangs does not keep the others, or the next hour, from being
synced. A download that was cut continues in the next hour. A version appears in the store whole or not at all, and the
previous one stays in use until the next is admitted. `preannotate` uses the newest admitted version unless a run names
another.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    Metadata,
    Param,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowSkipException

from firstpass.airflow.dag_wiring import RETRY_POLICY, at
from firstpass.settings import settings
from firstpass.waiting import patiently

MODELS = Asset(name="firstpass_models", uri="x-firstpass://models", group="firstpass")

PARAMS = {
    "name": Param(
        "",
        type="string",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,99})?$",
        title="Model",
        description_md="Only this model. Empty: every configured source. Needed when a source is given below.",
        section="What to sync",
    ),
    "source": Param(
        "",
        type="string",
        maxLength=1024,
        pattern=r"^(s3://[^/]+.*|/.*)?$",
        title="Source",
        description_md="`s3://bucket/prefix` or a folder on the server, instead of what is configured for the model.",
        section="What to sync",
    ),
    "connection": Param(
        "",
        type="string",
        pattern=r"^[A-Za-z0-9_.-]{0,200}$",
        title="Connection",
        description_md="Airflow connection for S3. Empty: the configured one.",
        section="What to sync",
    ),
}

# A run is over before the next hour's, however long FIRSTPASS_WAIT_MINUTES lets a task wait: what did not get done is
# tried in that one, and a download goes on there.
SOURCE_LIMIT = timedelta(minutes=35 + settings().admission_minutes)

with DAG(
    dag_id="sync_models",
    doc_md=__doc__,
    description="Download, check and admit new models from the training workflows.",
    schedule=at("0 * * * *"),
    catchup=False,
    max_active_runs=1,
    tags=["firstpass", "models"],
    params=PARAMS,
    default_args={
        "owner": "firstpass",
        "retries": 3,
        "retry_delay": timedelta(seconds=30),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=10),
        "retry_policy": RETRY_POLICY,
        "execution_timeout": timedelta(minutes=10),
    },
    dagrun_timeout=SOURCE_LIMIT + timedelta(minutes=10),
):

    @task
    def list_sources() -> list[dict[str, Any]]:
        from dataclasses import asdict

        from firstpass.nightly import sync_models

        params = get_current_context()["params"]
        asked = params["name"], params["source"], params["connection"]
        return [asdict(source) for source in patiently(sync_models.wanted_sources, *asked)]

    @task(
        outlets=[MODELS],
        execution_timeout=SOURCE_LIMIT,
        max_active_tis_per_dagrun=4,
        map_index_template="{{ task.op_kwargs['source']['name'] }}{{ label | default('') }}",
    )
    def sync(source: dict[str, Any]) -> Iterator[Metadata]:
        from firstpass.errors import FirstpassError
        from firstpass.models.model_sources import ModelSource
        from firstpass.nightly import sync_models

        synced = patiently(sync_models.sync_source, ModelSource(**source))
        if synced.version is None:
            get_current_context()["label"] = "" if synced.admitted else " (still refused)"
            why = f": {'; '.join(synced.reasons)}" if synced.reasons else ""
            raise AirflowSkipException(f"{synced.source} is {synced.state} since {synced.ref}{why}")
        if not synced.admitted:
            raise FirstpassError(f"{synced.ref} was refused: {'; '.join(synced.reasons)}", "correct its files")
        name, _, version = synced.ref.partition("@")
        yield Metadata(MODELS, extra={"name": name, "version": version, "source": synced.source})

    sync.expand(source=list_sources())
