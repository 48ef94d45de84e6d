"""The contract of the chunks room: a chunk manifest, the unit of work and of retry."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any

from firstpass import storage
from firstpass.contracts.image_reference import ImageRef
from firstpass.errors import FirstpassError

PLAN_AGAIN = "plan the run again: clear the task plan_chunks and what follows it"

_IMAGE_FIELDS = tuple(
    field.name for field in fields(ImageRef)
)  # one list each: a third of the size of one dict per image


@dataclass(frozen=True, slots=True)
class Chunk:
    """What `firstpass infer CHUNK_URI` needs to know: running it twice gives the same file.

    run_id: Airflow's. index: 0-based within the run. model: `name@version`; model_uri: the version's folder.
    floor: the score from which detections are stored. revision: of the model's kind; a release that has another one
    would give other detections. batch_size: images per network call.
    output_uri: where the Parquet file goes; its done-marker is `output_uri + ".done.json"` and its progress, for
    whoever watches, `output_uri + ".progress.json"`.
    """

    run_id: str
    index: int
    model: str
    model_uri: str
    floor: float
    revision: int
    batch_size: int
    output_uri: str
    images: tuple[ImageRef, ...]
    seal: str | None = None  # of a manifest that release 0.1.0 wrote: its results refer to it

    @property
    def done_uri(self) -> str:
        """The done-marker: {"rows", "detections", "sha256", "seconds", …}, written after the Parquet file."""
        return self.output_uri + ".done.json"

    @property
    def progress_uri(self) -> str:
        """{"done", "total", "seconds"}, renewed while the chunk runs. Never read by the pipeline itself."""
        return self.output_uri + ".progress.json"

    @property
    def parts_uri(self) -> str:
        """The folder of checkpoints: what is finished of a chunk that is not. Empty again when the chunk is done."""
        return self.output_uri + ".parts"

    def to_json(self) -> str:
        """The manifest's text, sealed with a checksum so that an edit by hand is noticed."""
        text = self._body()
        return f'{{"checksum": "{_checksum(text)}", {text[1:]}'

    def _body(self) -> str:
        columns = {name: [getattr(image, name) for image in self.images] for name in _IMAGE_FIELDS}
        body = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "seal"}
        return json.dumps(body | {"images": columns}, ensure_ascii=False)

    @property
    def checksum(self) -> str:
        """The seal of `to_json`: equal for equal chunks, and different when anything was planned differently."""
        return self.seal or _checksum(self._body())

    @classmethod
    def from_json(cls, text: str, name: str) -> Chunk:
        """The reverse of `to_json`; `name` is the manifest's URI, for errors. Release 0.1.0's manifests are read too.

        Raises FirstpassError for text that is not a manifest or whose checksum does not fit.
        """
        try:
            body: dict[str, Any] = json.loads(text)
            checksum = body.pop("checksum")
            sealed = checksum == _checksum(json.dumps(body, ensure_ascii=False))
            if "threshold" in body:  # stored was what reached it: see RunSpec.load
                by_class = [float(score) for score in body.pop("class_thresholds").values()]
                body |= {"floor": max([float(body.pop("threshold")), *by_class]), "revision": 1, "seal": checksum}
            columns = body.pop("images")
            rows = zip(*(columns[name] for name in _IMAGE_FIELDS), strict=True)
            chunk = cls(**body, images=tuple(ImageRef(*row) for row in rows))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FirstpassError(f"{name} is not a chunk manifest: {error!r}", PLAN_AGAIN) from error
        if not sealed:
            raise FirstpassError(
                f"{name} was changed after it was planned: its checksum {checksum} does not fit", PLAN_AGAIN
            )
        return chunk

    def save(self, run_uri: str) -> str:
        """Write the manifest to <run>/chunks/00000.json; returns its URI, which is what `infer` is mapped over."""
        uri = manifest_uri(run_uri, self.index)
        storage.write(uri, self.to_json().encode())
        return uri

    @classmethod
    def load(cls, uri: str) -> Chunk:
        """Read a manifest. Raises FirstpassError for one that is gone, damaged or changed."""
        try:
            return cls.from_json(storage.read(uri).decode(errors="replace"), uri)
        except FileNotFoundError as error:
            raise FirstpassError(f"there is no chunk manifest {uri}", PLAN_AGAIN) from error


def manifest_uri(run_uri: str, index: int) -> str:
    """Where a run's chunk has its manifest."""
    return storage.join(run_uri, "chunks", f"{index:05d}.json")


def result_uri(run_uri: str, index: int) -> str:
    """Where a run's chunk has its result."""
    return storage.join(run_uri, "results", f"{index:05d}.parquet")


def _checksum(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
