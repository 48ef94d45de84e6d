"""A chunk's pod, from the pod template and the settings. Starts nothing and imports neither Airflow nor Kubernetes."""

from __future__ import annotations

import re
from copy import deepcopy
from math import ceil
from pathlib import Path
from typing import Any

import yaml

from firstpass.errors import FirstpassError
from firstpass.inference.memory_limit import pod_memory_limit
from firstpass.settings import Settings

Manifest = dict[str, Any]

BASE = "base"
"""The container that runs `firstpass infer`, as KubernetesPodOperator calls it."""

# What a pod's own settings are taken from. Credentials never are: they come by service account or secret.
_PASSED_ON = ("storage", "models", "s3_endpoint", "max_image_bytes", "max_image_memory", "wait_minutes")


def pod(settings: Settings) -> Manifest:
    """The pod of a chunk, but for its arguments.

    What the template says stands where a setting is empty; labels, environment, secrets, volumes, tolerations and node
    labels are added to the template's own. Security contexts are the template's alone. Raises FirstpassError naming the
    template's file when it cannot be used.
    """
    manifest = deepcopy(_template(settings.kubernetes_pod_template))
    spec = manifest["spec"]
    _complete(next(container for container in spec["containers"] if container.get("name") == BASE), settings)
    spec["volumes"] = [*spec.get("volumes", []), *settings.kubernetes_volumes]
    spec["tolerations"] = [*spec.get("tolerations", []), *settings.kubernetes_tolerations]
    spec["nodeSelector"] = spec.get("nodeSelector", {}) | settings.kubernetes_node_selector
    spec["activeDeadlineSeconds"] = round(60 * (settings.kubernetes_deadline_minutes + settings.wait_minutes))
    given = {
        "serviceAccountName": settings.kubernetes_service_account,
        "priorityClassName": settings.kubernetes_priority_class,
    }
    spec |= {name: value for name, value in given.items() if value}
    metadata = manifest.setdefault("metadata", {})
    metadata["labels"] = metadata.get("labels", {}) | settings.kubernetes_labels
    return manifest


def _complete(base: Manifest, settings: Settings) -> None:
    if settings.kubernetes_image:
        base["image"] = settings.kubernetes_image
    requests = {"cpu": settings.kubernetes_cpu, "memory": settings.kubernetes_memory}
    limits = dict(requests)
    if settings.kubernetes_gpus:
        limits[settings.kubernetes_gpu_resource] = str(settings.kubernetes_gpus)
    base["resources"] = {"requests": requests, "limits": limits}
    values = {f"FIRSTPASS_{name.upper()}": str(getattr(settings, name)) for name in _PASSED_ON}
    values["FIRSTPASS_GPUS"] = str(settings.kubernetes_gpus)  # a pod that finds fewer says so and ends
    values["FIRSTPASS_THREADS"] = str(settings.threads or _whole_cpus(settings.kubernetes_cpu))
    if (memory := pod_memory_limit(settings)) is not None:
        values["FIRSTPASS_MEMORY"] = f"{memory // 2**20}Mi"
    values = {name: value for name, value in values.items() if value} | settings.kubernetes_env
    own = [entry for entry in base.get("env", []) if entry.get("name") not in values]
    base["env"] = [*own, *({"name": name, "value": value} for name, value in values.items())]
    secrets = [{"secretRef": {"name": name}} for name in settings.kubernetes_secrets]
    base["envFrom"] = [*base.get("envFrom", []), *secrets]
    base["volumeMounts"] = [*base.get("volumeMounts", []), *settings.kubernetes_volume_mounts]


def _whole_cpus(quantity: str) -> int:
    """Of a quantity as Kubernetes writes it (2, 1.5, 500m), rounded up; 0, so one per core, for what is none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(m?)", quantity.strip())
    return ceil(float(match[1]) / (1000 if match[2] else 1)) if match else 0


def _template(path: str) -> Manifest:
    fix = "correct the file, or name another one in FIRSTPASS_KUBERNETES_POD_TEMPLATE"
    try:
        template = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise FirstpassError(f"the pod template {path} cannot be read: {error}", fix) from error
    except yaml.YAMLError as error:
        raise FirstpassError(f"the pod template {path} is not valid YAML: {error}", fix) from error
    if not isinstance(template, dict) or template.get("kind") != "Pod":
        raise FirstpassError(f"the pod template {path} does not describe a Pod", fix)
    spec = template.get("spec")
    containers = spec.get("containers") if isinstance(spec, dict) else None
    names = [c.get("name") for c in containers if isinstance(c, dict)] if isinstance(containers, list) else []
    if BASE not in names:
        raise FirstpassError(f"the pod template {path} has no container named {BASE!r}, only {names}", fix)
    if names.count(BASE) > 1:
        raise FirstpassError(
            f"the pod template {path} has {names.count(BASE)} containers named {BASE!r}: one runs the chunk, and names"
            " must differ",
            fix,
        )
    return template
