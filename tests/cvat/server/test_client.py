"""Requests to CVAT: what is wrong is said once and clearly, and the token is never said at all."""

from __future__ import annotations

import datetime
import ipaddress
import json
import logging
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from doubles.cvat import CvatDouble, Task
from doubles.scripted import Scripted, answer, scripted_server
from firstpass.cvat.server import client
from firstpass.cvat.server.client import Cvat, CvatDown, Gone, Unsure
from firstpass.cvat.server.cvat_connection import VARIABLE, CvatConnection, connection
from firstpass.errors import FirstpassError
from fixtures.cvat_runs import jpeg

TOKEN = "pat-very-secret"


@pytest.fixture
def server(cvat: CvatDouble) -> Cvat:
    return client.cvat()


def connect(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> CvatConnection:
    monkeypatch.setenv(VARIABLE, json.dumps({"conn_type": "http", "password": TOKEN} | fields))
    return connection()


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


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Cvat, Scripted]]:
    """A client of a server that answers by script. Waits are not waited."""
    with scripted_server("application/vnd.cvat+json") as made:
        monkeypatch.setattr(client, "READ_BACKOFF", 0)
        yield Cvat(CvatConnection(made.url, SecretStr(TOKEN))), made


NOT_NOW = (408, 425, 429, 502, 503, 504)


@pytest.mark.parametrize("status", NOT_NOW)
def test_a_server_that_is_busy_is_asked_six_times(scripted: tuple[Cvat, Scripted], status: int) -> None:
    server, on = scripted
    on.script = [answer(status)] * 5 + [answer(200, {"id": 7})]
    assert server.get("/api/x") == {"id": 7}
    on.script = [answer(status)]
    on.asked.clear()
    with pytest.raises(CvatDown, match=f"/api/x answers {status}, however often it is asked") as caught:
        server.get("/api/x")
    assert len(on.asked) == 6
    assert (caught.value.status, str(caught.value)) == (status, caught.value.problem)
    assert "what was done is kept" in caught.value.fix


@pytest.mark.parametrize("status", [500, 501, 507, 599])
def test_a_server_that_fails_is_asked_three_times_at_most(scripted: tuple[Cvat, Scripted], status: int) -> None:
    server, on = scripted
    on.script = [answer(500), answer(500), answer(200, {"id": 7})]
    assert server.get("/api/x") == {"id": 7}
    on.script = [answer(status)]
    on.asked.clear()
    with pytest.raises(CvatDown, match=f"answers {status}"):
        server.get("/api/x")
    assert len(on.asked) == (3 if status == 500 else 1)


def test_an_answer_that_is_no_json_is_asked_for_twice_more(scripted: tuple[Cvat, Scripted]) -> None:
    server, on = scripted
    on.script = [(200, {}, b"<html>"), (200, {}, b"<html>"), answer(200, {"id": 7})]
    assert server.get("/api/x") == {"id": 7}
    on.script = [(200, {}, b"<html>")]
    on.asked.clear()
    with pytest.raises(FirstpassError, match="does not answer as CVAT does"):
        server.get("/api/x")
    assert len(on.asked) == 3


@pytest.mark.parametrize("status", [*NOT_NOW, 500, 501, 599])
def test_a_write_is_never_repeated_by_itself(scripted: tuple[Cvat, Scripted], status: int) -> None:
    server, on = scripted
    on.script = [answer(status, Retry_After="2")]
    with pytest.raises(Unsure, match=f"PATCH /api/tasks/12/annotations/: {status}") as caught:
        server.send(12, "create", [])
    assert len(on.asked) == 1
    assert caught.value.wait == 2


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b"null", b'{"shapes": []'])
def test_a_write_whose_answer_is_not_cvats_leaves_open_whether_it_was_done(
    scripted: tuple[Cvat, Scripted], body: bytes
) -> None:
    server, on = scripted
    on.script = [(200, {}, body)]
    with pytest.raises(Unsure, match="an answer that is not CVAT's"):
        server.send(12, "create", [])


@pytest.mark.parametrize(
    ("status", "refused"),
    [(200, False), (201, False), (299, False), (300, True), (304, True), (400, True), (409, True), (499, True)],
)
def test_which_answers_are_refusals(scripted: tuple[Cvat, Scripted], status: int, refused: bool) -> None:
    server, on = scripted
    on.script = [answer(status, {"shapes": [{"id": 1}]})]
    if refused:
        with pytest.raises(FirstpassError, match=rf"refuses the request \({status}\)"):
            server.send(12, "create", [])
    else:
        assert server.send(12, "create", []) == [{"id": 1}]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'"too many shapes"', "too many shapes"),
        (b'["too many shapes"]', "too many shapes"),
        (b'[["too many shapes"]]', "too many shapes"),
        (rb'["one", "gr\u00f6\u00dfer"]', '["one", "größer"]'),
        (b"[]", "[]"),
        (b'{"shapes": ["invalid"]}', '{"shapes": ["invalid"]}'),
        (b"no json \xff", "no json \ufffd"),
        (b'"' + b"x" * 300 + b'"', "x" * 300),
        (b'"' + b"x" * 301 + b'"', "x" * 300 + "…"),
    ],
)
def test_refusals_are_put_into_words_whatever_their_form(
    scripted: tuple[Cvat, Scripted], body: bytes, words: str
) -> None:
    server, on = scripted
    on.script = [(400, {}, body)]
    with pytest.raises(FirstpassError) as caught:
        server.get("/api/x")
    assert caught.value.problem.endswith(f"/api/x refuses the request (400): {words}")


def test_what_a_request_carries(scripted: tuple[Cvat, Scripted]) -> None:
    server, on = scripted
    on.script = [answer(200, {"shapes": []})]
    server.get("/api/x", search="größe & more", page=2)
    server.get("/api/x")
    server.send(12, "create", [{"frame": 0}])
    server.send(12, "delete", '[{"id":1}]')
    reading, bare, creating, deleting = on.asked
    assert reading[:2] == ("GET", "/api/x?search=gr%C3%B6%C3%9Fe+%26+more&page=2")
    assert bare[1] == "/api/x"
    assert "application/vnd.cvat+json" in reading[2]["Accept"]
    assert reading[2]["Authorization"] == f"Bearer {TOKEN}"
    assert (reading[3], "Content-Type" in reading[2]) == (b"", False)
    assert creating[:2] == ("PATCH", "/api/tasks/12/annotations/?action=create")
    assert creating[2]["Content-Type"] == "application/json"
    assert creating[3] == b'{"shapes":[{"frame":0}],"tags":[],"tracks":[]}'
    assert (deleting[1][-6:], deleting[3]) == ("delete", b'{"shapes":[{"id":1}],"tags":[],"tracks":[]}')


def test_every_row_of_a_list_is_read_page_by_page(scripted: tuple[Cvat, Scripted]) -> None:
    server, on = scripted
    on.script = [answer(200, {"results": [1, 2], "next": "…"}), answer(200, {"results": [3], "next": None})]
    assert list(server.pages("/api/x", task_id=12)) == [1, 2, 3]
    assert [path for _, path, _, _ in on.asked] == [
        f"/api/x?task_id=12&page={number}&page_size=500" for number in (1, 2)
    ]
    on.script = [answer(200, {"results": []})]
    assert list(server.pages("/api/x")) == []


def test_of_a_tasks_annotations_only_shapes_are_passed_on_as_they_are_read(scripted: tuple[Cvat, Scripted]) -> None:
    server, on = scripted
    shape = {"id": 1, "type": "rectangle", "label_id": 7, "attributes": [{"spec_id": 1, "value": "x"}]}
    tag, track = {"id": 2, "label_id": 7}, {"id": 3, "label_id": 7, "shapes": [{"type": "rectangle", "frame": 0}]}
    on.script = [answer(200, {"shapes": [shape], "tags": [tag], "tracks": [track]})]
    assert server.shapes(12, lambda raw: ("kept", raw)) == {
        "shapes": [("kept", shape)],
        "tags": [tag],
        "tracks": [track],
    }
    assert on.asked[0][1] == "/api/tasks/12/annotations/"


def test_a_download_that_breaks_off_is_begun_again_twice(scripted: tuple[Cvat, Scripted]) -> None:
    server, on = scripted
    cut = (200, {"Content-Length": "100"}, b"half")
    on.script = [cut, cut, (200, {}, b"whole")]
    assert server.download("/api/x", 100, type="frame") == b"whole"
    assert [path for _, path, _, _ in on.asked] == ["/api/x?type=frame"] * 3
    on.script = [cut]
    with pytest.raises(CvatDown, match="/api/x breaks off: ") as caught:
        server.download("/api/x", 100)
    assert len(on.asked) == 6
    assert caught.value.status is None


def test_a_download_that_is_refused_or_gone_is_told_as_any_other(scripted: tuple[Cvat, Scripted]) -> None:
    server, on = scripted
    on.script = [answer(404, "gone")]
    with pytest.raises(Gone):
        server.download("/api/x", 100)
    on.script = [answer(503)]
    with pytest.raises(CvatDown):
        server.download("/api/x", 100)


def test_reads_are_waited_for_longer_each_time_and_never_longer_than_a_minute(
    scripted: tuple[Cvat, Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, on = scripted
    monkeypatch.setattr(client, "READ_BACKOFF", 3.0)
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    host = scripted[0].connection.host
    patient = Cvat(CvatConnection(host, SecretStr(TOKEN)))
    on.script = [answer(503)]
    with pytest.raises(CvatDown):
        patient.get("/api/x")
    assert waits == [6, 10, 10, 10], "none before the second try, then doubled, ten seconds at most"
    waits.clear()
    on.script = [answer(503, Retry_After="7"), answer(429, Retry_After="3600"), answer(200, {})]
    patient.get("/api/x")
    assert waits == [7, 60]
    waits.clear()
    on.script = [answer(500), answer(200, {})]
    patient.get("/api/x")
    assert waits == [3.0]


@pytest.mark.parametrize(
    ("version", "keeps"),
    [("2.57.0", True), ("2.57", True), ("2.56.99", False), ("2.100.0", True), ("3", True), ("3.0", True), ("2", False),
     ("2.57.0-rc1", True), ("v2.60.1", True), ("2.x", False), ("", False), ("develop", False), (None, False)],
)  # fmt: skip
def test_the_version_says_whether_scores_are_kept(
    scripted: tuple[Cvat, Scripted], version: str | None, keeps: bool
) -> None:
    server, on = scripted
    on.script = [answer(200, {} if version is None else {"version": version})]
    assert server.keeps_scores is keeps
    assert server.keeps_scores is keeps
    assert [path for _, path, _, _ in on.asked] == ["/api/server/about"], "asked once"


def test_a_server_is_given_ten_seconds_to_take_a_call_and_two_minutes_to_say_more(
    scripted: tuple[Cvat, Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    import urllib3

    given: list[Any] = []
    real = urllib3.PoolManager.request

    def request(*arguments: Any, **options: Any) -> Any:
        given.append(options["timeout"])
        return real(*arguments, **options)

    monkeypatch.setattr(urllib3.PoolManager, "request", request)
    scripted[0].get("/api/x")
    assert (given[0].connect_timeout, given[0].read_timeout) == (10, 120)


def test_a_connection_that_breaks_is_told_with_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "READ_BACKOFF", 0)
    closed = Cvat(CvatConnection("http://127.0.0.1:9", SecretStr(TOKEN)))
    with pytest.raises(
        CvatDown, match=r"http://127\.0\.0\.1:9 does not answer: NewConnectionError: .*refused"
    ) as caught:
        closed.get("/api/x")
    assert caught.value.status is None
    with pytest.raises(Unsure, match=r"^PATCH /api/tasks/1/annotations/: CvatDown: .* does not answer"):
        closed.send(1, "create", [])
