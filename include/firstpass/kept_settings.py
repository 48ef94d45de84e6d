"""The settings that say what a prune leaves: a part of `firstpass.settings.Settings`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from firstpass import cron
from firstpass.settings_reading import FromVariables


class KeptSettings(FromVariables):
    """What is kept, and for how long. Days and numbers of runs limit each for itself: what exceeds one of them goes."""

    model_config = SettingsConfigDict(env_prefix="FIRSTPASS_", frozen=True, extra="ignore")

    # What is kept, and for how long. `firstpass prune` and the DAG `prune` remove what exceeds one of these limits.
    prune_schedule: Annotated[str, AfterValidator(cron.checked)] = Field(
        "30 0 * * *", description="Cron expression of the DAG `prune`; empty for never."
    )
    keep_newest: int = Field(
        10, ge=1, description="The newest this many runs of each source keep everything, however old they are."
    )
    keep_results_days: int = Field(
        14,
        ge=0,
        description="Days for which a run's catalogue, chunk manifests and chunk results are kept; the warehouse has"
        " what is in them. 0: for ever.",
    )
    keep_results: int = Field(0, ge=0, description="Runs of each source that keep these files; 0 for no limit.")
    keep_reports_days: int = Field(365, ge=0, description="Days for which a run's report is kept. 0: for ever.")
    keep_reports: int = Field(0, ge=0, description="Runs of each source that keep their report; 0 for no limit.")
    keep_data_docs_days: int = Field(90, ge=0, description="Days for which a run's Data Docs are kept. 0: for ever.")
    keep_data_docs: int = Field(0, ge=0, description="Runs of each source that keep their Data Docs; 0 for no limit.")
    keep_runs_days: int = Field(
        365,
        ge=0,
        description="Days for which a run's outcomes, chunks and folder are kept. After that a row with its counts,"
        " checks and drift remains, as long as drafts rest on it. 0: for ever.",
    )
    keep_runs: int = Field(0, ge=0, description="Runs of each source that keep their outcomes; 0 for no limit.")
    keep_logs_days: int = Field(
        30, ge=0, description="Days for which logs below Airflow's log folder are kept. 0: for ever."
    )
    keep_airflow_days: int = Field(
        90,
        ge=0,
        description="Days for which Airflow's own records are kept, of runs, tasks and XComs. 0: for ever.",
    )
