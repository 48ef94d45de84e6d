"""A version's files: their fingerprint, and whether they still are what was admitted."""

from __future__ import annotations

from hashlib import file_digest, sha256
from pathlib import Path

from firstpass.contracts.model_version import ModelFile, ModelVersion
from firstpass.errors import FirstpassError
from firstpass.models import artifacts, classes_csv

RECORD = "model.json"


def fingerprint(folder: Path) -> tuple[ModelFile, ...]:
    """The files below `folder`, by name, each with its sha256 and size; the record itself left out."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != RECORD)
    return tuple(ModelFile(p.relative_to(folder).as_posix(), sha256_of(p), p.stat().st_size) for p in paths)


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def content_hash(files: tuple[ModelFile, ...]) -> str:
    """12 hexadecimal digits over everything that the verdict and the detections depend on; notices do not count."""
    lines = [f"{file.sha256} {file.path}\n" for file in files if file.path not in artifacts.NOTICES]
    return sha256("".join(sorted(lines)).encode()).hexdigest()[:12]


def verify(version: ModelVersion, folder: Path) -> None:
    """Check the files in `folder` against the version's record: sizes, sha256, and the class table read again.

    Raises FirstpassError naming the first file that differs. Does not run the network.
    """
    fix = "sync the model again; a version is never edited, put changed files into a folder of their own"
    for file in version.files:
        path = folder / file.path
        if not path.is_file():
            raise FirstpassError(f"{version.ref}: {file.path} is missing from {folder}", fix)
        if path.stat().st_size != file.size or sha256_of(path) != file.sha256:
            raise FirstpassError(f"{version.ref}: {path} is not the file that was admitted", fix)
    rows = classes_csv.parse((folder / artifacts.CLASSES).read_bytes(), version.kind)
    if classes_csv.class_table(rows) != version.classes:
        raise FirstpassError(f"{version.ref}: {artifacts.CLASSES} is not the class table that was admitted", fix)
