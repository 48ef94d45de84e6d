"""New files are closed to other users, those of the person's own are as the person wants them."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import os, sys
from pathlib import Path
from firstpass.cli import file_modes

os.umask(int(sys.argv[1], 8))
def modes(name):
    Path(name).mkdir()
    Path(name, "file").touch()
    return [oct(path.stat().st_mode & 0o777) for path in (Path(name), Path(name, "file"))]
with file_modes.persons_own():
    print(*modes("before"))
file_modes.close()
print(*modes("closed"))
with file_modes.persons_own():
    print(*modes("own"))
print(*modes("again"))
"""


@pytest.mark.parametrize(
    ("umask", "own", "closed"),
    [
        ("022", "0o755 0o644", "0o750 0o640"),
        ("002", "0o775 0o664", "0o750 0o640"),
        ("077", "0o700 0o600", "0o700 0o600"),
    ],
)
def test_files_are_closed_but_for_the_persons_own(tmp_path, umask, own, closed):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, umask], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [own, closed, own, closed]
