"""The files of a run, by kind: how much there is, and taking them away. Nothing outside its folder is touched."""

from __future__ import annotations

from collections.abc import Iterable

from firstpass import storage
from firstpass.contracts.pruned import Prunable
from firstpass.contracts.run_spec import run_folder

_NAMES = {
    Prunable.RESULTS: ("results", "chunks", "catalogue.parquet"),
    Prunable.REPORTS: ("report.html",),
    Prunable.DATA_DOCS: ("data_docs",),
}


def measure(run_id: str, kinds: Iterable[Prunable]) -> dict[Prunable, tuple[int, int]]:
    """Kind → how many files of it the run has, and their bytes. RUNS is what no other of `kinds` is.

    What lies behind a symbolic link is not counted.
    """
    folder = run_folder(run_id)
    found = dict.fromkeys(kinds, (0, 0))
    place_of = {storage.join(folder, name): kind for kind in found for name in _NAMES.get(kind, ())}
    for entry in storage.listing(folder):
        below = storage.join(folder, entry.uri.removeprefix(folder + "/").split("/", 1)[0])
        kind = place_of.get(below, Prunable.RUNS)
        if kind in found:
            files, size = found[kind]
            found[kind] = files + 1, size + entry.size
    return found


def remove(run_id: str, kind: Prunable) -> None:
    """Remove what the run has of this kind; RUNS is its whole folder. What is not there is not an error.

    A symbolic link is removed itself, not what it leads to. Raises OSError, or what storage raises, where that fails.
    """
    folder = run_folder(run_id)
    for uri in [folder] if kind is Prunable.RUNS else [storage.join(folder, name) for name in _NAMES[kind]]:
        storage.delete(uri)
