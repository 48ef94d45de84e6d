"""The manifests: valid as Kubernetes sees them, and no more permissive than the operator needs."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from firstpass.airflow.pod_manifest import pod
from firstpass.settings import Settings

FOLDER = Path(__file__).resolve().parents[2] / "docker" / "kubernetes"
VERSIONS = ["1.30", "1.37"]  # the oldest that the chart supports, and the newest that there is a schema of

# What the provider's code calls, as RBAC spells it.
PROVIDER = "airflow.providers.cncf.kubernetes"
VERB = {"create": "create", "read": "get", "list": "list", "patch": "patch", "delete": "delete"}
RESOURCE = {"pod": "pods", "pod_log": "pods/log", "event": "events"}


def documents(file: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(file.read_text()))


MANIFESTS = [
    pytest.param(document, id=f"{file.stem}-{document['kind']}")
    for file in sorted(FOLDER.glob("*.yaml"))
    for document in documents(file)
    if document["kind"] != "Kustomization"
]


def one(kind: str, name: str) -> dict[str, Any]:
    return next(
        p.values[0] for p in MANIFESTS if (p.values[0]["kind"], p.values[0]["metadata"].get("name")) == (kind, name)
    )


@pytest.mark.parametrize("manifest", MANIFESTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(manifest, version):
    assert kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelt_field_would_be_noticed():
    wrong = {"name": "base", "securityContext": {"readOnlyRoot": True}}
    manifest = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [wrong]}}
    with pytest.raises(kubernetes_validate.ValidationError, match="readOnlyRoot"):
        kubernetes_validate.validate(manifest, VERSIONS[-1], strict=True)


def test_what_is_applied_is_there():
    (applied,) = documents(FOLDER / "kustomization.yaml")
    assert {file.name for file in FOLDER.glob("*.yaml")} == {
        *applied["resources"],
        "kustomization.yaml",
        "inference-pod.yaml",
        "model-cache.yaml",
        "secrets.example.yaml",
    }


def test_the_pod_meets_the_level_restricted():
    """What the namespaces enforce (the Pod Security Standards' level `restricted`), field by field."""
    spec = pod(Settings())["spec"]
    assert spec["securityContext"] | {"fsGroup": 0} == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 0,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    (base,) = spec["containers"]
    assert base["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert all({"emptyDir", "persistentVolumeClaim"} & set(volume) for volume in spec["volumes"])
    for name in ("airflow", "firstpass"):
        assert one("Namespace", name)["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_pod_has_no_token_and_its_account_no_rights():
    spec = pod(Settings())["spec"]
    account = one("ServiceAccount", spec["serviceAccountName"])
    assert account["metadata"]["namespace"] == Settings().kubernetes_namespace
    assert spec["automountServiceAccountToken"] is account["automountServiceAccountToken"] is False
    subjects = one("RoleBinding", "firstpass-pods")["subjects"]
    assert account["metadata"]["name"] not in {subject["name"] for subject in subjects}


def test_the_role_grants_what_the_operator_calls_and_nothing_else():
    modules = [find_spec(f"{PROVIDER}.{name}") for name in ("operators.pod", "utils.pod_manager", "hooks.kubernetes")]
    source = "".join(Path(module.origin).read_text() for module in modules)
    calls = set(re.findall(r"\.(\w+?)_namespaced_(pod_log|pod_exec|pod|event)\b", source))
    assert calls >= {("create", "pod"), ("read", "pod_log")}
    # exec is for XCom's sidecar, which Firstpass's pods do not have: results go to storage.
    needed = {(RESOURCE[resource], VERB[verb]) for verb, resource in calls if resource != "pod_exec"}
    needed.add(("events", "watch"))  # the client's Watch over the call that lists them
    rules = one("Role", "firstpass-pods")["rules"]
    assert {(r, verb) for rule in rules for r in rule["resources"] for verb in rule["verbs"]} == needed
    assert {group for rule in rules for group in rule["apiGroups"]} == {""}
    assert not any("resourceNames" in rule for rule in rules)


def test_the_network_policy_lets_nothing_in_and_names_and_https_out():
    spec = one("NetworkPolicy", "firstpass-inference")["spec"]
    assert spec["podSelector"] == {}
    assert set(spec["policyTypes"]) == {"Ingress", "Egress"}
    assert spec["ingress"] == []
    assert {(port["protocol"], port["port"]) for rule in spec["egress"] for port in rule["ports"]} == {
        ("UDP", 53),
        ("TCP", 53),
        ("TCP", 443),
    }


def test_the_secrets_have_no_values():
    for document in documents(FOLDER / "secrets.example.yaml"):
        assert set(document["stringData"].values()) == {""}
