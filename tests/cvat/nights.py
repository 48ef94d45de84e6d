"""Nights made up: finished runs over CVAT tasks, written straight into the warehouse."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from PIL import Image
from psycopg2.extensions import connection
from psycopg2.extras import Json, execute_values

CLASSES = {1: "person", 2: "car", 3: "traffic light"}
WIDTH, HEIGHT = 64, 48

Found = tuple[int, float, tuple[float, float, float, float]]
"""Class id, score, box."""


def jpeg(shade: int = 0, width: int = WIDTH, height: int = HEIGHT, orientation: int = 1) -> bytes:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (width, height), (shade % 256, shade // 256, 90)).save(out, "JPEG", exif=exif)
    return out.getvalue()


def boxes(frame: int, count: int = 3, shift: float = 0.0) -> list[Found]:
    """`count` detections, each in a place of its own, by descending score."""
    return [
        (
            n % 3 + 1,
            round(0.95 - n / 100, 4),
            (1.25 + n + shift, 2.5 + frame % 7, 20.75 + n + shift, 30.0 + frame % 7),
        )
        for n in range(count)
    ]


@dataclass
class Night:
    """One run of one model version over frames of one task. found: frame → detections, in descending order of score."""

    run_id: str
    task: int
    found: Mapping[int, Sequence[Found]]
    version: str = "aaaaaaaaaaaa"
    settings_hash: str = "111111111111"
    images_uri: str = ""
    state: str = "success"
    decided_at: str = "2026-01-01"
    started_at: str = "2026-02-01"
    polygons: Mapping[int, Any] = field(default_factory=dict)
    size: tuple[int, int] = (WIDTH, HEIGHT)
    model: str = "toy"
    publish: bool = False
    checked: bool = True

    def save(self, conn: connection) -> str:
        ref = f"{self.model}@{self.version}"
        with conn, conn.cursor() as cur:
            cur.execute(
                "INSERT INTO models (model, name, version, kind, source, threshold, admitted, reasons, decided_at)"
                " VALUES (%s, %s, %s, 'tfod_frozen_graph', '/toy', 0.3, true, '[]', %s) ON CONFLICT DO NOTHING",
                [ref, self.model, self.version, self.decided_at],
            )
            rows = [(ref, *item) for item in CLASSES.items()]
            execute_values(cur, "INSERT INTO classes VALUES %s ON CONFLICT DO NOTHING", rows)
            cur.execute(
                "INSERT INTO runs (run_id, model, settings_hash, images_uri, spec, state, stages, started_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, '{}', %s)",
                [self.run_id, ref, self.settings_hash, self.images_uri or f"cvat:task/{self.task}",
                 Json({"publish": self.publish, "threshold": 0.3}), self.state,
                 self.started_at],
            )  # fmt: skip
            if self.checked:
                cur.execute(
                    "INSERT INTO quality_verdicts (run_id, verdict, images, detections) VALUES (%s, 'passed', 0, 0)",
                    [self.run_id],
                )
            outcomes, detections = [], []
            for frame, found in self.found.items():
                key = sha256(f"{self.task}#{frame}".encode()).hexdigest()
                outcome = "ok" if found else "empty"
                outcomes.append(
                    (
                        self.run_id,
                        f"cvat:task/{self.task}#{frame}",
                        0,
                        outcome,
                        len(found),
                        key,
                        *self.size,
                        self.task,
                        frame,
                    )
                )
                columns = [[f[0] for f in found], [f[1] for f in found], *([f[2][i] for f in found] for i in range(4))]
                polygons = self.polygons.get(frame)
                detections.append(
                    (
                        key,
                        ref,
                        self.settings_hash,
                        self.run_id,
                        0,
                        *columns,
                        None if polygons is None else Json(polygons),
                    )
                )
            execute_values(
                cur,
                "INSERT INTO outcomes (run_id, uri, chunk, outcome, detections, sha256, width, height, task, frame)"
                " VALUES %s",
                outcomes,
            )
            execute_values(
                cur,
                "INSERT INTO detections VALUES %s ON CONFLICT DO NOTHING",
                detections,
                template=f"(%s, %s, %s, %s, %s, %s::int[], {', '.join(5 * ['%s::real[]'])}, %s)",
            )
        return self.run_id
