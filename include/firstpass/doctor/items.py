"""What `firstpass doctor` looks at, in the order in which it tells."""

from __future__ import annotations

from collections.abc import Iterator

from firstpass import findings, storage
from firstpass.airflow.cluster_examination import examine_cluster
from firstpass.cvat.server.cvat_examination import examine_cvat
from firstpass.doctor.examination import Examination, Explain, examine
from firstpass.doctor.redaction import redact, secrets_of
from firstpass.errors import FirstpassError
from firstpass.findings import Finding
from firstpass.inference.gpu_examination import examine_gpus
from firstpass.models.model_sources import read_sources
from firstpass.settings import all_variables, home, settings
from firstpass.stack import postgres
from firstpass.stack.disk_examination import examine_disks
from firstpass.stack.layout import layout, started_before
from firstpass.stack.stack_examination import examine_stack, examine_versions
from firstpass.storage.storage_examination import examine_readable, examine_writable

_OF_TENSORFLOW = 30.0  # seconds more: it is imported where a GPU is asked for


def examine_all(explain: Explain, seconds: float) -> list[Finding]:
    """Everything, side by side, with secrets taken out. Starts nothing, and needs no stack that runs.

    explain: an error in words for people, None for a defect. seconds: what each item may take.
    """
    try:
        settings()
        secrets = secrets_of(all_variables().values)
    except FirstpassError as error:
        return [findings.problem("settings", error.problem, error.fix)]
    examinations = [
        Examination("settings", lambda: findings.ok("settings", f"home {home()}, engine {settings().engine}"), seconds),
        Examination("versions", examine_versions, seconds),
        Examination("stack", examine_stack, seconds),
        Examination("warehouse", _warehouse, seconds),
        Examination("storage", lambda: examine_writable("storage", settings().storage), seconds),
        Examination("models", _models, seconds),
        Examination("CVAT", examine_cvat, seconds),
        Examination("cluster", examine_cluster, seconds),
        Examination("GPU", examine_gpus, seconds + _OF_TENSORFLOW),
        Examination("disk", examine_disks, seconds),
    ]
    return [
        Finding(each.item, each.standing, redact(each.words, secrets), redact(each.fix, secrets))
        for each in examine(examinations, explain)
    ]


def _warehouse() -> list[Finding]:
    from firstpass.warehouse.warehouse_examination import ITEM, examine_warehouse

    if external := settings().warehouse_dsn.get_secret_value():
        return examine_warehouse(external, "external")
    if not started_before() or not postgres.answers(layout()):
        return [findings.unused(ITEM, "the embedded PostgreSQL is down (`firstpass up` starts it)")]
    return examine_warehouse(postgres.dsn("firstpass"), "embedded")


def _models() -> Iterator[Finding]:
    store = settings().models
    if storage.is_s3(store):
        yield examine_writable("model store", store)
    else:
        yield examine_readable("model store", store)
    for source in read_sources():
        yield examine_readable(f"model {source.name}", source.uri, source.connection)
