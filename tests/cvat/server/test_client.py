"""The connection and the requests: what is wrong is said once and clearly, and the token is never said at all."""

from __future__ import annotations

import datetime
import ipaddress
import json
import logging
import ssl
import traceback
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from doubles.cvat import CvatDouble, Task
from firstpass.cvat.server import client
from firstpass.cvat.server.client import Cvat, CvatDown, Gone, Unsure
from firstpass.cvat.server.cvat_connection import VARIABLE, CvatConnection, connection, environment
from firstpass.errors import FirstpassError
from fixtures.cvat_runs import jpeg

TOKEN = "pat-very-secret"


def connect(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> CvatConnection:
    monkeypatch.setenv(VARIABLE, json.dumps({"conn_type": "http", "password": TOKEN} | fields))
    return connection()


@pytest.fixture
def server(cvat: CvatDouble) -> Cvat:
    return client.cvat()


@pytest.mark.parametrize(
    ("fields", "host"),
    [
        ({"host": "https://cvat.example.org"}, "https://cvat.example.org"),
        ({"host": "https://cvat.example.org/"}, "https://cvat.example.org"),
        ({"host": "cvat.example.org"}, "https://cvat.example.org"),
        ({"host": "cvat", "schema": "http", "port": 8080}, "http://cvat:8080"),
        ({"host": "http://cvat:8080", "extra": "{}"}, "http://cvat:8080"),
        ({"host": "http://cvat:8080", "extra": None}, "http://cvat:8080"),
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


def test_a_child_process_gets_the_connection_that_only_airflow_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    given = connect(monkeypatch, host="https://cvat.example.org")
    assert environment() == {}
    monkeypatch.delenv(VARIABLE)
    assert environment() == {}
    with monkeypatch.context() as inside_a_task:
        inside_a_task.setattr("firstpass.cvat.server.cvat_connection.connection", lambda: given)
        for_the_child = environment()
    monkeypatch.setenv(VARIABLE, for_the_child[VARIABLE])
    assert connection() == given


def test_the_token_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    given = connect(monkeypatch, host="https://cvat.example.org")
    assert TOKEN not in f"{given!r} {given} {Cvat(given)!r} {vars(Cvat(given))}"


def test_the_token_is_not_logged(cvat: CvatDouble, task: Task, server: Cvat, caplog: pytest.LogCaptureFixture) -> None:
    cvat.faults.add("drop", method="GET")
    with caplog.at_level(logging.DEBUG):
        server.get(f"/api/tasks/{task.id}")
    assert caplog.records
    assert cvat.token not in caplog.text


def test_a_wrong_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "READ_BACKOFF", 0)
    given = connect(monkeypatch, host="https://no-such-host.invalid")
    with pytest.raises(FirstpassError, match=r"there is no host https://no-such-host\.invalid"):
        Cvat(given).get("/api/users/self")


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "READ_BACKOFF", 0)
    given = connect(monkeypatch, host="http://127.0.0.1:9")
    with pytest.raises(CvatDown, match="does not answer"):
        Cvat(given).get("/api/users/self")
    with pytest.raises(Unsure):
        Cvat(given).send(1, "create", [])


def test_a_host_that_is_not_cvat(cvat: CvatDouble, server: Cvat) -> None:
    cvat.faults.add("html", method="GET", times=9)
    with pytest.raises(FirstpassError, match="does not answer as CVAT does"):
        server.get("/api/users/self")


def test_a_token_on_an_open_line_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for host, warned in (
        ("http://cvat.example.org", True),
        ("https://cvat.example.org", False),
        ("http://[::1]", False),
    ):
        connect(monkeypatch, host=host)
        client.cvat.cache_clear()
        caplog.clear()
        client.cvat()
        assert ("is not https" in caplog.text) is warned, host
        assert TOKEN not in caplog.text
    client.cvat.cache_clear()


def test_a_wrong_token(cvat: CvatDouble) -> None:
    with pytest.raises(FirstpassError, match="it is wrong or has expired"):
        Cvat(CvatConnection(cvat.url, SecretStr("made up"))).get("/api/users/self")


def test_a_token_that_may_only_read(cvat: CvatDouble, task: Task) -> None:
    reader = Cvat(CvatConnection(cvat.url, SecretStr(cvat.read_only_token)))
    assert reader.get(f"/api/tasks/{task.id}")["id"] == task.id
    with pytest.raises(FirstpassError, match="it may only read or has no access"):
        reader.send(task.id, "create", [])


def test_somebody_elses_task(cvat: CvatDouble, task: Task) -> None:
    with pytest.raises(FirstpassError, match="it may only read or has no access"):
        Cvat(CvatConnection(cvat.url, SecretStr(cvat.stranger_token))).get(f"/api/tasks/{task.id}")


def test_what_is_not_there(server: Cvat) -> None:
    with pytest.raises(Gone, match="/api/tasks/9 does not exist"):
        server.get("/api/tasks/9")


def test_refusals_are_passed_on_in_words_whatever_their_form(cvat: CvatDouble, task: Task, server: Cvat) -> None:
    shape = {"type": "rectangle", "frame": 0, "label_id": task.labels[0].id, "points": [1.0, 2.0, 3.0, 4.0]}
    for wrong, words in (
        ({"label_id": 9}, "label_id `9` is invalid"),
        ({"points": [1.0]}, "Unexpected points count for a rectangle: 1"),
        ({"score": 1.5}, "schema"),
    ):
        with pytest.raises(FirstpassError, match=words):
            server.send(task.id, "create", [shape | wrong])
    assert task.shapes == {}
    cvat.problems.clear()  # the score


@pytest.mark.parametrize(
    ("kind", "status", "when"),
    [
        ("status", 500, "before"), ("status", 502, "after"), ("status", 503, "before"), ("status", 504, "after"),
        ("status", 429, "before"), ("drop", 0, "before"), ("drop", 0, "after"), ("truncate", 0, "after"),
        ("html", 0, "before"),
    ],
)  # fmt: skip
def test_a_write_is_sent_once_and_doubt_is_told(
    cvat: CvatDouble, task: Task, server: Cvat, kind: Any, status: int, when: str
) -> None:
    cvat.faults.add(kind, status, when=when, retry_after="3")
    shape = {"type": "rectangle", "frame": 0, "label_id": task.labels[0].id, "points": [1.0, 2.0, 3.0, 4.0]}
    with pytest.raises(Unsure) as caught:
        server.send(task.id, "create", [shape])
    assert caught.value.wait == (3 if kind == "status" else 0)
    assert cvat.requests[f"PATCH /api/tasks/{task.id}/annotations/"] == 1


@pytest.mark.parametrize("header", ["4", "Wed, 21 Oct 2037 07:28:00 GMT", "soon"])
def test_how_long_a_server_asks_to_wait(cvat: CvatDouble, task: Task, server: Cvat, header: str) -> None:
    cvat.faults.add("status", 429, retry_after=header)
    with pytest.raises(Unsure) as caught:
        server.send(task.id, "create", [])
    assert caught.value.wait == {"4": 4, "soon": 0}.get(header, 60), "a date is far away, a minute is the longest"


def test_a_gateway_that_has_lost_its_cvat_does_not_say_that_tasks_are_gone(
    cvat: CvatDouble, task: Task, server: Cvat
) -> None:
    cvat.faults.add("status", 404, method="*", times=2)
    with pytest.raises(CvatDown, match="the answer does not come from CVAT"):
        server.get(f"/api/tasks/{task.id}")
    with pytest.raises(Unsure):
        server.send(task.id, "create", [])
    with pytest.raises(Gone):
        server.get("/api/tasks/9")


def test_reads_are_tried_again(cvat: CvatDouble, task: Task, server: Cvat) -> None:
    for status in (500, 502, 503, 504):
        cvat.faults.add("status", status, method="GET")
    cvat.faults.add("drop", method="GET")
    cvat.faults.add("truncate", when="after", method="GET")
    assert server.get(f"/api/tasks/{task.id}")["id"] == task.id


def test_a_server_that_stays_down(cvat: CvatDouble, server: Cvat) -> None:
    cvat.faults.add("status", 503, method="GET", times=99)
    with pytest.raises(CvatDown, match="answers 503"):
        server.get("/api/users/self")


def test_the_version_tells_whether_scores_are_kept() -> None:
    for version, keeps in (("2.73.0", True), ("2.57.0", True), ("2.56.1", False), ("3.0.0", True), ("1.7", False)):
        with CvatDouble(version=version) as double:
            assert Cvat(CvatConnection(double.url, SecretStr(double.token))).keeps_scores is keeps


def test_tls_is_verified_and_a_bundle_can_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    monkeypatch.setattr(client, "READ_BACKOFF", 0)
    with CvatDouble(ssl=context) as double:
        untrusting = Cvat(CvatConnection(double.url, SecretStr(double.token)))
        with pytest.raises(FirstpassError, match="cannot be trusted"):
            untrusting.get("/api/users/self")
        with pytest.raises(FirstpassError, match="cannot be trusted"):
            untrusting.send(1, "create", [])
        trusting = Cvat(CvatConnection(double.url, SecretStr(double.token), str(certificate)))
        assert trusting.get("/api/users/self")["id"] == 1


def _certificate(folder: Path) -> Path:
    """A certificate of its own for 127.0.0.1, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cvat")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "cvat.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


def test_downloads_stop_at_their_limit(cvat: CvatDouble, server: Cvat) -> None:
    task = cvat.state.add_task("t", labels=["person"], frames=[jpeg()])
    query = {"type": "frame", "number": 0, "quality": "original"}
    size = len(jpeg())
    assert server.download(f"/api/tasks/{task.id}/data/", size, **query) == jpeg()
    assert server.download(f"/api/tasks/{task.id}/data/", size - 1, **query) is None
