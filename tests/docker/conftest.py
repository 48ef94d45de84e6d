"""podman, told how to work as root where cgroups are not all there, and a base image without a registry."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
BASE_IMAGE = "docker.io/library/python:3.11-slim-bookworm"  # the Dockerfiles' FROM

# crun refuses hybrid cgroups, systemd may be absent, and limits above the caller's own are refused.
_CONFIGURATION = """
[containers]
netns = "host"
default_ulimits = ["nofile=20000:20000", "nproc=30000:30000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
# The last one is what python3.11-venv asks for under another name, and debootstrap does not know other names.
_DEBIAN = ["ca-certificates", "python3.11", "python3.11-venv", "python3-distutils"]


class Podman:
    """The command, with a configuration of its own in `folder`. Images and layers are kept between calls."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = dict(os.environ)
        if os.geteuid() == 0:
            (folder / "containers.conf").write_text(_CONFIGURATION)
            self._environment["CONTAINERS_CONF"] = str(folder / "containers.conf")

    def __call__(self, *arguments: str | Path, check: bool = True, timeout: float = 120) -> str:
        """What it printed. Fails, with what it said, unless it exits with 0."""
        done = subprocess.run(
            ["podman", *map(str, arguments)],
            env=self._environment,
            cwd=self._folder,  # conmon leaves a file `oom` where it is started
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def build(self, dockerfile: str, tag: str) -> None:
        """Build an image of the repository; layers that are there already are not built again."""
        self._make_base()
        bundle = os.environ.get("SSL_CERT_FILE")  # a network of its own authority
        trust = [f"--volume={bundle}:{bundle}:ro", f"--env=PIP_CERT={bundle}"] if bundle else []
        options = ["--pull=never", "--isolation=chroot", "--network=host", "--layers", *trust]
        self("build", *options, "--file", REPOSITORY / dockerfile, "--tag", tag, REPOSITORY, timeout=3000)

    def play(self, pod: dict[str, Any]) -> str:
        """Start the pod, as a node would; returns its first container's name. What was there of that name goes."""
        file = self._folder / "pod.yaml"
        file.write_text(yaml.safe_dump(pod))
        self("kube", "play", "--replace", file)
        return f"{pod['metadata']['name']}-{pod['spec']['containers'][0]['name']}"

    def wait(self, container: str, timeout: float = 300) -> int:
        """The container's exit code, when it has ended."""
        return int(self("wait", container, timeout=timeout))

    def _make_base(self) -> None:
        if not self._has(BASE_IMAGE):
            self("pull", BASE_IMAGE, check=False, timeout=600)
        if not self._has(BASE_IMAGE):
            self._make_base_from_debian()

    def _has(self, image: str) -> bool:
        return bool(self("images", "--quiet", image).strip())

    def _make_base_from_debian(self) -> None:
        """No registry answers: Debian's Python of the same release, with `python` and pip in /usr/local as there."""
        root = self._folder / "debian"
        include = ",".join(_DEBIAN)
        subprocess.run(["debootstrap", "--variant=minbase", f"--include={include}", "bookworm", root], check=True)
        subprocess.run(["chroot", root, "python3.11", "-m", "venv", "/usr/local"], check=True)
        archive = self._folder / "debian.tar"
        subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self("import", "--change", f"ENV {path}", archive, BASE_IMAGE, timeout=600)
        shutil.rmtree(root)
        archive.unlink()


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Podman:
    return Podman(tmp_path_factory.mktemp("podman"))
