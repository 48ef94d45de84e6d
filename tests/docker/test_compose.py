"""The single server: its file is held against the settings, the image and what a server on the internet must not do."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from firstpass.settings import Settings

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docker" / "airflow"))
import check_secrets

DOCKER = Path(__file__).resolve().parents[2] / "docker"

TEXT = (DOCKER / "compose.yaml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
IMAGE = [name for name, service in SERVICES.items() if service["image"] == "firstpass-airflow"]
AIRFLOW = [name for name in IMAGE if name != "check"]
ONCE = {"check", "init"}
EXAMPLE = (DOCKER / ".env.example").read_text()
DEFAULTS = (DOCKER / "defaults.env").read_text()
REQUIRED = set(re.findall(r"^([A-Z0-9_]+)=", EXAMPLE, re.M))  # without a value, to be filled in
SECRET = re.compile(r"(PASSWORD|SECRET|KEY|TOKEN|CONN|DSN)")


def as_read(text: str) -> str:
    """As Compose reads it: anchors resolved, and variables of docker/.env replaced by digits or by their defaults."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", re.sub(r"\$\{\w+:\?[^}]*\}", "0123", text))
    return yaml.safe_dump(yaml.safe_load(text))


def test_it_is_what_the_compose_specification_says():
    assert set(PyCompose.from_yaml(as_read(TEXT)).services) == set(SERVICES)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("read_only:", "readonly:"), ("service_healthy", "service_well"), ("interval: 5s", "interval: 5 turtles")],
)
def test_a_misspelt_line_would_be_noticed(right, wrong):
    with pytest.raises(ValueError, match=r"(?i)key|variant|unit"):
        PyCompose.from_yaml(as_read(TEXT.replace(right, wrong)))


def test_its_services():
    assert set(AIRFLOW) == {"init", "api-server", "scheduler", "dag-processor", "triggerer"}
    assert set(SERVICES) - set(AIRFLOW) == {"check", "postgres", "store"}


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONCE))
def test_every_service_that_stays_up_is_watched_and_restarted(name):
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_nothing_starts_with_secrets_that_will_not_do():
    checked = {"check": {"condition": "service_completed_successfully"}}
    assert SERVICES["postgres"]["depends_on"] == SERVICES["store"]["depends_on"] == checked
    assert SERVICES["check"]["command"] == ["python", "docker/airflow/check_secrets.py", "--env-file"]
    assert SERVICES["check"]["network_mode"] == "none"
    assert not {"depends_on", "volumes", "restart"} & SERVICES["check"].keys()


def test_processes_wait_for_what_they_need():
    ready = {"postgres": "service_healthy", "store": "service_healthy"}
    assert {name: need["condition"] for name, need in SERVICES["init"]["depends_on"].items()} == ready
    for name in set(AIRFLOW) - {"init"}:
        assert SERVICES[name]["depends_on"]["init"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_bound_to_this_machine(name):
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))
    assert SERVICES[name].get("network_mode") in (None, "none")


@pytest.mark.parametrize("name", IMAGE)
def test_airflow_may_do_little_to_its_container(name):
    service = SERVICES[name]
    assert (service["user"], service["read_only"], service["cap_drop"]) == ("10001:10001", True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_settings_that_it_names_exist():
    fields = {f"FIRSTPASS_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"\bFIRSTPASS_[A-Z0-9_]+", TEXT + EXAMPLE + DEFAULTS)) <= fields


def test_secrets_come_from_the_env_file_alone():
    """Each is asked for by name and has no default; the example has a line for each, without a value."""
    asked = set(re.findall(r"\$\{([A-Z0-9_]+):\?", TEXT))
    assert asked == REQUIRED == set(check_secrets.RULES)
    assert not re.findall(r"^[A-Z0-9_]+=[^\s#]", EXAMPLE, re.M)
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if SECRET.search(name) and name != "AIRFLOW_CONN_CVAT_DEFAULT":
                assert re.search(r"\$\{[A-Z0-9_]+:\?", value), name
    defaults = re.findall(r"\$\{([A-Z0-9_]+):-", TEXT)
    assert set(defaults) | {"AIRFLOW_CONN_CVAT_DEFAULT"} == check_secrets.TAKEN
    assert not re.search(r"^\w*(PASSWORD|SECRET|KEY|TOKEN|CONN|DSN)\w*=", DEFAULTS, re.M)


def test_comments_stand_on_lines_of_their_own():
    for line in (EXAMPLE + DEFAULTS).splitlines():
        assert not line or line.startswith("#") or re.fullmatch(r"[A-Z0-9_]+=[^#]*", line), line


METADATA = {"AIRFLOW_DATABASE_PASSWORD", "AIRFLOW__CORE__FERNET_KEY"}
DATA = {"WAREHOUSE_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY"}
LOGS, TASKS = "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET"
WHO_GETS_WHAT = {
    "postgres": {"POSTGRES_PASSWORD"},
    "store": {"S3_ACCESS_KEY", "S3_SECRET_KEY"},
    "init": METADATA | DATA | {"POSTGRES_PASSWORD"},
    "api-server": METADATA | DATA | {LOGS, TASKS, "ADMIN_PASSWORD"},
    "scheduler": METADATA | DATA | {LOGS, TASKS, "AIRFLOW_CONN_CVAT_DEFAULT"},
    "dag-processor": METADATA | DATA,
    "triggerer": METADATA | {LOGS},
}


@pytest.mark.parametrize("name", WHO_GETS_WHAT)
def test_only_the_container_that_needs_a_secret_gets_it(name):
    given = SERVICES[name].get("environment", {})
    asked = {secret for value in given.values() for secret in re.findall(r"\$\{([A-Z0-9_]+):\?", value or "")}
    assert asked | {variable for variable, value in given.items() if value is None} == WHO_GETS_WHAT[name]


def test_all_of_the_env_file_reaches_nobody_but_the_check():
    assert set(WHO_GETS_WHAT) | {"check"} == set(SERVICES)
    files = {name: env_files(service) for name, service in SERVICES.items()}
    settings, connections = {"defaults.env", "settings.env"}, {"connections.env"}
    assert files == {
        "check": {".env"},
        "postgres": set(),
        "store": set(),
        "init": settings,
        "api-server": settings,
        "scheduler": settings | connections,
        "dag-processor": settings | connections,
        "triggerer": settings | connections,
    }


def env_files(service: dict[str, Any]) -> set[str]:
    listed = service.get("env_file", [])
    return {entry if isinstance(entry, str) else entry["path"] for entry in ([listed] if listed == ".env" else listed)}


def test_only_the_superuser_is_one():
    """Two roles own a database each; who has their passwords has no other database, and no command on the server."""
    dsns = [service.get("environment", {}) for service in SERVICES.values()]
    users = {key: {dsn_user(env[key]) for env in dsns if key in env} for key in (*DSNS, "SUPERUSER_DSN")}
    assert users == {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": {"metadata"},
        "FIRSTPASS_WAREHOUSE_DSN": {"warehouse"},
        "SUPERUSER_DSN": {SERVICES["postgres"]["environment"]["POSTGRES_USER"]},
    }


DSNS = ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "FIRSTPASS_WAREHOUSE_DSN")


def dsn_user(dsn: str) -> str:
    return re.search(r"//(\w+):", dsn)[1]


def test_images_are_pinned_and_volumes_declared():
    for name in set(SERVICES) - set(IMAGE):
        assert re.fullmatch(r"[a-z/]+:\d[\d.]*", SERVICES[name]["image"])
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])


def test_its_scripts_are_in_the_image():
    for name in ("init", "api-server"):
        shell, script = SERVICES[name]["command"]
        assert shell == "bash"
        assert (DOCKER.parent / script).is_file()
    assert SERVICES["check"]["build"] == SERVICES["init"]["build"]
    assert (DOCKER.parent / SERVICES["check"]["command"][1]).is_file()
    build = SERVICES["init"]["build"]
    assert (DOCKER / build["context"] / build["dockerfile"]).is_file()
