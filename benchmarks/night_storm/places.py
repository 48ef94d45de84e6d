"""Where a storm keeps its things, and the environment of everything that it starts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MARK = "STORM_STATE"  # in the environment of every process of a storm


@dataclass(frozen=True, slots=True)
class Places:
    """All below one folder, but for PostgreSQL's data where the user is root.

    saved: what a storm goes on from after an interruption: one folder per night that is over, the newest counts.
    """

    state: Path

    def __post_init__(self) -> None:
        for folder in (
            self.home / "var",
            self.photos,
            self.storage,
            self.temporary,
            self.pictures,
            self.logs,
            self.saved,
        ):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def home(self) -> Path:
        return self.state / "home"

    @property
    def photos(self) -> Path:
        """The source that is a folder."""
        return self.state / "photos"

    @property
    def storage(self) -> Path:
        """FIRSTPASS_STORAGE: a small file system of its own where it may be mounted."""
        return self.state / "storage"

    @property
    def temporary(self) -> Path:
        return self.state / "tmp"

    @property
    def pictures(self) -> Path:
        """Every content that ever was in a source, by its hash."""
        return self.state / "pictures"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def saved(self) -> Path:
        return self.state / "saved"

    @property
    def journal(self) -> Path:
        return self.state / "journal.jsonl"

    def environment(self, dsn: str, s3: str, cvat: str) -> dict[str, str]:
        """For every child. cvat: the JSON of Airflow's connection."""
        return {
            MARK: str(self.state),
            "FIRSTPASS_HOME": str(self.home),
            "FIRSTPASS_WAREHOUSE_DSN": dsn,
            "FIRSTPASS_STORAGE": str(self.storage),
            "FIRSTPASS_MODELS": str(self.state / "models"),
            "FIRSTPASS_CACHE": str(self.state / "cache"),
            "FIRSTPASS_S3_ENDPOINT": s3,
            "FIRSTPASS_BATCH_SIZE": "4",
            "FIRSTPASS_WORKERS": "2",
            "FIRSTPASS_WAIT_MINUTES": "2",
            "FIRSTPASS_REPORT_PICTURES": "12",
            "AIRFLOW_CONN_CVAT_DEFAULT": cvat,
            "AIRFLOW_HOME": str(self.home),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "TMPDIR": str(self.temporary),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "PYTHONPATH": os.pathsep.join(
                [str(ROOT / "include"), str(ROOT / "benchmarks"), str(ROOT / "tests"), str(self.state / "plugin")]
            ),
        }
