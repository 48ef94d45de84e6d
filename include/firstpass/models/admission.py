"""Admission: what a model must pass before a night may use it.

The files as they will be stored are judged, not the ones they were copied from: what is admitted is what runs. Small
text files are read here; weights are read, and tried, by a child process that has limits (see `checking`).
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from firstpass.contracts.class_table import ClassTable
from firstpass.contracts.model_version import ModelFile, ModelVersion
from firstpass.errors import FirstpassError, Unavailable
from firstpass.models import artifacts, classes_csv, label_maps, model_yaml, store
from firstpass.models.checking.weights_check import NotInstalled, WeightsCheck, checking
from firstpass.models.class_checks import ClassFindings, check_classes
from firstpass.models.text_files import MAX_TEXT_BYTES, read_text_file
from firstpass.models.version_files import content_hash, fingerprint
from firstpass.models.version_page import write_docs
from firstpass.models.workspace import lock, scratch, staging
from firstpass.storage.space import ask_for_space

log = logging.getLogger("firstpass")


@dataclass(frozen=True, slots=True)
class AdmissionVerdict:
    """What admission found. `reasons` refuse the model, a sentence each; `warnings` are worth a look, no more.

    class_count: what the network's shapes say, background left out; None when they do not tell.
    """

    kind: str
    files: tuple[ModelFile, ...]
    classes: ClassTable
    class_count: int | None
    threshold: float
    options: dict[str, Any] | None
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def admitted(self) -> bool:
        """Whether a night may use it."""
        return not self.reasons

    @property
    def version(self) -> str:
        """The content hash that the files have as a version."""
        return content_hash(self.files)


def inspect(folder: Path) -> AdmissionVerdict:
    """Everything that admission checks, over a folder of artifacts; the store is not touched.

    Raises FirstpassError for a folder that holds no model, more than one, or half of one, and where this installation
    lacks what the model needs; `Unavailable` where the machine kept the check from its end (it was killed, or there is
    no memory or disk left). Any other fault is a reason.
    """
    artifact = artifacts.find(folder)
    with scratch() as work:
        staged = work / "model"
        artifacts.stage(folder.absolute(), artifact, staged, lambda source, link: link.symlink_to(source))
        return _judge(staged, artifact.kind)[0]


def admit(
    name: str,
    folder: Path,
    source: str,
    overrides: Mapping[str, Any] | None = None,
    again: bool = False,
    hand_over: bool = False,
) -> ModelVersion:
    """Judge the artifacts in `folder` and keep the outcome in the store, whole or not at all.

    overrides: settings that win over model.yaml's; they become part of the version. A version that was decided on
    before is returned as it is, unless `again` asks for another judgement of a refused one. hand_over: the files may be
    moved out of `folder`, where a copy would double gigabytes; else it stays as it is.
    Raises FirstpassError and `Unavailable` as `inspect` does, also FirstpassError for no possible name; then the
    store is unchanged. A model that fails any other check is stored as refused, with its reasons; nothing is raised.
    """
    artifact = artifacts.find(folder)
    own = model_yaml.check(dict(overrides or {}), artifact.kind, "the source's options")
    with lock(f"admit-{store.check_name(name)}"), staging() as work:
        staged = work / "model"
        if not hand_over:
            sizes = (folder / found for found in artifact.files.values())
            ask_for_space(sum(path.stat().st_size for path in sizes), work, f"the copy of {folder}")
        artifacts.stage(folder, artifact, staged, shutil.move if hand_over else shutil.copyfile)
        _override(staged, artifact.kind, own)
        known = {v.version: v for v in store.versions(name)}
        version = content_hash(fingerprint(staged))
        if version in known and (known[version].admitted or not again):
            return known[version]
        return _decide(name, source, staged, artifact.kind, list(known.values()))


def _decide(name: str, source: str, staged: Path, kind: str, known: list[ModelVersion]) -> ModelVersion:
    verdict, findings = _judge(staged, kind)
    version = ModelVersion(
        name=name,
        version=verdict.version,
        kind=kind,
        files=verdict.files,
        classes=verdict.classes,
        source=source.encode("utf-8", "replace").decode(),  # a folder's name need not be text
        decided_at=_now_after(known),
        admitted=verdict.admitted,
        threshold=verdict.threshold,
        reasons=verdict.reasons,
        options=verdict.options,
        floor=model_yaml.floor(verdict.options or {}),
    )
    for warning in verdict.warnings:
        log.warning("%s: %s", version.ref, warning)
    if not version.admitted:
        _drop_weights(staged)
    write_docs(version, findings)
    version = store.put(staged, version)
    outcome = "admitted" if version.admitted else f"REFUSED: {'; '.join(version.reasons)}"
    log.info("%s from %s: %s", version.ref, version.source, outcome)
    return version


def _judge(staged: Path, kind: str) -> tuple[AdmissionVerdict, ClassFindings]:
    """Each check gives its reasons; the network runs only when everything before it is in order."""
    with checking(kind, staged) as check:
        verdict, findings = _looked_at(staged, kind, check)
        if verdict.admitted:
            reasons: list[str] = []
            faults = _tried(reasons, lambda: check.probe(_candidate(verdict)))
            verdict = replace(verdict, reasons=(*reasons, *(faults or ())))
    # People know the file by its name in the folder that they gave, not by where it is judged.
    return replace(verdict, reasons=tuple(r.replace(f"{staged}/", "") for r in verdict.reasons)), findings


def _looked_at(staged: Path, kind: str, check: WeightsCheck) -> tuple[AdmissionVerdict, ClassFindings]:
    """The verdict over what the files say, nothing of them run."""
    reasons: list[str] = []
    warnings: list[str] = []
    settings_ = _tried(reasons, lambda: _options(staged, kind))
    inspection = _tried(reasons, check.inspect)
    rows = _tried(reasons, lambda: classes_csv.parse(read_text_file(staged / artifacts.CLASSES), kind))
    maps = _tried(reasons, lambda: _label_maps(staged))
    class_count = inspection.class_count if inspection else None
    classes, findings = ClassTable(()), ClassFindings()
    if rows is not None:
        findings = check_classes(rows, class_count, maps or {})
        reasons += findings.critical
        warnings += findings.warnings
        classes = classes_csv.class_table(rows)
    verdict = AdmissionVerdict(
        kind=kind,
        files=fingerprint(staged),
        classes=classes,
        class_count=class_count,
        threshold=model_yaml.threshold(settings_ or {}, kind),
        options=settings_ or None,
        reasons=tuple(reasons),
        warnings=tuple(warnings),
    )
    return verdict, findings


def _candidate(verdict: AdmissionVerdict) -> ModelVersion:
    """The version that it would be, as far as the network needs one."""
    return ModelVersion(
        name="candidate",
        version=verdict.version,
        kind=verdict.kind,
        files=verdict.files,
        classes=verdict.classes,
        source="",
        decided_at="",
        admitted=False,
        threshold=verdict.threshold,
        options=verdict.options,
        floor=model_yaml.floor(verdict.options or {}),
    )


def _tried(reasons: list[str], check: Any) -> Any:
    """What `check` returns, or None and its error among the reasons, where the model is to blame."""
    try:
        return check()
    except (Unavailable, NotInstalled):
        raise
    except FirstpassError as error:
        reasons.append(f"{error.problem}; {error.fix}")
        return None


def _options(staged: Path, kind: str) -> dict[str, Any]:
    path = staged / artifacts.OPTIONS
    return model_yaml.parse(read_text_file(path), kind) if path.is_file() else {}


def _label_maps(staged: Path) -> dict[str, dict[int, str]]:
    present = [name for name in artifacts.LABEL_MAPS if (staged / name).is_file()]
    return {name: label_maps.parse(read_text_file(staged / name), name) for name in present}


def _override(staged: Path, kind: str, overrides: dict[str, Any]) -> None:
    """Rewrite model.yaml where a source has settings of its own; a damaged one stays, to be refused."""
    if overrides:
        with suppress(FirstpassError):
            merged = _options(staged, kind) | overrides
            (staged / artifacts.OPTIONS).write_bytes(model_yaml.dump(merged))


def _drop_weights(staged: Path) -> None:
    """Of a refused version the small files are kept, to look at: nothing will ever run its weights."""
    for path in [p for p in staged.rglob("*") if p.is_file() and p.stat().st_size > MAX_TEXT_BYTES]:
        path.unlink()


def _now_after(known: list[ModelVersion]) -> str:
    """Now, but never before an earlier decision: a clock that was set back must not keep an old version serving."""
    now = datetime.now(UTC)
    for version in known:
        decided = datetime.fromisoformat(version.decided_at)
        now = max(now, decided + timedelta(milliseconds=1))
    return now.isoformat(timespec="milliseconds")
