"""The wheel, installed into an environment that has nothing else: what a model needs works, anywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
UV = Path(sys.executable).with_name("uv")
MODEL = ROOT / "include" / "models" / "nanodet-coco" / "435cd36bb6d2"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, as the build leaves folders behind."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(
        ROOT / "include" / "firstpass", source / "include" / "firstpass", ignore=shutil.ignore_patterns("__pycache__")
    )
    subprocess.run(
        [UV, "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable, "-o", out, source],
        check=True,
    )
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def command(wheel, tmp_path_factory):
    """`firstpass` of an environment with the wheel and its dependencies, at the versions of requirements.txt."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    pinned = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line[:1].isalnum()]
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(line.removesuffix(" \\") for line in pinned))
    subprocess.run(
        [UV, "pip", "install", "--quiet", "--python", folder / "bin" / "python", "-c", constraints, wheel], check=True
    )
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FIRSTPASS", "AIRFLOW", "PYTHONPATH", "VIRTUAL"))}
    environment = kept | {"HOME": str(elsewhere), "XDG_DATA_HOME": str(elsewhere / "data")}

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [folder / "bin" / "firstpass", *map(str, arguments)],
            env=environment,
            cwd=elsewhere,
            capture_output=True,
            text=True,
        )

    return run


def test_everything_that_is_read_at_run_time_is_in_it(wheel):
    inside = {name.removeprefix("firstpass/") for name in zipfile.ZipFile(wheel).namelist()}
    package = ROOT / "include" / "firstpass"
    data = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in {".pyc"} and "__pycache__" not in path.parts
    }
    assert data <= inside
    assert not {name for name in inside if name.startswith(("tests/", "../"))}


def test_it_tells_its_version(command):
    from importlib.metadata import version

    assert command("--version").stdout.strip() == f"firstpass {version('firstpass')}"


def test_a_model_is_checked(command):
    done = command("models", "check", MODEL)
    assert done.returncode == 0, done.stderr
    assert "Would be admitted." in done.stdout


def test_and_used(command):
    done = command("detect", ROOT / "include" / "samples" / "chelsea.png", "--model", MODEL, "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["detections"]
    assert found["class"] == "cat"


def test_what_needs_the_stack_says_what_to_install(command):
    done = command("status")
    assert done.returncode == 2
    assert done.stderr.startswith("firstpass: the Python package ")
    assert "pip install 'firstpass[stack]'" in done.stderr


def test_a_model_that_is_not_there_says_where_it_was_looked_for(command):
    done = command("detect", ROOT / "include" / "samples" / "chelsea.png", "--model", "pets")
    assert done.returncode == 2
    assert "there is no model 'pets'" in done.stderr
