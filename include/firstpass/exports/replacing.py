"""New files in the place of an earlier export: all of them or none, and never over somebody else's work."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firstpass.errors import FirstpassError

_WRITTEN = ".firstpass-export.json"  # which files of a folder an export wrote


@contextmanager
def replacing(out: Path, format: str, author: str) -> Iterator[Path]:  # noqa: A002 - its name everywhere
    """An empty folder whose files are moved below `out` when the block ends well.

    A file that is there already is replaced if an earlier export wrote it, or if its first bytes name `author`; what
    an earlier export in this format wrote beyond the new files is removed. Raises FirstpassError for any other file in
    the way, before anything is replaced, and for a folder that cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(dir=out, prefix=".firstpass-"))
        try:
            yield staged
            _bring(staged, out, format, author)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    except OSError as error:
        raise FirstpassError(
            f"cannot write {error.filename or out}: {error.strerror or error}",
            "give another folder, or free space there",
        ) from error


def _bring(staged: Path, out: Path, format: str, author: str) -> None:  # noqa: A002
    names = sorted(path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file())
    earlier = _earlier(out)
    ours = {name for written in earlier.values() for name in written}
    for name in names:
        target = out / name
        if target.exists() and name not in ours and author not in _start(target):
            raise FirstpassError(
                f"{target} is there already and was not written by Firstpass",
                "give another folder, or move the file away: people's work is not overwritten",
            )
    (staged / _WRITTEN).write_text(json.dumps(earlier | {format: names}, indent=1), encoding="utf-8")
    as_others = (staged / _WRITTEN).stat().st_mode & 0o777  # as the umask has it, whatever library wrote the rest
    for name in [*names, _WRITTEN]:
        source, target = staged / name, out / name
        with source.open("rb") as file:
            os.fsync(file.fileno())
        source.chmod(as_others)
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
    others = {name for other, written in earlier.items() if other != format for name in written}
    for name in set(earlier.get(format, ())) - set(names) - others:
        (out / name).unlink(missing_ok=True)


def _earlier(out: Path) -> dict[str, list[str]]:
    """Format → what an earlier export wrote here; nothing where that is damaged or leads out of the folder."""
    try:
        written: dict[str, list[str]] = json.loads((out / _WRITTEN).read_text(encoding="utf-8"))
        paths = [Path(name) for names in written.values() for name in names]
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
    return {} if any(path.is_absolute() or ".." in path.parts for path in paths) else written


def _start(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(4096)
