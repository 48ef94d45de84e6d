"""The values for Airflow's chart: held against the settings, the manifests and the image they go with."""

from __future__ import annotations

import json
import os
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from airflow.configuration import conf

from firstpass.settings import Settings

DOCKER = Path(__file__).resolve().parents[2] / "docker"
VALUES = yaml.safe_load((DOCKER / "helm" / "values.yaml").read_text())
PROCESSES = ["scheduler", "dagProcessor", "triggerer"]
SCHEMA = os.environ.get("HELM_VALUES_SCHEMA", "")


def manifests(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DOCKER / "kubernetes" / name).read_text()))


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    if not SCHEMA:
        pytest.skip("HELM_VALUES_SCHEMA names no values.schema.json of the chart: nothing to hold the values against")
    return json.loads(Path(SCHEMA).read_text())


def faults(values: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """What the chart's schema has against the values, a name at the top that it does not know included."""
    found = [error.json_path for error in jsonschema.Draft7Validator(schema).iter_errors(values)]
    return found + [f"$.{name}" for name in values if name not in schema["properties"]]


def test_only_what_chart_1_22_knows(schema):
    """The chart ignores a key that it does not know, so that a misspelt one would do nothing."""
    assert faults(VALUES, schema) == []


def test_a_misspelt_value_would_be_noticed(schema):
    misspelt = deepcopy(VALUES) | {"shceduler": {}}
    misspelt["scheduler"]["terminationGracePeriod"] = 600
    misspelt["apiServer"]["startupProbe"]["failureThreshold"] = "18"
    assert sorted(faults(misspelt, schema)) == [
        "$.apiServer.startupProbe.failureThreshold",
        "$.scheduler",
        "$.shceduler",
    ]


def test_its_settings_are_settings_and_fit():
    given = {entry["name"]: entry["value"] for entry in VALUES["env"]}
    ours = {name.removeprefix("FIRSTPASS_").lower(): value for name, value in given.items() if "FIRSTPASS_" in name}
    assert set(ours) <= set(Settings.model_fields)
    parsed = {name: json.loads(value) if value.startswith("[") else value for name, value in ours.items()}
    settings = Settings(**parsed)
    assert settings.engine == "kubernetes"
    namespaces = [manifest["metadata"]["name"] for manifest in manifests("namespaces.yaml")]
    assert settings.kubernetes_namespace in namespaces


def test_airflow_knows_every_option():
    """A misspelt one would be written into airflow.cfg, and read by nobody."""
    for section, options in VALUES["config"].items():
        for option in options:
            assert conf.configuration_description[section]["options"][option], (section, option)


def test_the_log_of_a_task_that_runs_is_asked_for_by_address():
    assert VALUES["config"]["core"]["hostname_callable"] == "airflow.utils.net.get_host_ip_address"
    module, _, name = VALUES["config"]["core"]["hostname_callable"].rpartition(".")
    assert callable(getattr(import_module(module), name))


def test_a_scheduler_that_ends_lets_its_tasks_end_and_nobody_starts_them_again_meanwhile():
    scheduler = VALUES["scheduler"]
    assert scheduler["terminationGracePeriodSeconds"] >= 600
    assert {"name": "DUMB_INIT_SETSID", "value": "0"} in scheduler["env"], "else the tasks get the SIGTERM, too"
    assert "dumb-init" in (DOCKER / "airflow" / "Dockerfile").read_text()
    dead_after = VALUES["config"]["scheduler"]["scheduler_health_check_threshold"]
    assert dead_after > scheduler["terminationGracePeriodSeconds"]


def test_the_quota_has_room_for_every_worker_and_for_pods_that_are_ending():
    (quota,) = manifests("quota.yaml")
    (workers,) = [int(entry["value"]) for entry in VALUES["env"] if entry["name"] == "FIRSTPASS_WORKERS"]
    hard = quota["spec"]["hard"]
    assert hard.keys() == {"pods", "requests.nvidia.com/gpu"}
    assert min(map(int, hard.values())) > workers


def test_no_secret_stands_in_it():
    named = {VALUES[key] for key in ("fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName")}
    named |= {VALUES["data"]["metadataSecretName"]}
    secrets = {secret["metadata"]["name"]: set(secret["stringData"]) for secret in manifests("secrets.example.yaml")}
    password = VALUES["apiServer"]["env"][0]
    reference = password["valueFrom"]["secretKeyRef"]
    assert named == {reference["name"]} == {"firstpass-airflow"}
    assert secrets["firstpass-airflow"] == {
        *("connection", "fernet-key", "api-secret-key", "jwt-secret"),  # the chart's names for them
        reference["key"],
    }
    assert VALUES["data"].keys() == {"metadataSecretName"}


def test_only_the_process_that_needs_a_secret_gets_it():
    secrets = {secret["metadata"]["name"]: set(secret["stringData"]) for secret in manifests("secrets.example.yaml")}
    given = {}
    for process in ("migrateDatabaseJob", "apiServer", *PROCESSES):
        given[process] = set()
        for entry in VALUES[process].get("env", []):
            if "valueFrom" not in entry:
                continue
            reference = entry["valueFrom"]["secretKeyRef"]
            assert reference["key"] in secrets[reference["name"]]
            given[process].add(entry["name"])
    assert given == {
        "migrateDatabaseJob": {"FIRSTPASS_WAREHOUSE_DSN"},
        "apiServer": {"FIRSTPASS_WAREHOUSE_DSN", "ADMIN_PASSWORD"},
        "scheduler": {"FIRSTPASS_WAREHOUSE_DSN", "AIRFLOW_CONN_CVAT_DEFAULT"},
        "dagProcessor": {"FIRSTPASS_WAREHOUSE_DSN"},
        "triggerer": set(),
    }
    assert not {"extraEnv", "extraEnvFrom", "extraSecrets"} & VALUES.keys(), "those reach every process"


def test_rights_are_those_of_the_manifests():
    assert VALUES["allowPodLaunching"] is False
    (binding,) = [manifest for manifest in manifests("rbac.yaml") if manifest["kind"] == "RoleBinding"]
    bound = {subject["name"] for subject in binding["subjects"]}
    assert bound == {VALUES["scheduler"]["serviceAccount"]["name"], VALUES["triggerer"]["serviceAccount"]["name"]}


def test_the_image_runs_as_its_own_user_with_a_read_only_root():
    assert VALUES["uid"] == VALUES["gid"] == 10001
    assert "useradd --uid 10001" in (DOCKER / "airflow" / "Dockerfile").read_text()
    assert VALUES["securityContexts"]["containers"]["readOnlyRootFilesystem"] is True
    assert {mount["name"] for mount in VALUES["volumeMounts"]} == {volume["name"] for volume in VALUES["volumes"]}


@pytest.mark.parametrize("process", PROCESSES)
def test_nothing_needs_scripts_of_the_official_image(process):
    """Its /entrypoint and /clean-logs are what the chart's own probes and sidecars call."""
    assert VALUES[process]["livenessProbe"]["command"][:3] == ["airflow", "jobs", "check"]
    assert VALUES[process]["logGroomerSidecar"]["enabled"] is False


@pytest.mark.parametrize("process", ["migrateDatabaseJob", "apiServer"])
def test_its_scripts_are_in_the_image(process):
    shell, script = VALUES[process]["args"]
    assert shell == "bash"
    assert (DOCKER.parent / Path(script).relative_to("/opt/airflow")).is_file()
