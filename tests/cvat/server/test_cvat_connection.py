"""The connection `cvat_default`: read however people write it, and its token never told."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import pytest

from firstpass import resolvers
from firstpass.cvat.server.client import Cvat
from firstpass.cvat.server.cvat_connection import VARIABLE, CvatConnection, connection, environment
from firstpass.errors import FirstpassError

TOKEN = "pat-very-secret"


@pytest.fixture
def airflow_knows(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`airflow_knows(host=…)`: a connection that only Airflow has; without fields, none."""
    monkeypatch.delenv(VARIABLE, raising=False)
    answers: list[dict[str, Any] | None] = [None]
    resolvers.register(cvat_connection=lambda: answers[0])

    def know(**fields: Any) -> None:
        plain = {"host": None, "port": None, "schema": None, "password": TOKEN, "extra": {}}
        answers[0] = plain | fields if fields else None

    yield know
    answers[0] = None


def connect(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> CvatConnection:
    monkeypatch.setenv(VARIABLE, json.dumps({"conn_type": "http", "password": TOKEN} | fields))
    return connection()


@pytest.mark.parametrize(
    ("fields", "host"),
    [
        ({"host": "https://cvat.example.org"}, "https://cvat.example.org"),
        ({"host": "https://cvat.example.org/"}, "https://cvat.example.org"),
        ({"host": "cvat.example.org"}, "https://cvat.example.org"),
        ({"host": "cvat", "schema": "http", "port": 8080}, "http://cvat:8080"),
        ({"host": "http://cvat:8080", "extra": "{}"}, "http://cvat:8080"),
        ({"host": "http://cvat:8080", "extra": None}, "http://cvat:8080"),
        ({"host": "http://cvat:8080", "port": 9090}, "http://cvat:8080"),
        ({"host": "http://cvat/sub/", "port": 9090}, "http://cvat:9090/sub"),
        ({"host": "cvat", "schema": ""}, "https://cvat"),
        ({"host": "https://cvat", "schema": "http"}, "https://cvat"),
    ],
)
def test_hosts_as_people_write_them(monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], host: str) -> None:
    assert connect(monkeypatch, **fields).host == host


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not the JSON of a connection"),
        (f"http://:{TOKEN}@cvat.example.org", "is not the JSON of a connection"),
        (f'"{TOKEN}"', "is not the JSON of a connection"),
        (f'{{"password": "{TOKEN}"}}', "has no host"),
        ('{"host": "https://cvat.example.org"}', "has no password"),
        (f'{{"host": "ftp://cvat", "password": "{TOKEN}"}}', "no http address"),
        (f'{{"host": "http://", "password": "{TOKEN}"}}', "no http address"),
        (f'{{"host": "http://a", "password": "{TOKEN}", "extra": {{"ca_bundle": "/none.pem"}}}}', "which is not there"),
    ],
)
def test_connections_that_are_none(monkeypatch: pytest.MonkeyPatch, text: str, problem: str) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(FirstpassError, match=problem) as caught:
        connection()
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_no_connection_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(FirstpassError, match="there is no connection cvat_default"):
        connection()


def test_airflow_is_asked_where_the_environment_says_nothing(
    monkeypatch: pytest.MonkeyPatch, airflow_knows: Any
) -> None:
    with pytest.raises(FirstpassError, match="there is no connection cvat_default"):
        connection()
    airflow_knows(host="cvat.example.org", port=8443)
    assert connection().host == "https://cvat.example.org:8443"
    assert connect(monkeypatch, host="https://other.example.org").host == "https://other.example.org"


def test_dotenv_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FIRSTPASS_HOME", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    (tmp_path / ".env").write_text(f'{VARIABLE}={{"host": "https://file.example.org", "password": "{TOKEN}"}}\n')
    assert connection().host == "https://file.example.org"
    assert connect(monkeypatch, host="https://cvat.example.org").host == "https://cvat.example.org"


def test_a_child_process_gets_the_connection_that_only_airflow_knows(
    monkeypatch: pytest.MonkeyPatch, airflow_knows: Any, tmp_path: Path
) -> None:
    assert environment() == {}, "there is none"
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    for extra in ({}, {"ca_bundle": str(bundle)}):
        airflow_knows(host="https://cvat.example.org/", extra=extra)
        given = connection()
        for_the_child = environment()
        with monkeypatch.context() as child:
            child.setenv(VARIABLE, for_the_child[VARIABLE])
            assert connection() == given
            assert environment() == {}, "its own children inherit it"


def test_a_connection_that_lacks_something_is_not_handed_on(airflow_knows: Any) -> None:
    airflow_knows(host="https://cvat.example.org", password="")
    assert environment() == {}


def test_a_certificate_authority_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    for extra in ({"ca_bundle": str(bundle)}, json.dumps({"ca_bundle": str(bundle)})):
        assert connect(monkeypatch, host="https://cvat.example.org", extra=extra).ca_bundle == str(bundle)
    assert connect(monkeypatch, host="https://cvat.example.org").ca_bundle is None
    with pytest.raises(FirstpassError, match="which is not there"):
        connect(monkeypatch, host="https://cvat.example.org", extra={"ca_bundle": str(tmp_path)})


def test_space_around_host_and_token_is_a_slip(monkeypatch: pytest.MonkeyPatch) -> None:
    found = connect(monkeypatch, host=" https://cvat.example.org\n", password=f" {TOKEN}\n")
    assert (found.host, found.token.get_secret_value()) == ("https://cvat.example.org", TOKEN)
    with pytest.raises(FirstpassError, match="has no password"):
        connect(monkeypatch, host="https://cvat.example.org", password=" ")


def test_where_a_person_opens_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    found = connect(monkeypatch, host="https://cvat.example.org")
    assert found.task_url(12) == "https://cvat.example.org/tasks/12"
    assert found.task_url(12, 0) == "https://cvat.example.org/tasks/12?frame=0"


def test_the_token_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    given = connect(monkeypatch, host="https://cvat.example.org")
    assert TOKEN not in f"{given!r} {given} {Cvat(given)!r} {vars(Cvat(given))}"
