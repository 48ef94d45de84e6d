"""Secrets that are comments, examples, defaults or damaged are refused by name; no value is shown."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

DOCKER = Path(__file__).resolve().parents[2] / "docker"
SCRIPT = DOCKER / "airflow" / "check_secrets.py"
GOOD = {
    "POSTGRES_PASSWORD": "5d1f0f7b3e7744f2a51de5af6fa1ad2c",
    "AIRFLOW_DATABASE_PASSWORD": "6e1f0f7b3e7744f2a51de5af6fa1ad2c",
    "WAREHOUSE_PASSWORD": "71f0f7b3.e7744f2a_51de5af6~fa1ad-2c",
    "S3_ACCESS_KEY": "8a2be3cbd6d04f3c9a1e",
    "S3_SECRET_KEY": "9a2be3cbd6/04f3c9a1e+ab",
    "ADMIN_PASSWORD": "a word, another",
    "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
    "AIRFLOW__API__SECRET_KEY": "1" + "0123456789abcdef" * 4,
    "AIRFLOW__API_AUTH__JWT_SECRET": "2" + "0123456789abcdef" * 4,
    "AIRFLOW_CONN_CVAT_DEFAULT": json.dumps({"host": "https://cvat.company.org", "password": "cBqLE3FQLy7o"}),
    "FIRSTPASS_PORT": "8081",
}


def check(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The script, in an environment of its own."""
    command = [sys.executable, SCRIPT, *arguments]
    return subprocess.run(command, env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True)


def test_good_secrets_pass_in_silence():
    done = check("--env-file", **GOOD)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    rotated = f"{Fernet.generate_key().decode()},{GOOD['AIRFLOW__CORE__FERNET_KEY']}"
    assert check("--env-file", **GOOD | {"AIRFLOW__CORE__FERNET_KEY": rotated}).returncode == 0


def test_a_process_without_secrets_has_nothing_to_refuse():
    assert check().returncode == 0


@pytest.mark.parametrize("name", sorted(set(GOOD) - {"AIRFLOW_CONN_CVAT_DEFAULT", "FIRSTPASS_PORT"}))
@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "is empty"),
        ("# openssl rand -hex 24", "is a comment"),
        ("5d1f0f7b3e7744f2a51de5af6fa1ad2c # generated in May", "is a comment"),
        ("changeme", "a default"),
        ("Airflow", "a default"),
        ("admin123", "a default"),
        ("minioadmin", "a default"),
        ("<your password here>", "a placeholder"),
        ("your-secret-key-goes-here-please", "a placeholder"),
        ("openssl rand -hex 24", "a placeholder"),
        ("abc", ""),
    ],
)
def test_each_is_refused_by_name_with_how_to_make_one(name, value, why):
    done = check("--env-file", **GOOD | {name: value})
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert re.match(rf"firstpass: {name} .*{why}.* Make one with: openssl rand ", line), line


def test_all_of_them_are_said_and_no_value_is_shown():
    done = check(**GOOD | {"POSTGRES_PASSWORD": "hunter2", "ADMIN_PASSWORD": "hunter3 # mine"})
    assert len(done.stderr.splitlines()) == 2
    assert "hunter" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("POSTGRES_PASSWORD", "5d1f0f7b/e7744f2a@1de5af6fa1ad2c", "becomes part of an address"),
        ("WAREHOUSE_PASSWORD", "5d1f0f7b e7744f2a51de5af6fa1ad2c", "becomes part of an address"),
        ("S3_SECRET_KEY", "a" * 40, "too simple"),
        ("AIRFLOW__CORE__FERNET_KEY", "5d1f0f7b3e7744f2a51de5af6fa1ad2c", "is not 32 bytes in URL-safe base64"),
        ("AIRFLOW__API_AUTH__JWT_SECRET", "5d1f0f7b3e7744f2a5", "at least 32 characters"),
        ("AIRFLOW_CONN_CVAT_DEFAULT", "https://cvat", "is not the JSON of a connection"),
        ("AIRFLOW_CONN_CVAT_DEFAULT", '{"host": "https://cvat.example.com", "password": "cBqLE3F"}', "the example's"),
        ("AIRFLOW_CONN_CVAT_DEFAULT", '{"host": "https://cvat", "password": "token"}', "the example's"),
    ],
)
def test_what_would_not_work_or_is_the_example(name, value, why):
    done = check("--env-file", **GOOD | {name: value})
    assert done.returncode == 2
    assert re.match(f"firstpass: {name} .*{why}", done.stderr)


def test_the_example_itself_is_refused_line_by_line():
    named = dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", (DOCKER / ".env.example").read_text(), re.M))
    done = check("--env-file", **named)
    assert [line.split()[1] for line in done.stderr.splitlines()] == list(named)


def test_what_no_container_would_get_is_told_where_to_go():
    """Releases before 0.2.0 handed the whole file to every container."""
    done = check("--env-file", FIRSTPASS_WORKERS="2", AIRFLOW_CONN_SMTP="x", AIRFLOW__CORE__PARALLELISM="8", **GOOD)
    assert [line.split()[1] + " " + line.split()[-1] for line in done.stderr.splitlines()] == [
        "AIRFLOW_CONN_SMTP docker/connections.env",
        "AIRFLOW__CORE__PARALLELISM docker/settings.env",
        "FIRSTPASS_WORKERS docker/settings.env",
    ]
    assert check(FIRSTPASS_WORKERS="2", **GOOD).returncode == 0, "init has settings of settings.env"


def test_init_refuses_before_it_touches_anything(tmp_path):
    """The shell script for real, up to its first step that would need Airflow."""
    for name in ("airflow", "firstpass"):
        (tmp_path / name).write_text("#!/bin/sh\necho reached\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "python").symlink_to(sys.executable)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "FIRSTPASS_HOME": str(tmp_path)}
    script = ["bash", DOCKER / "airflow" / "init.sh"]
    secret = {"AIRFLOW__CORE__FERNET_KEY": "# generate one"}
    done = subprocess.run(script, env=environment | secret, capture_output=True, text=True)
    assert done.returncode == 2
    assert "AIRFLOW__CORE__FERNET_KEY is a comment" in done.stderr
    assert "reached" not in done.stdout
