"""The whole installation, looked at without a stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg2.extensions import make_dsn

from firstpass.settings import settings

FIRSTPASS = Path(sys.executable).with_name("firstpass")


@pytest.fixture
def doctor(home, cvat, bucket, s3_endpoint, warehouse_dsn):
    """`doctor(NAME=value)`: `firstpass doctor --json` in a process of its own; exit code and findings by item."""

    def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
        given = {
            "FIRSTPASS_HOME": str(home),
            "FIRSTPASS_STORAGE": f"{bucket}/nights",
            "FIRSTPASS_S3_ENDPOINT": s3_endpoint,
            "FIRSTPASS_WAREHOUSE_DSN": make_dsn(warehouse_dsn, password="sesame-of-the-warehouse"),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "sesame-of-storage",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AIRFLOW_CONN_CVAT_DEFAULT": cvat.connection(),
            "AIRFLOW_HOME": str(home / "airflow"),
        }
        command = [FIRSTPASS, "doctor", *arguments]
        return subprocess.run(command, env=os.environ | given | environment, capture_output=True, text=True, cwd=home)

    return call


def test_a_whole_installation(doctor, home, cvat):
    (home / "include" / "models").mkdir(parents=True)
    done = doctor("--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {row["item"]: row for row in json.loads(done.stdout)}
    states = {item: row["state"] for item, row in found.items()}
    assert states["warehouse"] == states["storage"] == states["CVAT"] == states["versions"] == "ok"
    assert states["stack"] == states["cluster"] == states["GPU"] == "not used"
    assert {path.name for path in home.iterdir()} <= {"include", "airflow", "storage"}  # nothing was started
    for secret in ("sesame", cvat.token):
        assert secret not in done.stdout + done.stderr


def test_problems_are_told_in_words_without_secrets(doctor, cvat):
    done = doctor(
        FIRSTPASS_WAREHOUSE_DSN="postgresql://me:sesame-street@127.0.0.1:9/photos",
        FIRSTPASS_STORAGE="s3://nobody-made-this",
        AIRFLOW_CONN_CVAT_DEFAULT=cvat.connection("pat-sesame-street"),
    )
    assert done.returncode == 2
    lines = " ".join(done.stdout.split())
    for words in ("nobody-made-this cannot be", "refuses the token", "127.0.0.1:9/photos", "What to do:", "3 problems"):
        assert words in lines
    assert "sesame" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_misspelt_setting_is_the_finding(call, monkeypatch, home):
    (home / ".env").write_text("FIRSTPASS_PROT=8081\n")
    settings.cache_clear()
    result = call("doctor", "--json")
    assert result.exit_code == 2
    (row,) = json.loads(result.stdout)
    assert (row["item"], row["state"]) == ("settings", "problem")
    assert "FIRSTPASS_PROT" in row["found"]


def test_what_hangs_does_not_keep_the_command_from_ending(doctor, home):
    """A list of model sources that never comes; nobody writes into the pipe."""
    os.mkfifo(home / "models.yaml")
    done = doctor("--json", "--timeout", "2")
    assert done.returncode == 2
    found = {row["item"]: row for row in json.loads(done.stdout)}
    assert found["models"]["state"] == "problem"
    assert found["models"]["found"] == "no answer within 2 seconds"
    assert {"warehouse", "storage", "CVAT", "disk"} <= found.keys()
