"""Notifications reach a real mail server and a real web server, say what is needed, and never raise."""

from __future__ import annotations

import json
import socketserver
import threading
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from firstpass import storage
from firstpass.airflow import notifications
from firstpass.contracts.verdict import CheckResult, QualityVerdict
from firstpass.settings import settings
from firstpass.warehouse.merge import fail_chunk
from firstpass.warehouse.verdicts import store_verdict as store
from fixtures.made_up_runs import row

EVIL = "x{{ 7*7 }}<script>alert(1)</script>"


class Mailbox(socketserver.StreamRequestHandler):
    """Just enough SMTP to take a message."""

    def handle(self):
        self.wfile.write(b"220 mailbox\r\n")
        while line := self.rfile.readline():
            command = line[:4].upper()
            if command == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mails.append(message_from_bytes(b"".join(lines), policy=policy.default))
            self.wfile.write(b"221 bye\r\n" if command == b"QUIT" else b"250 ok\r\n")
            if command == b"QUIT":
                return


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append((self.path, json.loads(body)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def serve(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def mails(monkeypatch):
    with serve(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox)) as server:
        server.mails = []
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "night@example.org", "retry_limit": 1}
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": server.server_address[1], "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_MAILBOX", json.dumps(connection))
        monkeypatch.setenv("FIRSTPASS_NOTIFY_EMAIL", "ann@example.org, bob@example.org")
        monkeypatch.setenv("FIRSTPASS_NOTIFY_EMAIL_CONN_ID", "mailbox")
        settings.cache_clear()
        yield server.mails
        server.shutdown()


@pytest.fixture
def bodies(monkeypatch):
    with serve(HTTPServer(("127.0.0.1", 0), Hook)) as server:
        server.bodies = []
        connection = {"conn_type": "http", "host": f"http://127.0.0.1:{server.server_address[1]}/hooks/night"}
        monkeypatch.setenv("AIRFLOW_CONN_CHAT", json.dumps(connection))
        monkeypatch.setenv("FIRSTPASS_NOTIFY_WEBHOOK_CONN_ID", "chat")
        settings.cache_clear()
        yield server.bodies
        server.shutdown()


@pytest.fixture
def warned(finished_run, warehouse):
    spec = finished_run([row("file:///a.jpg", detections=2)], run_id=EVIL)
    store(
        warehouse,
        QualityVerdict(EVIL, (CheckResult("run", "empty_rate", "warning", False, "91%", 0.91, "Few are empty."),)),
    )
    return spec


def test_warnings_are_mailed_and_posted(warned, mails, bodies):
    notifications.run_succeeded({"run_id": EVIL})
    (mail,) = mails
    assert mail["subject"] == "Pre-annotation: 2 detections drafted on 1 image"
    assert mail["to"] == "ann@example.org, bob@example.org"
    body = mail.get_payload(0).get_content()
    assert "warning: Few are empty. Found: 91%." in body
    assert "&lt;script&gt;" in body
    assert "<script>" not in body
    assert "{{ 7*7 }}" in body, "a run's id is not a template"
    ((path, said),) = bodies
    assert path == "/hooks/night"
    assert said["event"] == "warnings"
    assert said["facts"]["detections"] == 2
    assert said["text"].startswith("Pre-annotation: 2 detections drafted on 1 image\n")
    assert said["url"].endswith(
        "/pre-annotation/report?run=x%7B%7B%207%2A7%20%7D%7D%3Cscript%3Ealert%281%29%3C%2Fscript%3E"
    )


def test_a_run_that_passed_is_not_worth_a_word(finished_run, warehouse, bodies):
    spec = finished_run([row("file:///a.jpg")])
    store(warehouse, QualityVerdict(spec.run_id, (CheckResult("run", "x", "warning", True, "0", 0.0, "s"),)))
    notifications.run_succeeded({"run_id": spec.run_id})
    assert bodies == []


def test_a_failure_says_where_and_what_to_do(warned, bodies):
    note = {"stage": "infer", "problem": "the disk is full", "fix": "free space"}
    storage.write(f"{warned.uri}/error.json", json.dumps(note).encode())
    notifications.run_failed({"run_id": EVIL})
    assert "infer: the disk is full" in bodies[0][1]["lines"]
    assert "What to do: free space" in bodies[0][1]["lines"]


def test_a_late_night_is_told_by_the_deadline_s_own_context(warned, bodies):
    notifications.deadline_missed(context={"dag_run": {"dag_run_id": EVIL}, "deadline": {"id": 1}})
    assert bodies[0][1]["event"] == "late"
    assert "It should have ended within 360 minutes and is still running." in bodies[0][1]["lines"]
    assert bodies[0][1]["run_id"] == EVIL


def test_a_night_that_failed_before_its_deadline_is_not_late_as_well(warned, bodies):
    notifications.deadline_missed(context={"dag_run": {"dag_run_id": EVIL, "state": "failed"}})
    assert bodies == []


def test_drafts_that_are_held_back_are_told_as_such(finished_run, warehouse, bodies):
    spec = finished_run([row("file:///a.jpg", detections=2)])
    wrong = CheckResult("detections", "box_outside_image", "critical", False, "1 of 1 images", 1.0, "Boxes lie inside.")
    store(warehouse, QualityVerdict(spec.run_id, (wrong,)))
    notifications.run_succeeded({"run_id": spec.run_id})
    said = bodies[0][1]
    assert said["event"] == "held back"
    assert said["title"] == "Pre-annotation: These drafts are held back"
    assert "critical: Boxes lie inside. Found: 1 of 1 images." in said["lines"]


def test_a_night_with_images_left_undone_is_told(night, warehouse, bodies):
    run = night("partial")
    chunk = run.chunk(0, [row("file:///a.jpg")])
    fail_chunk(warehouse, run.spec, chunk, "the node died")
    store(warehouse, QualityVerdict("partial", (CheckResult("run", "x", "warning", True, "0", 0.0, "s"),)))
    notifications.run_succeeded({"run_id": "partial"})
    assert bodies[0][1]["title"] == "Pre-annotation: 1 image could not be finished"


def test_a_lost_warehouse_and_an_unknown_run_are_still_told(bodies, storage_home, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", "postgresql://nobody:geheim@127.0.0.1:1/x")
    settings.cache_clear()
    monkeypatch.setattr("firstpass.warehouse.connection._may_come_back", lambda _: False)
    notifications.run_failed({"run_id": "nope"})
    assert bodies[0][1]["title"] == "Pre-annotation failed"
    assert "geheim" not in json.dumps(bodies)


def test_what_cannot_be_delivered_is_logged_and_forgotten(warned, mails, monkeypatch, caplog):
    monkeypatch.setenv("AIRFLOW_CONN_MAILBOX", json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": 1}))
    notifications.run_succeeded({"run_id": EVIL})
    assert "could not send" in caplog.text


def test_the_address_of_a_webhook_is_a_secret(warned, monkeypatch, caplog):
    connection = {"conn_type": "http", "host": "http://127.0.0.1:1/services/T01/geheim"}
    monkeypatch.setenv("AIRFLOW_CONN_CHAT", json.dumps(connection))
    monkeypatch.setenv("FIRSTPASS_NOTIFY_WEBHOOK_CONN_ID", "chat")
    settings.cache_clear()
    notifications.run_succeeded({"run_id": EVIL})
    (ours,) = (record.getMessage() for record in caplog.records if record.name == "firstpass")
    assert "could not send" in ours
    assert "geheim" not in ours


def test_nothing_is_sent_where_nothing_is_named(warned, monkeypatch):
    asked = []
    monkeypatch.setattr("socket.socket.connect", lambda _, address: asked.append(address))
    notifications.run_succeeded({"run_id": EVIL})
    assert asked == []
    assert not notifications.wanted()
