"""`airflow db clean` on a real metadata database: what it is asked for, and what it is never asked for."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from firstpass.errors import FirstpassError
from firstpass.nightly.airflow_records import clean_records

BEFORE = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def fake(tmp_path: Path) -> dict[str, str]:
    """The environment of a command `airflow` that says what it was asked, finds 3 and 4 rows, and exits with CODE."""
    package = tmp_path / "path" / "airflow"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(
        "import os, pathlib, sys\n"
        f"pathlib.Path({str(tmp_path / 'asked')!r}).write_text(' '.join(sys.argv[1:]))\n"
        "print('Found 3 rows meeting deletion criteria.\\nFound 4 rows meeting deletion criteria.')\n"
        "print('Traceback\\nOperationalError: no such host\\n', file=sys.stderr)\nsys.exit(int(os.environ['CODE']))"
    )
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(package.parent), "CODE": "0"}


def test_what_is_asked_for(fake, tmp_path):
    assert clean_records(fake, BEFORE, {"review_mapping", "another"}, dry_run=True) == 7
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("db clean --yes --skip-archive --clean-before-timestamp")
    assert "-timestamp 2026-02-01T00:00:00+00:00 " in asked
    assert "--exclude-dag-ids another,review_mapping" in asked
    assert asked.endswith("--dry-run")
    tables = asked.split("--tables ")[1].split()[0].split(",")
    assert "dag" not in tables
    assert "trigger" not in tables
    clean_records(fake, BEFORE, ())
    asked = (tmp_path / "asked").read_text()
    assert "--exclude-dag-ids" not in asked
    assert "--dry-run" not in asked


def test_airflows_last_words_are_told(fake):
    with pytest.raises(FirstpassError, match="`airflow db clean` failed: OperationalError: no such host"):
        clean_records(fake | {"CODE": "1"}, BEFORE, ())


@pytest.mark.parametrize(("waiting", "told"), [((), "deadline, xcom"), (("review_mapping",), "xcom")])
def test_a_table_that_airflow_could_not_clean_is_told(fake, tmp_path, waiting, told):
    main = tmp_path / "path" / "airflow" / "__main__.py"
    main.write_text("print(\"The following tables were not cleaned due to errors: ['xcom', 'deadline']. Check …\")")
    with pytest.raises(FirstpassError, match=f"could not clean {told}"):
        clean_records(fake, BEFORE, waiting)


def test_airflow_does_it(tmp_path):
    """Its own command on its own database: old records go, and of each DAG the last scheduled run stays."""
    path = tmp_path / "airflow.db"
    environment = {
        "PATH": os.environ["PATH"],
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{path}",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=environment, check=True, capture_output=True)
    with sqlite3.connect(path) as conn:
        for month in range(1, 4):
            conn.execute(
                "INSERT INTO log (dttm, event, dag_id) VALUES (?, 'x', 'preannotate')", [f"2026-{month:02d}-15"]
            )
        conn.execute("INSERT INTO log (dttm, event, dag_id) VALUES ('2026-01-01 02:00:00', 'x', 'review_mapping')")
    assert clean_records(environment, BEFORE, {"review_mapping"}, dry_run=True) == 1
    assert clean_records(environment, BEFORE, {"review_mapping"}) == 1
    with sqlite3.connect(path) as conn:
        found = conn.execute("SELECT dag_id, count(*) FROM log WHERE event = 'x' GROUP BY 1 ORDER BY 1").fetchall()
        assert found == [("preannotate", 2), ("review_mapping", 1)]
        archives = conn.execute("SELECT name FROM sqlite_master WHERE name LIKE '_airflow_deleted%'").fetchall()
        assert archives == []
    assert clean_records(environment, BEFORE, ()) == 1
