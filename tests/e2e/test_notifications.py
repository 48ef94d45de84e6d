"""Nights that are late, end with warnings or fail say so to a webhook, through Airflow's own callbacks."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg2
import pytest

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


def let_the_deadline_pass(stack, photos) -> None:
    """Moves the deadline of the run over these photos, which is hours away, into the past."""
    metadata = stack("sql", "--dsn").stdout.strip().replace("/firstpass?", "/airflow?")
    with closing(psycopg2.connect(metadata)) as connection, connection.cursor() as cursor:
        while cursor.rowcount != 1:
            time.sleep(0.1)
            cursor.execute(
                "UPDATE deadline SET deadline_time = now() - interval '1 s' FROM dag_run r"
                " WHERE r.id = dagrun_id AND r.conf::text LIKE %s AND NOT missed",
                [f"%{photos}%"],
            )
            connection.commit()


def told(webhook, run_id: str, messages: int) -> list[dict]:
    """What was posted about the run, once it is so many messages."""
    deadline = time.monotonic() + 120
    while len(found := [body for body in webhook.bodies if body["run_id"] == run_id]) < messages:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


def test_lateness_and_warnings_are_posted(stack, webhook, photos):
    (photos / "torn.jpg").write_bytes((photos / "china.jpg").read_bytes()[:5000])
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(stack.run, "--images", photos, "--reprocess")
        let_the_deadline_pass(stack, photos)
        run_id = running.result()["run_id"]
    late, warnings = sorted(told(webhook, run_id, 2), key=lambda body: body["event"])
    assert late["title"] == "Pre-annotation is late"
    assert warnings["event"] == "warnings"
    assert warnings["facts"]["unreadable"] == 1
    assert any("cannot be read" in line for line in warnings["lines"])
    port = stack.environment["FIRSTPASS_PORT"]
    assert warnings["url"].startswith(f"http://127.0.0.1:{port}/pre-annotation/report?run=manual__")


def test_a_failure_is_posted_with_what_to_do(stack, webhook):
    run_id = stack.run("--images", "cvat:task/9", code=2)["run_id"]
    (failed,) = told(webhook, run_id, 1)
    assert failed["title"] == "Pre-annotation failed"
    assert any(line.startswith("resolve_model: ") and "tasks/9" in line for line in failed["lines"])
    assert any(line.startswith("What to do: ") for line in failed["lines"])


def test_good_nights_are_silent_and_no_log_knows_the_address(stack, webhook):
    told = {body["run_id"] for body in webhook.bodies if body["event"] == "warnings"}
    passed = {run_id for (run_id,) in stack.sql("SELECT run_id FROM quality_verdicts WHERE verdict = 'passed'")}
    assert not told & passed
    address = webhook.secret.encode()
    logs = [path for folder in ("logs", "var/log") for path in (stack.home / folder).rglob("*.log")]
    assert logs
    assert [path for path in logs if address in path.read_bytes()] == []
