"""An error at the command line's edge: what is said, which exit code, and what stays a defect."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import click
import httpx
import psycopg2
import pytest
from botocore import exceptions as botocore

from firstpass.cli.endings import explain, say_how_it_ended
from firstpass.errors import FirstpassError, Unavailable

FIRSTPASS = Path(sys.executable).with_name("firstpass")


@pytest.mark.parametrize(
    ("error", "words", "code"),
    [
        (FirstpassError("no such model", "use another"), "no such model", 2),
        (Unavailable("the warehouse is away", "wait"), "the warehouse is away", 75),
        (botocore.EndpointConnectionError(endpoint_url="http://s3"), "http://s3", 75),
        (botocore.NoCredentialsError(), "Unable to locate credentials", 2),
        (botocore.ParamValidationError(report="a bad bucket"), "a bad bucket", 1),
        (psycopg2.OperationalError("server closed the connection"), "server closed the connection", 75),
        (httpx.ConnectError("refused"), "a server does not answer: refused", 75),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "refused", 75),
        (OSError(errno.ENOSPC, "No space left on device", "/full/x"), "/full/x", 75),
        (PermissionError(errno.EACCES, "Permission denied", "/closed/x"), "/closed/x: Permission denied", 1),
        (FileNotFoundError("s3://bucket/key: NoSuchBucket"), "s3://bucket/key: NoSuchBucket", 1),
        (ModuleNotFoundError("no", name="psycopg2.extensions"), "psycopg2.extensions is not installed", 2),
    ],
)
def test_what_is_no_defect_is_two_lines(error, words, code, capsys):
    assert say_how_it_ended(error) == code
    problem, fix = capsys.readouterr().err.splitlines()
    assert problem.startswith("firstpass: ")
    assert words in problem
    assert fix.startswith("  What to do: ")


@pytest.mark.parametrize("error", [KeyError("x"), ModuleNotFoundError("no", name="somebodys"), AssertionError()])
def test_a_defect_keeps_its_traceback(error, capsys):
    assert say_how_it_ended(error) is None
    assert explain(error) is None
    assert capsys.readouterr().err == ""


def test_an_interruption_is_none_of_the_commands_own_codes(capsys):
    assert say_how_it_ended(click.Abort()) == 130


def test_the_traceback_is_there_for_whoever_asks(capsys, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_DEBUG", "1")
    assert say_how_it_ended(Unavailable("away", "wait")) == 75
    assert "Unavailable" in capsys.readouterr().err


def ended(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FIRSTPASS_", "AIRFLOW", "AWS_"))}
    own = {"FIRSTPASS_HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1"}
    return subprocess.run(
        [FIRSTPASS, *arguments], env=kept | own | environment, capture_output=True, text=True, check=False
    )


def test_object_storage_that_is_away_is_no_traceback(tmp_path):
    nobody = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "FIRSTPASS_S3_ENDPOINT": "http://127.0.0.1:9"}
    done = ended(tmp_path, "models", "list", FIRSTPASS_MODELS="s3://bucket/models", **nobody)
    assert done.returncode == 75, done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert "127.0.0.1:9" in done.stderr
    told = ended(tmp_path, "models", "list", FIRSTPASS_MODELS="s3://bucket/models", FIRSTPASS_DEBUG="1", **nobody)
    assert (told.returncode, "Traceback" in told.stderr) == (75, True)


def test_wrong_usage_is_said_by_click(tmp_path):
    done = ended(tmp_path, "run", "--no-such-option")
    assert done.returncode == 2
    assert "No such option" in done.stderr
    assert ended(tmp_path, "status").returncode == 3
    assert ended(tmp_path, "--help").returncode == 0


def test_credentials_in_dotenv_reach_the_command(tmp_path, s3_endpoint, bucket):
    """Without them, botocore finds none; the environment's win over them."""
    (tmp_path / ".env").write_text("AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b\nAWS_DEFAULT_REGION=us-east-1\n")
    s3 = {"FIRSTPASS_MODELS": f"{bucket}/store", "FIRSTPASS_S3_ENDPOINT": s3_endpoint}
    with_file = ended(tmp_path, "models", "list", **s3)
    assert with_file.returncode == 0, with_file.stderr
    assert "No models yet" in with_file.stdout
    (tmp_path / ".env").unlink()
    without = ended(tmp_path, "models", "list", HOME=str(tmp_path), **s3)
    assert without.returncode == 2
    assert "credentials" in without.stderr
