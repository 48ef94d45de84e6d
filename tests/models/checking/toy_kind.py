"""A kind of model, brought by another package, whose weights say in a word what reading them does."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

from firstpass.contracts.detections import Detections
from firstpass.contracts.detector import Detector, PreparedInput, WeightsInspection
from firstpass.contracts.detector_kind import DetectorKind, single_file
from firstpass.errors import FirstpassError

MIB = 2**20


def inspect(folder: Path) -> WeightsInspection:
    act(folder / "weights.toy")
    return WeightsInspection(2, False)


def load(version: Any, folder: Path, floor: float) -> Detector:
    act(folder / "network.toy")
    return Network()


class Network(Detector):
    def prepare(self, image: Any) -> PreparedInput:
        return PreparedInput(image, image.shape[1], image.shape[0])

    def predict(self, batch: Any) -> list[Detections]:
        return [Detections.none() for _ in batch]


def act(path: Path) -> None:
    word, *more = path.read_text().split() if path.exists() else ["nothing"]
    {
        "nothing": lambda: None,
        "spin": spin,
        "sleep": lambda: time.sleep(600),
        "segfault": lambda: ctypes.string_at(0),
        "signal": lambda: os.kill(os.getpid(), getattr(signal, more[0])),
        "exit": lambda: (print("out of order", file=sys.stderr, flush=True), os._exit(3)),
        "eat": lambda: eat(int(more[0])),
        "ask": lambda: bytearray(int(more[0])),
        "bad_alloc": lambda: (print("terminate: std::bad_alloc", file=sys.stderr, flush=True), os.abort()),
        "refuse": lambda: refuse(path),
        "stumble": lambda: {}["a key"],
        "lack": lambda: __import__("no_such_package"),
        "chatter": lambda: os.write(1, b"native chatter on standard output"),
        "write": lambda: (path.parent / "written").write_bytes(bytes(int(more[0]))),
        "tell": lambda: tell(Path(more[0])),
        "puppet": lambda: puppet(" ".join(more)),
    }[word]()


def spin() -> None:
    while True:
        pass


def eat(size: int) -> None:
    held = []
    for _ in range(size // (8 * MIB)):
        held.append(b"x" * (8 * MIB))
        time.sleep(0.02)
    time.sleep(600)


def refuse(path: Path) -> None:
    raise FirstpassError(f"{path}: holds a toy", "take a real one")


def tell(where: Path) -> None:
    """What the process finds itself in."""
    limits = {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")}
    about = {"pid": os.getpid(), "session": os.getsid(0), "environment": dict(os.environ), "limits": limits}
    about |= {"folder": str(Path.cwd()), "score": Path("/proc/self/oom_score_adj").read_text().strip()}
    where.write_text(json.dumps(about))


def puppet(answer: str) -> None:
    """Code that took the process over answers in its place."""
    for descriptor in range(3, 20):
        try:
            if str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith("pipe:"):
                os.write(descriptor, answer.encode() + b"\n")
        except OSError:
            continue
    time.sleep(600)


KIND = DetectorKind(
    name="toy",
    title="a toy",
    weights="weights.toy",
    store_name=single_file("weights.toy"),
    inspect=inspect,
    load=load,
    threshold=0.5,
)
