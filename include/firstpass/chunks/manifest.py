"""The contract of the chunks room: a chunk manifest, the unit of work and of retry."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from firstpass.errors import FirstpassError
from firstpass.images.reference import ImageRef


@dataclass(frozen=True, slots=True)
class Chunk:
    """What `firstpass infer CHUNK_URI` needs to know: running it twice gives the same file.

    run_id: Airflow's. index: 0-based within the run. model: `name@version`; model_uri: the version's folder.
    thresholds: class id → score, with the model-wide one under `threshold`. batch_size: images a network call.
    output_uri: where the Parquet file goes; its done-marker is `output_uri + ".done.json"` and its progress, for
    whoever watches, `output_uri + ".progress.json"`.
    """

    run_id: str
    index: int
    model: str
    model_uri: str
    threshold: float
    class_thresholds: dict[int, float]
    batch_size: int
    output_uri: str
    images: tuple[ImageRef, ...]

    @property
    def done_uri(self) -> str:
        """The done-marker: {"rows", "detections", "sha256", "seconds", …}, written after the Parquet file."""
        return self.output_uri + ".done.json"

    @property
    def progress_uri(self) -> str:
        """{"done", "total", "seconds"}, renewed while the chunk runs. Never read by the pipeline itself."""
        return self.output_uri + ".progress.json"

    def to_json(self) -> str:
        """The manifest's text, sealed with a checksum so that an edit by hand is noticed."""
        body = asdict(self) | {"class_thresholds": {str(k): v for k, v in self.class_thresholds.items()}}
        return json.dumps({"checksum": _checksum(body), **body}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, name: str) -> Chunk:
        """The reverse of `to_json`; `name` is the manifest's URI, for errors.

        Raises FirstpassError for text that is not a manifest or whose checksum does not fit.
        """
        fix = "plan the run again: clear the task plan_chunks and what follows it"
        try:
            body: dict[str, Any] = json.loads(text)
            checksum = body.pop("checksum")
            sealed = checksum == _checksum(body)
            chunk = cls(
                **body
                | {
                    "class_thresholds": {int(k): float(v) for k, v in body["class_thresholds"].items()},
                    "images": tuple(ImageRef(**image) for image in body["images"]),
                }
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FirstpassError(f"{name} is not a chunk manifest: {error!r}", fix) from error
        if not sealed:
            raise FirstpassError(f"{name} was changed after it was planned: its checksum {checksum} does not fit", fix)
        return chunk


def _checksum(body: dict[str, Any]) -> str:
    return sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]
