"""Source → store: what people did by hand. Look, fetch what is new, admit it; a model appears whole or not at all."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from firstpass import storage
from firstpass.contracts.model_version import ModelVersion
from firstpass.errors import FirstpassError
from firstpass.models import discovery
from firstpass.models.admission import admit
from firstpass.models.decided_sources import remember, remembered
from firstpass.models.discovery import FoundModel
from firstpass.models.model_sources import ModelSource
from firstpass.models.store import load_version, model_uri
from firstpass.models.workspace import lock, workshop
from firstpass.outages import outage
from firstpass.settings import settings
from firstpass.storage.downloads import SourceChanged, WantedObject, download
from firstpass.storage.space import ask_for_space

log = logging.getLogger("firstpass")

_TRIES = 3  # looks at a source that changes while it is read


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync came to. version: as decided now, None when the source is unchanged since `ref` was decided.

    admitted: whether `ref` may be used; reasons: why not, now or when it was decided. size: bytes fetched.
    """

    source: str
    ref: str
    admitted: bool
    version: ModelVersion | None
    size: int
    reasons: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """unchanged, admitted or refused; or that it is unchanged, still refused."""
        if self.version is None:
            return "unchanged" if self.admitted else "unchanged, still refused"
        return "admitted" if self.admitted else "refused"


def sync(source: ModelSource, client: Callable[[], Any] = storage.s3, again: bool = False) -> Synced:
    """Bring the newest complete model at `source` into the store, admitted or refused.

    client: makes boto3's S3 client, called for s3:// only. An unchanged source costs its listing. again: a model
    that was refused is judged once more, its source unchanged or not. Two syncs of one model wait for each other; one
    that was killed continues where it stopped.
    Raises FirstpassError, the store unchanged, when there is nothing complete, access is denied or the source does not
    stop changing.
    """
    with lock(f"sync-{source.name}"), _explained(source):
        s3 = client() if storage.is_s3(source.uri) else None
        for _ in range(_TRIES):
            try:
                return _sync_once(source, s3, again)
            except SourceChanged as change:
                log.warning("%s: %s changed while it was read; looking again", source.uri, change)
    raise FirstpassError(
        f"{source.uri} changed {_TRIES} times while it was read", "sync again when the upload there has finished"
    )


def _sync_once(source: ModelSource, s3: Any, again: bool) -> Synced:
    found = discovery.newest(source, s3)
    known = remembered(source.name, source.uri, found.etag)
    if known and (known["admitted"] or not again):
        return _unchanged(source, found, known)
    started = time.monotonic()
    incoming = _incoming(source)
    _fetch(found, incoming, s3)
    if discovery.newest(source, s3).etag != found.etag:
        shutil.rmtree(incoming, ignore_errors=True)
        raise SourceChanged(found.uri)
    seconds = time.monotonic() - started
    log.info("%s: %.1f MB in %.1f s, %.0f MB/s", found.uri, found.size / 1e6, seconds, found.size / 1e6 / seconds)
    try:
        version = admit(source.name, incoming, found.uri, source.options, again, hand_over=True)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    remember(source.name, source.uri, found.etag, version)
    return Synced(found.uri, version.ref, version.admitted, version, found.size, version.reasons)


def _unchanged(source: ModelSource, found: FoundModel, known: dict[str, Any]) -> Synced:
    ref = f"{source.name}@{known['version']}"
    reasons = () if known["admitted"] else load_version(storage.join(model_uri(source.name), known["version"])).reasons
    synced = Synced(found.uri, ref, known["admitted"], None, 0, reasons)
    log.info("%s: %s since %s%s", source.uri, synced.state, ref, f": {'; '.join(reasons)}" if reasons else "")
    return synced


def _incoming(source: ModelSource) -> Path:
    """Where a source's files arrive: the same place after a cut, so that the next try continues there."""
    key = sha256(f"{source.name} {source.uri}".encode()).hexdigest()[:16]
    folder = workshop(".incoming") / key
    folder.mkdir(exist_ok=True)
    return folder


def _fetch(found: FoundModel, incoming: Path, s3: Any) -> None:
    """All files of `found` into `incoming`, nothing else left there."""
    seal = incoming / "complete.etag"
    if seal.exists() and seal.read_text() != found.etag:
        shutil.rmtree(incoming)
        incoming.mkdir()
    seal.write_text(found.etag)
    if s3 is None:
        ask_for_space(found.size, incoming, f"the copy of {found.uri}")
        for name, file in found.files.items():
            target = incoming / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.key, target)
        return
    bucket = found.uri.removeprefix("s3://").partition("/")[0]
    wanted = [WantedObject(file.key, file.size, file.etag, incoming / name) for name, file in found.files.items()]
    download(s3, bucket, wanted)


@contextmanager
def _explained(source: ModelSource) -> Iterator[None]:
    """What must be waited for and what a person can fix, in words; the rest passes, and another try may help."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    connection = source.connection or "the default S3 credentials"
    try:
        with _outages_told(source):
            yield
    except NoCredentialsError as error:
        raise FirstpassError(f"{source.uri}: there are no credentials", f"set up {connection}") from error
    except ClientError as error:
        code, status = str(error.response["Error"]["Code"]), error.response["ResponseMetadata"]["HTTPStatusCode"]
        if code == "RequestTimeTooSkewed":
            raise FirstpassError(f"{source.uri}: {code}: the clocks differ", "set this machine's clock") from error
        if status in {301, 400, 401, 403, 404}:
            raise FirstpassError(
                f"{source.uri}: {code} ({status}) from {error.operation_name}",
                f"check the address, and that {connection} may do s3:ListBucket and s3:GetObject there",
            ) from error
        raise
    except BotoCoreError as error:
        raise FirstpassError(f"{source.uri}: {error}", f"check the address and {connection}") from error
    except OSError as error:
        raise FirstpassError(
            f"{source.uri}: {error.strerror or error}: {error.filename or settings().models}",
            "see that the source may be read and the model store may be written",
        ) from error


@contextmanager
def _outages_told(source: ModelSource) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        place = getattr(error, "filename", None) or source.uri
        if away := outage(error, str(place)):
            raise away from error
        raise
