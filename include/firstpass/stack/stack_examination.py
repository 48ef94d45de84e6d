"""How the local stack stands, and which versions are installed; nothing is started."""

from __future__ import annotations

import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from firstpass import findings
from firstpass.errors import FirstpassError
from firstpass.findings import Finding
from firstpass.settings import settings
from firstpass.stack import control, readiness

# Those whose versions people ask for; what they must be is written in pyproject.toml.
_PACKAGES = ("apache-airflow", "tensorflow", "great-expectations", "apache-airflow-providers-cncf-kubernetes",
             "apache-airflow-providers-amazon", "cvat-sdk")  # fmt: skip


def examine_versions() -> list[Finding]:
    """Python and the packages that matter, against what the installed Firstpass requires."""
    wanted = {each.name: each.specifier for each in map(Requirement, requires("firstpass") or [])}
    said, wrong = [f"Firstpass {version('firstpass')}", f"Python {platform.python_version()}"], []
    for name in _PACKAGES:
        try:
            there = version(name)
        except PackageNotFoundError:
            wrong.append(f"{name} is not installed")
            continue
        said.append(f"{re.sub('^apache-airflow-providers-', 'provider ', name)} {there}")
        if name in wanted and not wanted[name].contains(there, prereleases=True):
            wrong.append(f"{name} is {there}, and {wanted[name]} is supported")
    if sys.version_info[:2] != (3, 11):
        wrong.append(f"Python is {platform.python_version()}, and 3.11 is supported")
    found = [findings.ok("versions", ", ".join(said))]
    if wrong:
        found.append(findings.problem("versions", "; ".join(wrong), "install requirements.txt, as `make run` does"))
    return found


def examine_stack() -> list[Finding]:
    """Whether it is up, on which port, and whether that port is free where it is not."""
    found = control.status()
    if found.state == "up":
        return [findings.ok("stack", f"up, at {found.url}")]
    if found.state == "partly":
        idle = [each for each in found.processes if not each.alive]
        if idle and all(each.state == "STOPPED" for each in idle):  # commands that read start PostgreSQL alone
            running = ", ".join(each.name for each in found.processes if each.alive)
            return [findings.unused("stack", f"of it runs {running} alone (`firstpass up` starts the rest)")]
        ailing = ", ".join(f"{each.name} {each.state.lower()}" for each in found.processes if not each.alive)
        words = ailing or ("its UI does not answer" if found.processes else f"{found.leftovers} processes were left")
        return [findings.warning("stack", f"not all of it is up: {words}", "run `firstpass up`; logs are in var/log")]
    try:
        readiness.check_port()
    except FirstpassError as error:
        return [findings.warning("stack", f"down, and {error.problem}", error.fix)]
    return [findings.unused("stack", f"down (`firstpass up` starts it, on port {settings().port})")]
