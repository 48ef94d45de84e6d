"""Two terminals with different settings over one stack: neither breaks what the other has begun."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import replace

import pytest

from fixtures.real_stack import FIRSTPASS

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


@pytest.fixture
def running(stack, photos):
    """A run that was begun in another terminal."""
    command = [FIRSTPASS, "run", "--images", photos, "--reprocess", "--json"]
    process = subprocess.Popen(
        command, env=stack.environment, cwd=stack.home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    active = "SELECT 1 FROM runs WHERE state = 'running'"
    deadline = time.monotonic() + 120
    while not stack.sql(active):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.3)
    yield process
    process.wait(timeout=240)


def test_other_settings_are_refused_under_a_run_and_the_run_goes_on(stack, running):
    before = _pids(stack)
    other = replace(stack, environment=stack.environment | {"FIRSTPASS_CHECK_SIDE": "31", "AWS_REGION": "moon-1"})
    for command in ("up", "run"):
        refused = other(command)
        assert refused.returncode == 2, refused.stderr
        assert "FIRSTPASS_CHECK_SIDE (the stack has 32, here it is 31)" in refused.stderr
        assert "preannotate run manual__" in refused.stderr
        assert "--restart" in refused.stderr
    assert other("sql", "SELECT 1").returncode == 0, "whoever only reads takes the stack as it is"
    assert other("report", "latest").returncode in {0, 2}
    kept = replace(stack, environment=stack.environment | {"AWS_REGION": "moon-1"})("up")
    assert kept.returncode == 0
    assert "The running stack keeps its own AWS_REGION" in kept.stderr
    assert _pids(stack) == before
    out, err = running.communicate(timeout=240)
    assert running.returncode == 0, err
    assert json.loads(out)["state"] == "success"


def test_airflows_own_command_line_works_on_the_stack(stack):
    listed = stack("airflow", "dags", "list", "--output", "plain")
    assert listed.returncode == 0, listed.stderr
    assert {"preannotate", "publish"} <= {line.split()[0] for line in listed.stdout.splitlines() if line}
    assert stack("airflow", "no-such-command").returncode == 2


def _pids(stack) -> dict[str, int]:
    return {each["name"]: each["pid"] for each in json.loads(stack("status", "--json").stdout)["processes"]}
