"""The single server: its file is held against the settings, the image and what a server on the internet must not do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from firstpass.settings import Settings

DOCKER = Path(__file__).resolve().parents[2] / "docker"
TEXT = (DOCKER / "compose.yaml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
AIRFLOW = [name for name, service in SERVICES.items() if service["image"] == "firstpass-airflow"]
EXAMPLE = (DOCKER / ".env.example").read_text()
REQUIRED = set(re.findall(r"^([A-Z0-9_]+)=", EXAMPLE, re.M))  # without a value, to be filled in


def test_its_services():
    assert set(AIRFLOW) == {"init", "api-server", "scheduler", "dag-processor", "triggerer"}
    assert set(SERVICES) - set(AIRFLOW) == {"postgres", "store"}


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"init"}))
def test_every_service_that_stays_up_is_watched_and_restarted(name):
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_processes_wait_for_what_they_need():
    ready = {"postgres": "service_healthy", "store": "service_healthy"}
    assert {name: need["condition"] for name, need in SERVICES["init"]["depends_on"].items()} == ready
    for name in set(AIRFLOW) - {"init"}:
        assert SERVICES[name]["depends_on"]["init"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_bound_to_this_machine(name):
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))
    assert SERVICES[name].get("network_mode") is None


@pytest.mark.parametrize("name", AIRFLOW)
def test_airflow_may_do_little_to_its_container(name):
    service = SERVICES[name]
    assert (service["user"], service["read_only"], service["cap_drop"]) == ("10001:10001", True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_settings_that_it_names_exist():
    fields = {f"FIRSTPASS_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"\bFIRSTPASS_[A-Z0-9_]+", TEXT + EXAMPLE)) <= fields


def test_secrets_come_from_the_env_file_alone():
    """Each is asked for by name and has no default; the example has a line for each, without a value."""
    asked = set(re.findall(r"\$\{([A-Z0-9_]+):\?", TEXT))
    assert asked == REQUIRED
    assert not re.findall(r"^[A-Z0-9_]+=[^\s#]", EXAMPLE, re.M)
    secret = re.compile(r"(PASSWORD|SECRET|KEY|TOKEN)")
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if secret.search(name):
                assert re.fullmatch(r"\$\{[A-Z0-9_]+:\?.*\}", value), name
    defaults = re.findall(r"\$\{([A-Z0-9_]+):-", TEXT)
    assert not [name for name in defaults if secret.search(name)]


def test_images_are_pinned_and_volumes_declared():
    for name in set(SERVICES) - set(AIRFLOW):
        assert re.fullmatch(r"[a-z/]+:\d[\d.]*", SERVICES[name]["image"])
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
    assert used == set(COMPOSE["volumes"])


def test_its_scripts_are_in_the_image():
    for name in ("init", "api-server"):
        shell, script = SERVICES[name]["command"]
        assert shell == "bash"
        assert (DOCKER.parent / script).is_file()
    build = SERVICES["init"]["build"]
    assert (DOCKER / build["context"] / build["dockerfile"]).is_file()
