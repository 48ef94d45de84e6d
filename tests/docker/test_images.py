"""The Dockerfiles, without building them: `make test-containers` does."""

from __future__ import annotations

import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKERFILES = sorted((REPOSITORY / "docker").glob("*/Dockerfile"))
SCRIPTS = sorted((REPOSITORY / "docker").rglob("*.sh"))

images = pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)


def instructions(dockerfile: Path, name: str) -> list[str]:
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(), flags=re.M).replace("\\\n", " ")
    return re.findall(rf"^{name} (.*)$", text, re.M)


@images
def test_hadolint_has_nothing_to_say(dockerfile):
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, dockerfile], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@images
def test_what_is_copied_is_there_and_not_ignored(dockerfile):
    allowed = [
        line.removeprefix("!")
        for line in (REPOSITORY / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    sources = [
        source
        for line in instructions(dockerfile, "COPY")
        for source in line.split()[:-1]
        if not source.startswith("--")
    ]
    assert sources
    for source in sources:
        assert (REPOSITORY / source).exists(), source
        assert any(fnmatch(source.split("/")[0], pattern) for pattern in allowed), source


def test_a_v100_has_kernels_in_the_cudnn_that_is_installed():
    """From 9.11 on cuDNN has none below compute capability 7.5; TensorFlow 2.21 asks for 9.3 or newer."""
    locks = [*REPOSITORY.glob("requirements*.txt"), *REPOSITORY.glob("docker/*/requirements.txt")]
    pinned = {lock: re.findall(r"^nvidia-cudnn-cu\d+==(\d+)\.(\d+)", lock.read_text(), re.M) for lock in locks}
    assert len(pinned[REPOSITORY / "docker" / "inference" / "requirements.txt"]) == 1
    for lock, versions in pinned.items():
        assert all((9, 3) <= (int(major), int(minor)) <= (9, 10) for major, minor in versions), lock


def test_secrets_stay_out_of_images():
    assert "docker/.env" in (REPOSITORY / ".dockerignore").read_text().split()
    ignored = subprocess.run(["git", "check-ignore", "docker/.env", ".env"], cwd=REPOSITORY, capture_output=True)
    assert ignored.returncode in (0, 128)  # 128: not a clone
    if ignored.returncode == 0:
        assert len(ignored.stdout.split()) == 2


@images
def test_it_ends_as_a_user_without_rights_and_installs_pinned_hashes(dockerfile):
    assert instructions(dockerfile, "USER") == ["10001:10001"]
    installs = re.findall(r"pip install (.*?)(?:&&|$)", " && ".join(instructions(dockerfile, "RUN")))
    assert len(installs) == 2
    assert "--require-hashes" in installs[0]
    assert {"--no-deps", "--no-build-isolation"} <= set(
        installs[1].split()
    )  # nothing is fetched for the project itself


@images
def test_both_run_the_python_that_the_lock_is_for(dockerfile):
    version = re.search(r'requires-python = "==(3\.\d+)\.\*"', (REPOSITORY / "pyproject.toml").read_text())[1]
    assert instructions(dockerfile, "FROM") == [f"python:{version}-slim-bookworm"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_stop_at_the_first_error(script):
    assert "set -euo pipefail" in script.read_text()
    subprocess.run(["bash", "-n", script], check=True)
