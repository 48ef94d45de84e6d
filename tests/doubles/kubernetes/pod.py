"""One pod: its manifest, its life, and the process that stands for its container `base`."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from doubles.kubernetes.faults import PodFault

Json = dict[str, Any]

NODE = "node-1"
"""The only node of the cluster."""


@dataclass(frozen=True)
class Cluster:
    """What the pods of a double find: programs by name, images with their environment, secrets with their values.

    A pod whose image is not here cannot start. start_up: seconds from creation to a running container. namespaces,
    service_accounts: those that there are; None for all.
    """

    programs: dict[str, str]
    images: dict[str, dict[str, str]]
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    start_up: float = 0.1
    namespaces: frozenset[str] | None = None
    service_accounts: frozenset[str] | None = None


class Pod:
    """From Pending over Running to Succeeded or Failed. Everything happens in the server's event loop."""

    def __init__(self, manifest: Json, cluster: Cluster, fault: PodFault | None) -> None:
        self.manifest = deepcopy(manifest)
        self.metadata: Json = self.manifest["metadata"]
        self.metadata |= {"uid": str(uuid4()), "creationTimestamp": _now(), "resourceVersion": "1"}
        self.base: Json = next(c for c in manifest["spec"]["containers"] if c["name"] == "base")
        self.cluster, self.fault = cluster, fault
        self.phase, self.reason, self.message = "Pending", "", ""
        self.container: Json = {"waiting": {"reason": "ContainerCreating"}}
        self.lines: list[tuple[str, str]] = []
        self.events: list[Json] = []
        self.process: asyncio.subprocess.Process | None = None
        self.changed = asyncio.Condition()
        self.killed_because = ""
        self.gone = self.stuck = False
        self.scheduled: Json = {"type": "PodScheduled", "status": "True"}
        self.disruption: list[Json] = []
        self._scratch = tempfile.TemporaryDirectory(prefix="pod-")
        self.life = asyncio.ensure_future(self._live())

    @property
    def name(self) -> str:
        return str(self.metadata["name"])

    @property
    def ended(self) -> bool:
        return self.phase in {"Succeeded", "Failed"} or self.gone or self.stuck

    def to_json(self) -> Json:
        """The pod as the API shows it."""
        status: Json = {
            "phase": self.phase,
            "conditions": [self.scheduled, *self.disruption],
            "startTime": self.metadata["creationTimestamp"],
            "containerStatuses": [
                {
                    "name": "base",
                    "image": self.base["image"],
                    "imageID": "",
                    "ready": "running" in self.container,
                    "started": "running" in self.container,
                    "restartCount": 0,
                    "state": self.container,
                    "lastState": {},
                }
            ],
        }
        if self.scheduled["status"] != "True":
            del status["containerStatuses"], status["startTime"]
        if self.reason:
            status |= {"reason": self.reason, "message": self.message}
        return {"apiVersion": "v1", "kind": "Pod", **self.manifest, "status": status}

    async def delete(self, grace: float) -> None:
        """SIGTERM, and SIGKILL when `grace` seconds are over; returns when the process has ended."""
        self.metadata["deletionTimestamp"] = _now()
        if self.process is None or self.process.returncode is not None:
            self.life.cancel()
        else:
            self._signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(asyncio.shield(self.life), grace)
            except TimeoutError:
                self._signal(signal.SIGKILL)
                await self.life
        self._scratch.cleanup()

    def kill(self) -> None:
        """End the process without further ado, as when the test is over."""
        self.life.cancel()
        if self.process and self.process.returncode is None:
            self._signal(signal.SIGKILL)
        self._scratch.cleanup()

    async def _live(self) -> None:
        if self.fault and self.fault.unschedulable:
            await self._find_a_node(self.fault)
        self._event("Normal", "Scheduled", "Successfully assigned")
        await asyncio.sleep(self.cluster.start_up)
        image = self.base["image"]
        if image not in self.cluster.images or (self.fault and self.fault.waiting):
            reason = self.fault.reason if self.fault else "ErrImagePull"
            message = self.fault.message if self.fault else f'failed to pull image "{image}": not found'
            self.container = {"waiting": {"reason": reason, "message": message}}
            self._event("Warning", "Failed", message)
            await self._tell()
            return
        try:
            environment = self._environment()
        except (KeyError, StopIteration) as error:  # a secret, or a field, that is not there
            self.container = {"waiting": {"reason": "CreateContainerConfigError", "message": f"{error} not found"}}
            await self._tell()
            return
        command = [*self.base["command"], *self.base.get("args", [])]
        program = self.cluster.programs.get(command[0], command[0])
        self.process = await asyncio.create_subprocess_exec(
            program,
            *command[1:],
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=2**20,
            cwd=self._scratch.name,
        )
        self.phase, self.container = "Running", {"running": {"startedAt": _now()}}
        self._event("Normal", "Started", "Started container base")
        await self._tell()
        deadline = self.manifest["spec"].get("activeDeadlineSeconds")
        try:
            code = await asyncio.wait_for(self._follow(), deadline)
        except TimeoutError:
            code = await self._take_away("DeadlineExceeded", "Pod was active on the node longer than its deadline")
        await self._finish(code)

    async def _find_a_node(self, fault: PodFault) -> None:
        self.fault = None
        self.scheduled = {"type": "PodScheduled", "status": "False", "reason": fault.reason, "message": fault.message}
        self._event("Warning", "FailedScheduling", fault.message)
        assert fault.until is not None
        while not fault.until():
            await asyncio.sleep(0.05)
        self.scheduled = {"type": "PodScheduled", "status": "True"}

    async def _follow(self) -> int:
        """Collect what the process prints, let the fault strike when it is time, and return the exit code."""
        assert self.process is not None
        assert self.process.stdout is not None
        while True:
            try:
                raw = await asyncio.wait_for(self.process.stdout.readline(), 0.1)
            except TimeoutError:
                raw = None  # nothing to read at the moment; a fault may still be due
            if raw == b"":
                return await self.process.wait()
            if raw:
                self.lines.append((_now(), raw.decode(errors="replace").rstrip("\n")))
                await self._tell()
            if self.fault and self.fault.until:
                await self._freeze(self.fault.until)
            elif self.fault and self.fault.when([text for _, text in self.lines]):
                return await self._strike(self.fault)

    async def _freeze(self, until: Callable[[], bool]) -> None:
        self.fault = None
        self._signal(signal.SIGSTOP)
        while not until():
            await asyncio.sleep(0.1)
        self._signal(signal.SIGCONT)

    async def _strike(self, fault: PodFault) -> int:
        self.fault = None
        if fault.exit_code is None:
            return await self._take_away(fault.reason, fault.message, fault)
        assert self.process is not None
        self._signal(signal.SIGKILL)
        await self.process.wait()
        self.killed_because = fault.reason
        return fault.exit_code

    async def _take_away(self, reason: str, message: str, fault: PodFault | None = None) -> int:
        self._signal(signal.SIGKILL)
        assert self.process is not None
        await self.process.wait()
        if fault and fault.disruption:
            self.disruption = [{"type": "DisruptionTarget", "status": "True", "reason": fault.disruption}]
        self.gone, self.stuck = bool(fault and fault.left == "gone"), bool(fault and fault.left == "stuck")
        if self.stuck:
            self.metadata["deletionTimestamp"] = "2020-01-01T00:00:00Z"
        self.reason, self.message = reason, message
        self._event("Warning", reason, message)
        return 137

    async def _finish(self, code: int) -> None:
        if not (self.gone or self.stuck):
            self._end(code)
        await self._tell()

    def _end(self, code: int) -> None:
        code = 128 - code if code < 0 else code  # Python's -9 is the shell's, and Kubernetes', 137
        reason = self.killed_because or ("Completed" if code == 0 else "Error")
        self.container = {"terminated": {"exitCode": code, "reason": reason, "startedAt": _now(), "finishedAt": _now()}}
        self.phase = "Succeeded" if code == 0 else "Failed"

    def _environment(self) -> dict[str, str]:
        """The image's environment, then the secrets', then the container's own; a path of a volume is a real one."""
        found = {"PATH": os.environ["PATH"], "HOME": self._scratch.name, **self.cluster.images[self.base["image"]]}
        for source in self.base.get("envFrom", []):
            found |= self.cluster.secrets[source["secretRef"]["name"]]
        fields = {"spec.nodeName": NODE, "metadata.name": self.name}
        for entry in self.base.get("env", []):
            found[entry["name"]] = entry.get("value") or fields[entry["valueFrom"]["fieldRef"]["fieldPath"]]
        folders = {v["name"] for v in self.manifest["spec"].get("volumes", []) if "emptyDir" in v}
        mounts = {m["mountPath"]: m["name"] for m in self.base.get("volumeMounts", []) if m["name"] in folders}
        for name in folders:
            (Path(self._scratch.name) / name).mkdir(exist_ok=True)
        return {
            key: str(Path(self._scratch.name) / mounts[value]) if value in mounts else value
            for key, value in found.items()
        }

    def _signal(self, number: int) -> None:
        """SIGTERM goes to the container's first process alone, SIGKILL to them all."""
        assert self.process is not None
        try:
            (os.killpg if number == signal.SIGKILL else os.kill)(self.process.pid, number)
        except ProcessLookupError:
            return

    def _event(self, kind: str, reason: str, message: str) -> None:
        number = len(self.events) + 1
        self.events.append(
            {
                "metadata": {
                    "name": f"{self.name}.{number}",
                    "namespace": self.metadata["namespace"],
                    "uid": str(uuid4()),
                    "resourceVersion": str(number),
                    "creationTimestamp": _now(),
                },
                "involvedObject": {"kind": "Pod", "name": self.name, "uid": self.metadata["uid"]},
                "type": kind,
                "reason": reason,
                "message": message,
                "lastTimestamp": _now(),
            }
        )

    async def _tell(self) -> None:
        self.metadata["resourceVersion"] = str(int(self.metadata["resourceVersion"]) + 1)
        async with self.changed:
            self.changed.notify_all()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
