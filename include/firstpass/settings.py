"""Settings: from the environment (FIRSTPASS_…) and from .env beside airflow.cfg; the embedded defaults otherwise."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from firstpass import cron, variables
from firstpass.kept_settings import KeptSettings
from firstpass.settings_reading import FromVariables, read
from firstpass.variables import Variables

_ScoreOrEmpty = Annotated[float | None, BeforeValidator(lambda value: None if value == "" else value)]


def home() -> Path:
    """The project's folder, which is AIRFLOW_HOME too.

    FIRSTPASS_HOME, else the checkout that this package lies in; installed as a wheel, a folder of the user's own:
    $XDG_DATA_HOME/firstpass or ~/.local/share/firstpass.
    """
    if named := os.environ.get("FIRSTPASS_HOME"):
        return Path(named)
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "airflow.cfg").is_file():
        return checkout
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "firstpass"


def _one_gpu(number: int) -> int:
    if number > 1:
        raise ValueError("a pod uses one GPU: write 1, and in FIRSTPASS_WORKERS how many pods may run at a time")
    return number


class Settings(KeptSettings):
    """Every setting, its default and what it is for. The settings reference in docs/ is generated from this class."""

    model_config = SettingsConfigDict(env_prefix="FIRSTPASS_", frozen=True, extra="ignore")

    # What runs at night, and what the trigger form starts with.
    schedule: Annotated[str, AfterValidator(cron.checked)] = Field(
        "0 2 * * *", description="Cron expression of the nightly run; empty for never."
    )
    images: str = Field(
        default_factory=lambda: str(home() / "include" / "samples"),
        description="Images of a run that names none: a folder, s3://bucket/prefix or cvat:task/12.",
    )
    model: str = Field("nanodet-coco", description="Model of a run that names none: name or name@version.")
    threshold: _ScoreOrEmpty = Field(
        None, ge=0, le=1, description="Threshold of a run that names none; the model's own when empty."
    )
    floor: _ScoreOrEmpty = Field(
        None,
        gt=0,
        le=1,
        description="Store detections from this score up, where model.yaml has no `floor`; half of the model's"
        " threshold when empty. Thresholds decide later which of them become drafts.",
    )

    # Where things are kept.
    storage: str = Field(
        default_factory=lambda: str(home() / "var" / "storage"),
        description="Folder or s3:// prefix for what a run writes: manifests, results, report.",
    )
    models: str = Field(
        default_factory=lambda: str(home() / "include" / "models"),
        description="The model store: a folder or an s3:// prefix.",
    )
    model_sources: str = Field(
        default_factory=lambda: str(home() / "models.yaml"),
        description="The file that lists the models to sync and their sources.",
    )
    cache: str = Field(
        default_factory=lambda: str(home() / "var" / "cache"),
        description="Folder for local copies of models whose store is s3://.",
    )
    warehouse_dsn: SecretStr = Field(
        SecretStr(""), description="PostgreSQL (15 or newer) for the annotations; the embedded server when empty."
    )
    s3_endpoint: str = Field("", description="S3 endpoint, if it is not AWS; requests then use path-style addresses.")
    s3_conn_id: str = Field(
        "", description="Airflow connection (AIRFLOW_CONN_…) for S3; boto3's own credential chain when empty."
    )

    # What a night waits for.
    wait_minutes: float = Field(
        60,
        ge=0,
        le=1440,
        description="Minutes that a task or a pod waits for what is away or full before it fails: object storage, the"
        " warehouse, CVAT, the cluster's API and its quota, a disk, a network mount. 0: not at all.",
    )

    # Admission: what the process that reads and tries a new model's weights may use.
    admission_minutes: float = Field(
        10, gt=0, description="A model whose weights are not read and tried on one photo within this time is refused."
    )
    admission_memory: float = Field(
        4, gt=0, description="A model whose weights need more memory than this, in GiB, for that is refused."
    )

    # The local stack.
    port: int = Field(8080, ge=1, le=65535, description="Port of the Airflow UI on 127.0.0.1.")

    # Inference.
    engine: Literal["local", "kubernetes"] = Field(
        "local",
        description="Where chunks run: `local`, as subprocesses on this machine, or `kubernetes`, each in a pod."
        " With `kubernetes` the trigger form offers both.",
    )
    machine: str = Field(
        "cpu",
        description="The machine that chunks run on: cpu, k80, t4, v100, a10g, a100, h100, or of FIRSTPASS_MACHINES. A"
        " K80 can only be estimated: CUDA 12 does not run on it.",
    )
    machines: str = Field(
        "", description='More machine profiles, as JSON: {"l4": {"memory_gib": 24, "speed": 1.1}} (speed: K80 = 1).'
    )
    workers: int = Field(
        1, ge=1, le=1024, description="Chunks that run at the same time: the number of GPUs in a cluster."
    )
    gpus: int = Field(
        0,
        ge=0,
        le=16,
        description="GPUs that a chunk must find on this machine; it does not run without them. One where `machine` is"
        " a GPU and the engine is `local`. Pods: FIRSTPASS_KUBERNETES_GPUS.",
    )
    memory: str = Field(
        "",
        pattern=r"^(\d+(\.\d+)?(k|M|G|T|Ki|Mi|Gi|Ti)?)?$",
        description="Memory that a chunk's process on this machine may hold, such as 6Gi: an image that takes more is"
        " set aside. When empty, four fifths of the machine's divided by FIRSTPASS_WORKERS, and at least 4Gi. Pods may"
        " hold nine tenths of FIRSTPASS_KUBERNETES_MEMORY.",
    )
    threads: int = Field(
        0,
        ge=0,
        le=256,
        description="Decoding threads per chunk; 0 for one per core, in a pod per CPU of its limit.",
    )
    batch_size: int = Field(0, ge=0, le=1024, description="Images per network call; 0 to let planning choose.")
    max_image_bytes: int = Field(
        256 * 2**20, ge=1, description="Files larger than this, in bytes, are quarantined without being read."
    )
    max_image_memory: int = Field(
        1536 * 2**20,
        ge=1,
        description="Images that need more memory to decode, in bytes, are quarantined from their header alone. A pixel"
        " needs 6 bytes in a JPEG, 7 in a PNG or TIFF, 17 in a WebP, 16 in an AVIF.",
    )
    image_roots: str = Field(
        "", description="Folders, separated by ':', that image folders must be in; any folder is allowed when empty."
    )

    # The Kubernetes engine. What these leave open, the pod template says.
    kubernetes_conn_id: str = Field(
        "", description="Airflow connection to the cluster; the cluster that Airflow itself runs in when empty."
    )
    kubernetes_namespace: str = Field("firstpass", description="Namespace of the pods.")
    kubernetes_pod_template: str = Field(
        default_factory=lambda: str(home() / "docker" / "kubernetes" / "inference-pod.yaml"),
        description="Pod manifest with a container named `base`; the settings below are added to it.",
    )
    kubernetes_image: str = Field(
        "", description="Container image built from docker/inference; the template's when empty."
    )
    kubernetes_gpus: Annotated[int, AfterValidator(_one_gpu)] = Field(
        1,
        ge=0,
        description="GPUs per pod: 1, or 0 to run on the CPU. More GPUs are used by more pods: FIRSTPASS_WORKERS. A pod"
        " that finds none fails, and says which driver it found.",
    )
    kubernetes_gpu_resource: str = Field("nvidia.com/gpu", description="What the cluster calls a GPU.")
    kubernetes_cpu: str = Field(
        "2",
        description="CPUs that a pod requests, and its limit. FIRSTPASS_THREADS=0 takes as many threads to decode.",
    )
    kubernetes_memory: str = Field("8Gi", description="Memory that a pod requests, and its limit.")
    kubernetes_service_account: str = Field("", description="Service account of the pods, for IRSA and the like.")
    kubernetes_priority_class: str = Field("", description="Priority class of the pods.")
    kubernetes_node_selector: dict[str, str] = Field({}, description="Labels of the nodes to run on, as JSON.")
    kubernetes_tolerations: list[dict[str, Any]] = Field([], description="Tolerations, as a JSON list.")
    kubernetes_labels: dict[str, str] = Field(
        {}, description="Additional labels of the pods, as JSON: cost centre, team."
    )
    kubernetes_env: dict[str, str] = Field(
        {}, description="Additional environment variables of the pods, as JSON; never secrets."
    )
    kubernetes_secrets: list[str] = Field(
        [],
        description="Kubernetes secrets, as a JSON list of names; their keys become environment variables of the pods.",
    )
    kubernetes_volumes: list[dict[str, Any]] = Field([], description="Additional volumes, as a JSON list.")
    kubernetes_volume_mounts: list[dict[str, Any]] = Field(
        [], description="Where to mount those volumes, as a JSON list."
    )
    kubernetes_pool: str = Field(
        "gpu", description="Airflow pool of the pods; `firstpass up` creates it with FIRSTPASS_WORKERS slots."
    )
    kubernetes_deadline_minutes: int = Field(
        240,
        ge=1,
        description="Kubernetes ends a pod that runs longer than this and FIRSTPASS_WAIT_MINUTES together; a new pod"
        " continues the chunk.",
    )
    kubernetes_startup_minutes: int = Field(
        15,
        ge=1,
        description="A pod that has a node and does not run after this time is given up. It waits for a node for"
        " FIRSTPASS_WAIT_MINUTES longer.",
    )
    kubernetes_deferrable: bool = Field(
        False, description="Wait for pods in the triggerer instead of in a worker slot: for chunks that take hours."
    )

    # Data quality: what is worth a warning. What is always wrong (a box outside its image) needs no setting.
    check_unreadable: float = Field(0.05, ge=0, le=1, description="Warn above this share of unreadable images.")
    check_empty: float = Field(0.8, ge=0, le=1, description="Warn above this share of images without detections.")
    check_duplicates: float = Field(0.2, ge=0, le=1, description="Warn above this share of duplicate images.")
    check_boxes: int = Field(200, ge=1, description="Warn about images with more detections than this.")
    check_overlap: float = Field(
        0.9, gt=0, le=1, description="Warn about boxes of one class whose intersection over union exceeds this."
    )
    check_side: int = Field(32, ge=1, description="Warn about images whose width or height is below this, in pixels.")
    check_dark: float = Field(
        10, ge=0, le=255, description="Warn about images darker than this on average: 0 is black, 255 white."
    )
    check_polygons: int = Field(
        20_000, ge=0, description="Look for crossing edges in the polygons of at most this many detections per run."
    )
    check_speed: float = Field(
        0.5, ge=0, le=1, description="Warn below this share of the images/s of the model's earlier runs."
    )
    check_drift: float = Field(0.25, gt=0, description="Warn above this population stability index.")
    check_drift_runs: int = Field(10, ge=1, description="Compare with at most this many earlier runs of the model.")
    check_drift_samples: int = Field(
        100,
        ge=10,
        description="Check drift only when this run and the earlier ones each have this many detections (or images).",
    )
    report_pictures: int = Field(240, ge=0, le=2000, description="At most this many pictures in a report.")

    # Notifications: on warnings, on failure and when a run is late. None are sent unless one of these is set.
    notify_email: str = Field("", description="E-mail addresses to notify, separated by commas.")
    notify_email_conn_id: str = Field("smtp_default", description="Airflow connection (AIRFLOW_CONN_…) for e-mail.")
    notify_webhook_conn_id: str = Field(
        "", description="Airflow connection (HTTP) that notifications are posted to, as JSON."
    )
    deadline_minutes: int = Field(360, ge=1, description="A run that takes longer than this is reported as late.")

    # CVAT. Its address and token are in the Airflow connection cvat_default.
    cvat_labels: str = Field(
        default_factory=lambda: str(home() / "include" / "labels.yaml"),
        description="File with label aliases, classes to ignore, and thresholds, for all projects or one.",
    )
    cvat_unmatched: Literal["fail", "drop", "ask"] = Field(
        "drop", description="What to do with classes that match no label of a task: fail, drop them, or ask a person."
    )


class PluginSettings(FromVariables):
    """Settings of a part that another package brings: subclass it, with an `env_prefix` of its own in `model_config`.

    >>> class OnnxSettings(PluginSettings):
    ...     model_config = SettingsConfigDict(env_prefix="FIRSTPASS_ONNX_")
    ...     threads: int = Field(2, ge=1, description="Threads of one network call.")
    >>> OnnxSettings.load().threads
    2
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    @classmethod
    def load(cls) -> Self:
        """As they are now, from the environment and .env. Raises FirstpassError as `settings` does."""
        return read(cls, all_variables())


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once.

    Raises FirstpassError naming the variable and its place for a value that does not fit and for a misspelt name, and
    file and line for a `.env` that cannot be read as it is meant.
    """
    return read(Settings, all_variables())


def all_variables() -> Variables:
    """The variables of this process and those of .env. Raises FirstpassError as `settings` does for a damaged .env."""
    return variables.read(home() / ".env")
