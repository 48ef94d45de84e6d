from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from firstpass.settings import Settings, settings
from firstpass.stack.environment import leaves_out_kubeconfig, stack_environment
from firstpass.stack.secrets import Secrets

ROOT = Path(__file__).resolve().parents[2]
SECRETS = Secrets("fernet", "jwt", "api", "password")


def test_everything_listens_on_this_machine_only(where):
    environment = stack_environment(where, SECRETS)
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environment["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:8080"
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8080/execution/"


def test_the_port_is_a_setting(where, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_PORT", "9090")
    settings.cache_clear()
    environment = stack_environment(where, SECRETS)
    assert environment["AIRFLOW__API__PORT"] == "9090"
    assert environment["AIRFLOW__API__BASE_URL"].endswith(":9090")


def test_dotenv_reaches_airflow_and_the_environment_wins(where, monkeypatch):
    (where.home / ".env").write_text(
        'AIRFLOW_CONN_AWS={"conn_type": "aws"}\nFIRSTPASS_MODEL=other\nAWS_REGION=from-file\n', encoding="utf-8"
    )
    monkeypatch.setenv("AWS_REGION", "from-environment")
    environment = stack_environment(where, SECRETS)
    assert environment["AIRFLOW_CONN_AWS"] == '{"conn_type": "aws"}'
    assert environment["FIRSTPASS_MODEL"] == "other"
    assert environment["AWS_REGION"] == "from-environment"


def test_tuning_can_be_overridden_but_not_what_the_stack_depends_on(where, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", "2")
    monkeypatch.setenv("AIRFLOW_HOME", "/somewhere/else")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://another.installation/airflow")
    environment = stack_environment(where, SECRETS)
    assert environment["AIRFLOW__CORE__PARALLELISM"] == "2"
    assert environment["AIRFLOW_HOME"] == str(where.home)
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith(
        "postgresql+psycopg2://postgres@/airflow?host="
    )


PATH = '{"kube_config_path": "/etc/kube"}'


@pytest.mark.parametrize(
    ("name", "connection", "reaches"),
    [
        ("", None, True),
        ("", f'{{"conn_type": "kubernetes", "extra": {PATH}}}', True),
        ("cluster", f'{{"conn_type": "kubernetes", "extra": {PATH}}}', False),
        ("cluster", '{"conn_type": "kubernetes", "extra": "{\\"in_cluster\\": true}"}', False),
        ("cluster", "kubernetes://?extra__kubernetes__kube_config=%7B%7D", False),
        ("cluster", f"kubernetes://?__extra__={quote(PATH)}", False),
        ("cluster", None, False),
        ("cluster", "kubernetes://", True),
        ("cluster", '{"conn_type": "kubernetes", "extra": {"kube_config_path": "", "cluster_context": "x"}}', True),
    ],
)
def test_kubeconfig_never_reaches_the_stack_beside_a_connections_own(where, monkeypatch, name, connection, reaches):
    monkeypatch.setenv("KUBECONFIG", "/home/me/.kube/config")
    monkeypatch.setenv("FIRSTPASS_KUBERNETES_CONN_ID", name)
    if connection:
        (where.home / ".env").write_text(f"AIRFLOW_CONN_CLUSTER={connection}\n", encoding="utf-8")
    settings.cache_clear()
    assert leaves_out_kubeconfig(where) is not reaches
    assert ("KUBECONFIG" in stack_environment(where, SECRETS)) is reaches


def test_without_a_kubeconfig_none_is_left_out(where, monkeypatch):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("FIRSTPASS_KUBERNETES_CONN_ID", "cluster")
    settings.cache_clear()
    assert not leaves_out_kubeconfig(where)


def test_a_proxy_never_sees_what_tasks_say_to_the_api_server(where, monkeypatch):
    monkeypatch.setenv("no_proxy", "intranet")
    environment = stack_environment(where, SECRETS)
    assert environment["no_proxy"] == "intranet,127.0.0.1,localhost"
    assert "127.0.0.1" in environment["NO_PROXY"]


def test_the_example_names_only_settings_that_exist():
    named = set(
        re.findall(r"^#?\s?FIRSTPASS_(\w+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert named
    assert named <= {name.upper() for name in Settings.model_fields}


def test_airflow_cfg_has_nothing_that_is_true_of_one_machine_only():
    text = (ROOT / "airflow.cfg").read_text(encoding="utf-8")
    assert "$AIRFLOW_HOME/dags" in text
    for word in ("sql_alchemy_conn", "127.0.0.1", "fernet_key", "jwt_secret", "secret_key"):
        assert word not in text
