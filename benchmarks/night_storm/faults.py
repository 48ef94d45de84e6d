"""What befalls a night: kills, outages and full disks, each at a random moment of one try of one task."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any

import psutil

from doubles.cvat import CvatDouble
from doubles.s3_faults import Cut, Refuse, Request
from night_storm.places import Places
from night_storm.postgres import KeptPostgres
from night_storm.servers import Bucket
from night_storm.tasks import Try

_CVAT_FAULTS: dict[str, dict[str, Any]] = {
    "cvat-500": {"kind": "status", "status": 500},
    "cvat-502": {"kind": "status", "status": 502, "when": "after"},
    "cvat-429": {"kind": "status", "status": 429, "retry_after": "0"},
    "cvat-drop": {"kind": "drop"},
    "cvat-drop-after": {"kind": "drop", "when": "after"},
    "cvat-truncate": {"kind": "truncate", "when": "after"},
    "cvat-slow": {"kind": "slow", "seconds": 0.4},
    "cvat-late": {"kind": "late", "status": 504, "seconds": 0.1, "method": "PATCH"},
    "cvat-html": {"kind": "html"},
}
_ANYWHERE = {
    "kill-task": 3.0,
    "kill-postgres": 1.0,
    "kill-session": 0.5,
    "storage-full": 0.6,
    "storage-read-only": 0.6,
}
_WHILE_INFERRING = {"kill-infer": 4.0, "kill-all": 2.0, "stop-infer": 1.0, "kill-task": 2.0}
_READING = {
    "s3": {"s3-away": 3.0, "s3-500": 2.0, "s3-503": 2.0, "s3-cut": 2.0, "s3-slow": 1.0},
    "cvat": dict.fromkeys(_CVAT_FAULTS, 0.6) | {"cvat-away": 1.0},
    "folder": {"folder-locked": 3.0, "subfolder-locked": 2.0, "folder-gone": 1.0},
}
_READERS = {"resolve_model", "catalogue_images", "infer", "find_work", "publish", "renew_reports"}


@dataclass
class Fault:
    """One that is to strike `delay` seconds after a try began, and lasts `seconds` where it lasts.

    hit: whether it really met something: a process, a request, a mode that could be changed.
    """

    kind: str
    delay: float
    seconds: float
    hit: bool = False


def choose(dice: random.Random, source: str, stage: str, usual: float) -> Fault:
    """A fault that can befall this stage of a run over this source, which usually takes `usual` seconds."""
    weights = dict(_ANYWHERE)
    if stage == "infer":
        weights |= _WHILE_INFERRING
    if stage in _READERS:
        weights |= _READING[source]
    kind = dice.choices(list(weights), list(weights.values()))[0]
    # A read-only disk is nobody's to wait for: one that lasts would only fail every run of the night at once.
    lasts = (0.1, 0.3) if kind == "storage-read-only" else (0.3, 1.0, 2.5, 6.0)
    # Images are read in the first half: a network takes its time to load, and its input is ready by then.
    latest = 0.4 if kind.startswith(("s3", "cvat", "folder", "subfolder")) else 0.85
    return Fault(kind, dice.uniform(0, latest * usual), dice.choice(lasts))


@dataclass
class Weather:
    """Whatever there is to hit. Faults that last are lifted by `clear` at the latest."""

    places: Places
    database: KeptPostgres
    bucket: Bucket
    cvat: CvatDouble
    storage_mounted: bool

    def __post_init__(self) -> None:
        self._calm = Event()
        self._lasting: list[Thread] = []
        self._disk = Lock()

    def strike(self, fault: Fault, running: Try) -> None:
        """Wait for the moment and strike, unless the try is over by then; outages go on by themselves."""
        if running.wait(fault.delay):
            return
        group, _, what = fault.kind.partition("-")
        if group in ("kill", "stop"):
            fault.hit = self._kill(what if group == "kill" else "stop", running)
            return
        lift = {"s3": self._s3, "cvat": self._cvat, "folder": self._folder, "subfolder": self._folder,
                "storage": self._storage}[group](fault, what)  # fmt: skip
        if lift:
            thread = Thread(target=self._last, args=(fault, lift))
            thread.start()
            self._lasting.append(thread)

    def clear(self) -> None:
        """End every outage."""
        self._calm.set()
        for thread in self._lasting:
            thread.join()
        self._lasting.clear()
        self._calm.clear()
        self.cvat.faults.clear()
        time.sleep(0.5)  # a server takes a moment to notice that one of its sessions was killed
        self.database.wait()

    def _last(self, fault: Fault, lift: Callable[[], None]) -> None:
        self._calm.wait(fault.seconds)
        lift()

    def _kill(self, what: str, running: Try) -> bool:
        if what == "postgres":
            return self.database.kill()
        if what == "session":
            return self.database.kill_session()
        children = running.children()
        task = [psutil.Process(running.process.pid)] if running.process.exitcode is None else []
        victims = {"task": task, "infer": children[-1:], "stop": children[:1], "all": [*task, *children]}[what]
        killed = False
        for victim in victims:
            with suppress(psutil.Error):
                killed |= victim.status() != psutil.STATUS_ZOMBIE
                victim.send_signal(signal.SIGTERM if what == "stop" else signal.SIGKILL)
        return killed

    def _s3(self, fault: Fault, what: str) -> Callable[[], None]:
        def befall(request: Request) -> Any:
            if request.method == "GET":
                fault.hit = True
                if what == "away":
                    raise ConnectionAbortedError
                if what == "slow":
                    time.sleep(0.3)
                return {"500": Refuse(500, "InternalError"), "503": Refuse(503, "SlowDown"), "cut": Cut(3000)}.get(what)
            return None

        def lift() -> None:
            self.bucket.proxy.fault = _nothing

        self.bucket.proxy.fault = befall
        return lift

    def _cvat(self, fault: Fault, _: str) -> Callable[[], None]:
        options = dict(_CVAT_FAULTS.get(fault.kind, {"kind": "drop", "times": 10**6}))
        rule = self.cvat.faults.add(options.pop("kind"), **{"method": "*", "times": 2} | options)

        def lift() -> None:
            fault.hit = rule in self.cvat.faults.hits
            rule.times = 0

        return lift

    def _folder(self, fault: Fault, what: str) -> Callable[[], None] | None:
        photos = self.places.photos
        if what == "gone":
            away = photos.with_name("photos.away")
            if not photos.exists():
                return None
            photos.rename(away)
            fault.hit = True
            return lambda: _back(away, photos)
        folder = photos if fault.kind == "folder-locked" else photos / "north"
        if not folder.is_dir() or folder.stat().st_mode & 0o777 == 0:
            return None
        itself = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # wherever another fault moves it meanwhile
        os.fchmod(itself, 0)
        fault.hit = True
        return lambda: (os.fchmod(itself, 0o755), os.close(itself))[0]

    def _storage(self, fault: Fault, what: str) -> Callable[[], None] | None:
        if not self.storage_mounted or not self._disk.acquire(blocking=False):
            return None
        if what == "full":
            ballast = self.places.storage / "ballast"
            fault.hit = _fill(ballast)
            return lambda: (ballast.unlink(missing_ok=True), self._disk.release())[0]
        for _ in range(20):
            if _remount(self.places, "ro"):
                fault.hit = True
                break
            time.sleep(0.02)
        return lambda: (_remount(self.places, "rw"), self._disk.release())[1]


def _nothing(_: Request) -> None:
    """What befalls a request on a good day."""


def mount(places: Places, mebibytes: int = 256) -> bool:
    """Give the storage a small file system of its own, so that it can be full. Whether that worked: root may."""
    if os.path.ismount(places.storage):
        return True
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=755", "storm", str(places.storage)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


def unmount(places: Places) -> None:
    if os.path.ismount(places.storage):
        subprocess.run(["umount", "-l", str(places.storage)], capture_output=True, check=False)


def _remount(places: Places, mode: str) -> bool:
    command = ["mount", "-o", f"remount,{mode}", str(places.storage)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _fill(ballast: Any) -> bool:
    """Write until nothing more fits."""
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        piece = 2**20
        while piece >= 512:
            try:
                os.posix_fallocate(file.fileno(), file.seek(0, 2), piece)
            except OSError:
                piece //= 2
        return True
    return False


def _back(away: Any, photos: Any) -> None:
    if photos.is_dir():  # somebody made it again meanwhile
        photos.rmdir()
    away.rename(photos)
