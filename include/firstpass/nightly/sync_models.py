"""What the DAG `sync_models` and `firstpass models sync` do for one source: fetch, admit, and tell the warehouse."""

from __future__ import annotations

import logging
from contextlib import closing

from firstpass import storage
from firstpass.contracts.model_version import ModelVersion
from firstpass.errors import FirstpassError
from firstpass.models.model_sources import ModelSource, make_source, read_sources
from firstpass.models.sync import Synced, sync
from firstpass.warehouse.connection import connect
from firstpass.warehouse.migration import migrate
from firstpass.warehouse.model_versions import record_model

log = logging.getLogger("firstpass")


def wanted_sources(name: str = "", uri: str = "", connection: str = "") -> list[ModelSource]:
    """The sources to sync: the configured ones, those of one model, or one that was given by hand.

    A source by hand takes over connection and options of the configured source of that name, if there is one.
    Raises FirstpassError for a name that is not configured, and for a source without a name.
    """
    configured = read_sources()
    named = [source for source in configured if source.name == name]
    if uri:
        if not name:
            raise FirstpassError(f"the source {uri} has no name", "say which model it is: its name")
        like = named[0] if named else ModelSource(name, uri)
        return [make_source(name, uri, connection or like.connection, like.options)]
    if name and not named:
        known = ", ".join(sorted({source.name for source in configured})) or "none yet"
        raise FirstpassError(f"no source is configured for {name!r}", f"give its source, or use one of these: {known}")
    return named or configured


def sync_source(source: ModelSource, again: bool = False) -> Synced:
    """`models.sync.sync` through the source's connection; what was decided is recorded in the warehouse, if it answers.

    The store's record is what counts: a warehouse that is down gets the version with the first run that uses it.
    """
    synced = sync(source, lambda: storage.s3_of(source.connection), again)
    if synced.version is not None:
        _record(synced.version)
    return synced


def _record(version: ModelVersion) -> None:
    try:
        with closing(connect(patience=0)) as connection:
            migrate(connection)
            record_model(connection, version)
    except FirstpassError as error:
        log.warning("%s is not in the warehouse yet: %s", version.ref, error.problem)
