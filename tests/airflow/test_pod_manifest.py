"""A chunk's pod comes from the template and the settings, and is what Kubernetes accepts."""

from __future__ import annotations

import kubernetes_validate
import pytest
import yaml

from firstpass.airflow.pod_manifest import pod
from firstpass.errors import FirstpassError
from firstpass.settings import Settings, settings


def require_valid(manifest: dict) -> None:
    for version in ("1.30", "1.37"):  # the oldest that the chart supports, and the newest that there is a schema of
        kubernetes_validate.validate(manifest, version, strict=True)


def base(manifest: dict) -> dict:
    return next(each for each in manifest["spec"]["containers"] if each["name"] == "base")


def test_the_default_pod_is_valid_and_has_no_rights():
    manifest = pod(Settings())
    require_valid(manifest)
    assert manifest["spec"]["securityContext"]["runAsNonRoot"] is True
    assert manifest["spec"]["automountServiceAccountToken"] is False
    assert base(manifest)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert base(manifest)["resources"] == {
        "requests": {"cpu": "2", "memory": "8Gi"},
        "limits": {"cpu": "2", "memory": "8Gi", "nvidia.com/gpu": "1"},
    }
    assert manifest["spec"]["activeDeadlineSeconds"] == (4 + 1) * 3600  # what it may wait comes on top
    environment = {entry["name"]: entry.get("value") for entry in base(manifest)["env"]}
    assert (environment["FIRSTPASS_GPUS"], float(environment["FIRSTPASS_WAIT_MINUTES"])) == ("1", 60)


def test_everything_can_be_set():
    chosen = Settings(
        storage="s3://b/runs",
        models="s3://b/models",
        s3_endpoint="http://store:8333",
        kubernetes_image="registry.example.org/firstpass-inference:7",
        kubernetes_gpu_resource="amd.com/gpu",
        kubernetes_cpu="4",
        kubernetes_memory="16Gi",
        kubernetes_service_account="reader",
        kubernetes_priority_class="night",
        kubernetes_node_selector={"gpu": "v100"},
        kubernetes_tolerations=[{"key": "gpu", "operator": "Exists"}],
        kubernetes_labels={"team": "vision"},
        kubernetes_env={"TF_NUM_INTRAOP_THREADS": "4"},
        kubernetes_secrets=["s3", "cvat"],
        kubernetes_volumes=[{"name": "photos", "hostPath": {"path": "/photos"}}],
        kubernetes_volume_mounts=[{"name": "photos", "mountPath": "/photos"}],
        kubernetes_deadline_minutes=30,
        wait_minutes=15,
    )
    manifest = pod(chosen)
    require_valid(manifest)
    spec, container = manifest["spec"], base(manifest)
    assert container["image"] == "registry.example.org/firstpass-inference:7"
    assert container["resources"] == {
        "requests": {"cpu": "4", "memory": "16Gi"},
        "limits": {"cpu": "4", "memory": "16Gi", "amd.com/gpu": "1"},
    }
    assert (spec["serviceAccountName"], spec["priorityClassName"]) == ("reader", "night")
    assert spec["nodeSelector"] == {"gpu": "v100"}
    assert spec["tolerations"] == [{"key": "gpu", "operator": "Exists"}]
    assert manifest["metadata"]["labels"]["team"] == "vision"
    environment = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert environment["FIRSTPASS_STORAGE"] == "s3://b/runs"
    assert environment["FIRSTPASS_S3_ENDPOINT"] == "http://store:8333"
    assert environment["TF_NUM_INTRAOP_THREADS"] == "4"
    assert (environment["FIRSTPASS_GPUS"], float(environment["FIRSTPASS_WAIT_MINUTES"])) == ("1", 15)
    assert environment["FIRSTPASS_MEMORY"] == "14745Mi", "nine tenths: the process ends before its container does"
    assert container["envFrom"] == [{"secretRef": {"name": "s3"}}, {"secretRef": {"name": "cvat"}}]
    assert {"name": "photos", "mountPath": "/photos"} in container["volumeMounts"]
    assert spec["volumes"][-1]["name"] == "photos"
    assert spec["activeDeadlineSeconds"] == (30 + 15) * 60


def test_a_pod_on_the_cpu_is_asked_for_no_gpu():
    container = base(pod(Settings(kubernetes_gpus=0, gpus=3, machine="t4")))
    assert {"name": "FIRSTPASS_GPUS", "value": "0"} in container["env"]
    assert "nvidia.com/gpu" not in container["resources"]["limits"]


TEMPLATE = """
kind: Pod
spec:
  serviceAccountName: theirs
  priorityClassName: low
  nodeSelector: {zone: a}
  tolerations: [{key: spot, operator: Exists}]
  volumes: [{name: scratch, emptyDir: {}}]
  containers:
    - name: log-shipper
      image: shipper:1
    - name: base
      image: inference:own
      env: [{name: FIRSTPASS_STORAGE, value: old}, {name: TZ, value: UTC}]
      envFrom: [{configMapRef: {name: site}}]
      volumeMounts: [{name: scratch, mountPath: /scratch}]
"""


@pytest.fixture
def own_template(tmp_path) -> dict[str, str]:
    path = tmp_path / "pod.yaml"
    path.write_text(TEMPLATE)
    return {"kubernetes_pod_template": str(path)}


def test_what_the_template_says_stands_where_a_setting_is_empty(own_template):
    empty = dict.fromkeys(("kubernetes_image", "kubernetes_service_account", "kubernetes_priority_class"), "")
    spec = pod(Settings(**own_template, **empty))["spec"]
    assert (spec["serviceAccountName"], spec["priorityClassName"]) == ("theirs", "low")
    assert [each["image"] for each in spec["containers"]] == ["shipper:1", "inference:own"]


def test_a_setting_is_added_to_what_the_template_says(own_template):
    chosen = Settings(
        **own_template,
        kubernetes_node_selector={"gpu": "v100"},
        kubernetes_tolerations=[{"key": "gpu"}],
        kubernetes_secrets=["s3"],
        kubernetes_volumes=[{"name": "photos"}],
        kubernetes_volume_mounts=[{"name": "photos", "mountPath": "/photos"}],
    )
    spec = pod(chosen)["spec"]
    container = base({"spec": spec})
    assert spec["nodeSelector"] == {"zone": "a", "gpu": "v100"}
    assert [each["key"] for each in spec["tolerations"]] == ["spot", "gpu"]
    assert [each["name"] for each in spec["volumes"]] == ["scratch", "photos"]
    assert [each["name"] for each in container["volumeMounts"]] == ["scratch", "photos"]
    assert container["envFrom"] == [{"configMapRef": {"name": "site"}}, {"secretRef": {"name": "s3"}}]


def test_a_setting_of_the_pod_is_told_once_and_goes_before_the_templates(own_template):
    chosen = Settings(**own_template, storage="s3://b/runs", s3_endpoint="", kubernetes_env={"FIRSTPASS_MODELS": "/m"})
    entries = base(pod(chosen))["env"]
    told = {entry["name"]: entry["value"] for entry in entries}
    assert len(told) == len(entries)
    assert told["TZ"] == "UTC"
    assert (told["FIRSTPASS_STORAGE"], told["FIRSTPASS_MODELS"]) == ("s3://b/runs", "/m")
    assert "FIRSTPASS_S3_ENDPOINT" not in told, "an empty setting is none"


def test_only_the_container_of_the_chunk_is_changed(own_template):
    shipper, _ = pod(Settings(**own_template))["spec"]["containers"]
    assert shipper == {"name": "log-shipper", "image": "shipper:1"}


def test_no_gpu_is_asked_for_where_there_is_none():
    assert base(pod(Settings(kubernetes_gpus=0)))["resources"]["limits"] == {"cpu": "2", "memory": "8Gi"}


@pytest.mark.parametrize(
    ("cpu", "threads", "passed"),
    [("2", 0, "2"), ("1.5", 0, "2"), ("500m", 0, "1"), ("3500m", 0, "4"), ("8", 3, "3"), ("1e1", 0, "0")],
)
def test_as_many_threads_decode_as_the_pod_has_cpus(cpu, threads, passed):
    environment = base(pod(Settings(kubernetes_cpu=cpu, threads=threads)))["env"]
    assert {"name": "FIRSTPASS_THREADS", "value": passed} in environment


def test_several_gpus_for_one_pod_are_refused_when_settings_are_read(monkeypatch):
    monkeypatch.setenv("FIRSTPASS_KUBERNETES_GPUS", "4")
    settings.cache_clear()
    with pytest.raises(FirstpassError, match=r"FIRSTPASS_KUBERNETES_GPUS='4' .* a pod uses one GPU: write 1"):
        settings()
    settings.cache_clear()


def test_no_credential_travels_in_the_manifest():
    chosen = Settings(warehouse_dsn="postgresql://me:hunter2@db/warehouse")
    assert "hunter2" not in yaml.safe_dump(pod(chosen))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("spec: [", "not valid YAML"),
        ("\x00", "not valid YAML"),
        ("kind: Deployment", "does not describe a Pod"),
        ("just words", "does not describe a Pod"),
        ("kind: Pod\nspec: {containers: [{name: main}]}", "no container named 'base', only ['main']"),
        ("kind: Pod", "no container named 'base', only []"),
        ("kind: Pod\nspec: {containers: 7}", "no container named 'base', only []"),
        ("kind: Pod\nspec: {containers: [base, {name: main}]}", "no container named 'base', only ['main']"),
        (
            "kind: Pod\nspec: {containers: [{name: base}, {name: log}, {name: base}]}",
            "has 2 containers named 'base': one runs the chunk",
        ),
        ("kind: Pod\nspec: base", "no container named 'base', only []"),
        (b"\xff\xfe\xff", "cannot be read"),
    ],
)
def test_a_template_that_cannot_be_used_is_named(tmp_path, text, words):
    path = tmp_path / "pod.yaml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FirstpassError) as caught:
        pod(Settings(kubernetes_pod_template=str(path)))
    assert str(path) in caught.value.problem
    assert words in caught.value.problem
    assert "FIRSTPASS_KUBERNETES_POD_TEMPLATE" in caught.value.fix
