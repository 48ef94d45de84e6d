"""The built-in notifiers reach a real mail server and a real web server."""

from __future__ import annotations

import json

import pytest

from firstpass.airflow import notifications
from firstpass.airflow.notifiers import EMAIL, WEBHOOK
from firstpass.contracts.notification import Notification
from firstpass.settings import settings

EVIL = "x{{ 7*7 }}<script>alert(1)</script>"
SAID = Notification(
    "warnings", EVIL, "Two detections", ("Few are empty.", f"Run {EVIL}"), "http://a/?run=1", {"images": 3}
)


@pytest.fixture(autouse=True)
def fresh_settings():
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_an_e_mail_goes_to_all_and_shows_names_as_they_are(mails):
    EMAIL.send(SAID)
    (mail,) = mails
    assert mail["subject"] == "Two detections"
    assert mail["to"] == "ann@example.org, bob@example.org"
    body = mail.get_payload(0).get_content()
    assert "<p>Few are empty.</p>" in body
    assert "&lt;script&gt;" in body
    assert "<script>" not in body
    assert "{{ 7*7 }}" in body, "a run's id is not a template"


def test_commas_and_space_too_many_are_no_addresses(mails, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_NOTIFY_EMAIL", " ann@example.org ,, ")
    settings.cache_clear()
    EMAIL.send(SAID)
    assert mails[0]["to"] == "ann@example.org"


def test_each_address_is_one_recipient(monkeypatch):
    from airflow.providers.smtp.notifications import smtp

    given = {}

    class Notifier:
        def __init__(self, **options):
            given.update(options)

        def notify(self, context):
            given["context"] = context

    monkeypatch.setattr(smtp, "SmtpNotifier", Notifier)
    monkeypatch.setenv("FIRSTPASS_NOTIFY_EMAIL", " ann@example.org ,, bob@example.org,")
    settings.cache_clear()
    EMAIL.send(SAID)
    assert given["to"] == ["ann@example.org", "bob@example.org"]
    assert given["context"] == {}


def test_a_webhook_gets_the_payload_as_json(bodies):
    WEBHOOK.send(SAID)
    ((path, said),) = bodies
    assert path == "/hooks/night"
    assert said == json.loads(json.dumps(SAID.payload))


def test_what_the_settings_name_is_configured(monkeypatch):
    assert (EMAIL.configured(), WEBHOOK.configured()) == (False, False)
    monkeypatch.setenv("FIRSTPASS_NOTIFY_EMAIL", "ann@example.org")
    settings.cache_clear()
    assert (EMAIL.configured(), WEBHOOK.configured()) == (True, False)
    monkeypatch.delenv("FIRSTPASS_NOTIFY_EMAIL")
    monkeypatch.setenv("FIRSTPASS_NOTIFY_WEBHOOK_CONN_ID", "chat")
    settings.cache_clear()
    assert (EMAIL.configured(), WEBHOOK.configured()) == (False, True)


def test_both_are_found_by_entry_point(mails, bodies):
    notifications.deliver(SAID)
    assert (len(mails), len(bodies)) == (1, 1)


def test_a_webhook_that_does_not_answer_is_given_its_time(monkeypatch):
    """A service that hangs must not hold the night's last process for ever."""
    from airflow.providers.http.notifications import http

    given = {}

    class Notifier:
        def __init__(self, **options):
            given.update(options)

        def notify(self, context):
            given["context"] = context

    monkeypatch.setattr(http, "HttpNotifier", Notifier)
    monkeypatch.setenv("AIRFLOW_CONN_CHAT", json.dumps({"conn_type": "http", "host": "http://127.0.0.1:1/x"}))
    monkeypatch.setenv("FIRSTPASS_NOTIFY_WEBHOOK_CONN_ID", "chat")
    settings.cache_clear()
    WEBHOOK.send(SAID)
    assert given == {
        "http_conn_id": "chat", "json": SAID.payload, "extra_options": {"timeout": 20}, "context": {},
    }  # fmt: skip


def test_what_cannot_be_delivered_is_logged_and_forgotten(mails, monkeypatch, caplog):
    monkeypatch.setenv("AIRFLOW_CONN_MAILBOX", json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": 1}))
    notifications.deliver(SAID)
    assert "could not send" in caplog.text


def test_the_address_of_a_webhook_is_a_secret(monkeypatch, caplog):
    connection = {"conn_type": "http", "host": "http://127.0.0.1:1/services/T01/geheim"}
    monkeypatch.setenv("AIRFLOW_CONN_CHAT", json.dumps(connection))
    monkeypatch.setenv("FIRSTPASS_NOTIFY_WEBHOOK_CONN_ID", "chat")
    settings.cache_clear()
    notifications.deliver(SAID)
    (ours,) = (record.getMessage() for record in caplog.records if record.name == "firstpass")
    assert "could not send" in ours
    assert "geheim" not in ours


@pytest.mark.parametrize(
    ("connection", "secret"),
    [
        ({"conn_type": "http", "host": "https://chat.example.org/services/T01/geheim/"}, "services/T01/geheim"),
        ({"conn_type": "http", "host": "https://chat.example.org"}, ""),
        ({"conn_type": "http"}, ""),
    ],
)
def test_airflow_is_told_the_secret_path_before_anything_is_sent(monkeypatch, connection, secret):
    from airflow.providers.http.notifications import http
    from airflow.sdk import log

    told = []

    class Notifier:
        def __init__(self, **_):
            pass

        def notify(self, _):
            told.append("sent")

    monkeypatch.setattr(log, "mask_secret", told.append)
    monkeypatch.setattr(http, "HttpNotifier", Notifier)
    monkeypatch.setenv("AIRFLOW_CONN_CHAT", json.dumps(connection))
    monkeypatch.setenv("FIRSTPASS_NOTIFY_WEBHOOK_CONN_ID", "chat")
    settings.cache_clear()
    WEBHOOK.send(SAID)
    assert told == [secret, "sent"]


def test_nothing_is_sent_where_nothing_is_named(monkeypatch):
    asked = []
    monkeypatch.setattr("socket.socket.connect", lambda _, address: asked.append(address))
    notifications.deliver(SAID)
    assert asked == []
    assert not notifications.wanted()
