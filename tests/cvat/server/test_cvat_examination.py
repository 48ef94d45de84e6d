"""CVAT's version and the token's rights, asked for without changing anything."""

from __future__ import annotations

import pytest

from firstpass.cvat.server import client
from firstpass.cvat.server.cvat_examination import examine_cvat
from firstpass.findings import Standing
from firstpass.settings import settings


@pytest.fixture
def with_token(cvat, monkeypatch):
    """`with_token(token)`: the findings for it."""

    def examine(token: str):
        monkeypatch.setenv("AIRFLOW_CONN_CVAT_DEFAULT", cvat.connection(token))
        settings.cache_clear()
        return examine_cvat()

    return examine


def test_a_token_that_may_write(cvat, with_token):
    found = with_token(cvat.token)
    assert {f.standing for f in found} == {Standing.OK}
    assert f"version {cvat.version}" in found[0].words
    assert "may write, until 2027-01-01" in found[1].words


def test_a_token_that_may_only_read(cvat, with_token):
    found = with_token(cvat.read_only_token)
    assert found[-1].standing is Standing.PROBLEM
    assert "may only read" in found[-1].words


def test_a_token_that_is_wrong_is_not_shown(with_token):
    (*_, found) = with_token("pat-sesame-street")
    assert found.standing is Standing.PROBLEM
    assert "refuses the token" in found.words
    assert "sesame" not in found.words + found.fix


def test_a_server_that_is_away(monkeypatch):
    monkeypatch.setattr(client, "READ_BACKOFF", 0.0)
    monkeypatch.setenv(
        "AIRFLOW_CONN_CVAT_DEFAULT", '{"conn_type": "http", "host": "http://127.0.0.1:9", "password": "sesame"}'
    )
    (found,) = examine_cvat()
    assert found.standing is Standing.PROBLEM
    assert "does not answer" in found.words


def test_no_connection_is_no_problem(monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_CVAT_DEFAULT", raising=False)
    assert [f.standing for f in examine_cvat()] == [Standing.UNUSED]


def test_half_a_connection_is_one(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_CVAT_DEFAULT", '{"conn_type": "http", "host": "http://127.0.0.1:9"}')
    (found,) = examine_cvat()
    assert found.standing is Standing.PROBLEM
    assert "has no password" in found.words


def test_a_server_that_is_older_than_any_that_was_tried(cvat, with_token):
    cvat.version = "2.31.0"
    found = with_token(cvat.token)
    assert [f.standing for f in found].count(Standing.WARNING) == 1
    assert any("older than 2.54" in f.words for f in found)
