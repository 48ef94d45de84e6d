"""What a stack was started with is remembered without its secrets, and differences are named."""

from __future__ import annotations

import json
import stat

import pytest

from firstpass.settings import settings
from firstpass.stack import started_with
from firstpass.stack.started_with import Difference, Differences

NONE = Differences((), ())


@pytest.fixture
def chosen(where, monkeypatch):
    """Remember what is chosen now; then choose something else and say how it differs."""
    started_with.remember(where)

    def chosen(**variables: str | None) -> Differences:
        for name, value in variables.items():
            monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
        settings.cache_clear()
        found = started_with.compare(where)
        assert found is not None
        return found

    return chosen


@pytest.mark.parametrize(
    ("name", "value", "difference"),
    [
        ("FIRSTPASS_MODEL", "other", "FIRSTPASS_MODEL (the stack has nanodet-coco, here it is other)"),
        ("FIRSTPASS_S3_ENDPOINT", "http://s3", "FIRSTPASS_S3_ENDPOINT (the stack has nothing, here it is http://s3)"),
        ("FIRSTPASS_WAREHOUSE_DSN", "postgresql://u:p@h/d", "FIRSTPASS_WAREHOUSE_DSN"),
        ("FIRSTPASS_ONNX_THREADS", "7", "FIRSTPASS_ONNX_THREADS"),
        ("AIRFLOW__SMTP__SMTP_PASSWORD", "word", "AIRFLOW__SMTP__SMTP_PASSWORD"),
        ("AIRFLOW__API__WORKERS", "2", "AIRFLOW__API__WORKERS (the stack has 1, here it is 2)"),
    ],
)
def test_a_setting_that_processes_take_up_at_their_start_is_a_difference(chosen, name, value, difference):
    found = chosen(**{name: value})
    assert [str(each) for each in found.settings] == [difference]
    assert found.connections == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FIRSTPASS_PORT", "8080"),  # the default, said aloud
        ("AIRFLOW__API__WORKERS", "1"),
        ("AIRFLOW_HOME", "/elsewhere"),  # the stack has its own in any case
        ("FIRSTPASS_DEBUG", "1"),
        ("PAGER", "less"),
    ],
)
def test_what_changes_nothing_of_the_stack_is_none(chosen, name, value):
    assert chosen(**{name: value}) == NONE


@pytest.mark.parametrize(
    ("name", "spoken"),
    [
        ("AIRFLOW_CONN_CVAT_DEFAULT", "connection cvat_default"),
        ("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
        ("KUBECONFIG", "KUBECONFIG"),
        ("REQUESTS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"),
    ],
)
def test_how_others_are_reached_is_told_apart(where, chosen, name, spoken):
    assert chosen(**{name: "x"}) == Differences((), (spoken,))
    started_with.remember(where)
    assert chosen(**{name: "x"}) == NONE
    assert chosen(**{name: "y"}) == Differences((), (spoken,))
    assert chosen(**{name: None}) == NONE, "the running stack has one all the same"


def test_what_is_unset_again_is_a_difference_too(where, chosen):
    chosen(FIRSTPASS_MODEL="other", AIRFLOW__API__WORKERS="2", AIRFLOW__CORE__X="1")
    started_with.remember(where)
    found = chosen(FIRSTPASS_MODEL=None, AIRFLOW__API__WORKERS=None, AIRFLOW__CORE__X=None)
    assert set(found.settings) == {
        Difference("FIRSTPASS_MODEL", "other", "nanodet-coco"),
        Difference("AIRFLOW__API__WORKERS", "2", "1"),
        Difference("AIRFLOW__CORE__X", None, None),
    }


def test_dotenv_counts_as_the_environment_does(where, chosen):
    (where.home / ".env").write_text("FIRSTPASS_MODEL=other\nAIRFLOW_CONN_X=y\n")
    found = chosen()
    assert [each.name for each in found.settings] == ["FIRSTPASS_MODEL"]
    assert found.connections == ("connection x",)


def test_no_secret_is_written_down_and_only_its_owner_may_read(where, chosen):
    secrets = {
        "FIRSTPASS_WAREHOUSE_DSN": "postgresql://u:word-of-pass@h/d",
        "AWS_SECRET_ACCESS_KEY": "word-of-pass",
        "AIRFLOW_CONN_CVAT_DEFAULT": '{"password": "word-of-pass"}',
        "AIRFLOW__SMTP__SMTP_PASSWORD": "word-of-pass",
        "FIRSTPASS_ONNX_TOKEN": "word-of-pass",
    }
    chosen(**secrets)
    started_with.remember(where)
    text = where.started_with.read_text()
    assert "word-of-pass" not in text
    assert stat.S_IMODE(where.started_with.stat().st_mode) == 0o600
    first = json.loads(text)["secret"]["FIRSTPASS_WAREHOUSE_DSN"]
    started_with.remember(where)
    assert json.loads(where.started_with.read_text())["secret"]["FIRSTPASS_WAREHOUSE_DSN"] != first, "salted"
    assert chosen() == NONE


def test_a_setting_of_a_newer_version_counts_from_its_default(where, chosen):
    written = json.loads(where.started_with.read_text())
    for name in ("FIRSTPASS_CHECK_SIDE", "FIRSTPASS_CHECK_DARK", "FIRSTPASS_IMAGES", "FIRSTPASS_FLOOR"):
        del written["open"][name]
    written["open"]["FIRSTPASS_THAT_WAS"] = "7"
    where.started_with.write_text(json.dumps(written))
    assert chosen() == NONE
    assert [each.name for each in chosen(FIRSTPASS_CHECK_SIDE="31").settings] == ["FIRSTPASS_CHECK_SIDE"]


def test_the_port_is_remembered(where, chosen):
    chosen(FIRSTPASS_PORT="9999")
    assert started_with.port(where) == 8080
    where.started_with.unlink()
    assert started_with.port(where) == 9999
