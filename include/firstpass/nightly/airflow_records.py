"""Airflow's own records, through Airflow's own command: `airflow db clean`."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Collection, Mapping
from datetime import datetime

from firstpass.errors import FirstpassError

# Not `dag`, which a stack that was down for months would lose with all that refers to it; not `trigger`, which belongs
# to tasks that wait, and which Airflow clears itself.
_TABLES = (
    "dag_run", "task_instance", "task_instance_history", "task_reschedule", "xcom", "log", "job", "asset_event",
    "callback", "import_error", "dag_version", "revoked_token",
)  # fmt: skip
# Airflow 3.3 takes these for tables with a column dag_id, and cannot clean them where DAGs are left out. What hangs on
# a run goes with the run; events of assets stay until no old run is active.
_WITHOUT_DAG = {"asset_event", "deadline", "task_reschedule"}
_BATCH = 5_000  # rows a transaction
_FOUND = re.compile(r"Found (\d+) rows meeting deletion criteria")
_FAILED = re.compile(r"tables were not cleaned due to errors: (\[.*?\])", re.DOTALL)


def clean_records(
    environment: Mapping[str, str], before: datetime, waiting: Collection[str], *, dry_run: bool = False
) -> int:
    """Let Airflow remove its records from before this time; returns how many rows it found.

    environment: in which `airflow` finds its database. waiting: DAGs that have a run from before that time which has
    not ended; their records stay. Of each DAG the last scheduled run stays, by Airflow's own rule. Rows that hang on
    others (a run's tasks on the run) may be counted twice in a dry run. Raises FirstpassError with Airflow's last words
    where it fails.
    """
    command = [
        *(sys.executable, "-m", "airflow", "db", "clean", "--yes", "--skip-archive"),
        *("--clean-before-timestamp", before.isoformat(), "--batch-size", str(_BATCH), "--tables", ",".join(_TABLES)),
        *(("--exclude-dag-ids", ",".join(sorted(waiting))) if waiting else ()),
        *(("--dry-run",) if dry_run else ()),
    ]
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)
    words = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    unclean = {name for found in _FAILED.findall(done.stdout + done.stderr) for name in re.findall(r"\w+", found)}
    unclean -= _WITHOUT_DAG if waiting else set()
    if done.returncode or unclean:
        why = (
            f"it could not clean {', '.join(sorted(unclean))}" if unclean else words[-1] if words else "no word of why"
        )
        raise FirstpassError(
            f"`airflow db clean` failed: {why}",
            "run it by hand, `firstpass airflow db clean --help`; everything else was pruned",
        )
    return sum(int(number) for number in _FOUND.findall(done.stdout))
