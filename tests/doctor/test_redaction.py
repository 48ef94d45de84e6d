from __future__ import annotations

import pytest

from firstpass.doctor.redaction import redact, secrets_of


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FIRSTPASS_WAREHOUSE_DSN", "postgresql://me:ses%40me@db/photos"),
        ("FIRSTPASS_WAREHOUSE_DSN", "host=db user=me password=ses@me"),
        ("AWS_SECRET_ACCESS_KEY", "ses@me"),
        ("AIRFLOW_CONN_S3", "aws://AKIA:ses%40me@/?region_name=eu"),
        ("AIRFLOW_CONN_S3", "aws://AKIA@/?secret_key=ses@me"),
        ("AIRFLOW_CONN_CVAT_DEFAULT", '{"host": "https://cvat", "password": "ses@me"}'),
        ("AIRFLOW_CONN_X", '{"extra": "{\\"api_token\\": \\"ses@me\\"}"}'),
        ("AIRFLOW__CORE__FERNET_KEY", "ses@me"),
        ("HTTPS_PROXY", "http://user:ses%40me@proxy:8080"),
    ],
)
def test_a_secret_is_shown_in_neither_spelling(name, value):
    secrets = secrets_of({name: value})
    shown = redact("it says ses@me, and ses%40me; the host is db at cvat", secrets)
    assert "ses" not in shown
    assert shown.endswith("the host is db at cvat")


def test_what_is_no_secret_stays():
    harmless = {"FIRSTPASS_S3_CONN_ID": "storage", "HOME": "/home", "AWS_ACCESS_KEY_ID": "AKIA1", "MY_TOKEN": "yes"}
    assert secrets_of(harmless) == set()


def test_a_value_that_cannot_be_read_is_a_secret_as_a_whole():
    assert "{broken sesame" in secrets_of({"AIRFLOW_CONN_X": "{broken sesame"})
