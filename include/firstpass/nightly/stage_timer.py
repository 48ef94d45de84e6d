"""One stage of a run: timed, and what goes wrong is written down where people look."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from firstpass.contracts.run_error import RunError
from firstpass.outages import outage
from firstpass.waiting import goes_on
from firstpass.warehouse import runs
from firstpass.warehouse.connection import connect


@contextmanager
def stage(run_id: str, name: str) -> Iterator[None]:
    """Time a stage into the warehouse; leave word of a failure where the command line and the report find it.

    The failure itself is raised, whatever else fails on the way. Another try takes the word away.
    """
    RunError.clear(run_id)
    started = time.monotonic()
    try:
        yield
    except Exception as error:
        if goes_on(error):  # what is away is waited for: the stage is called again and has not failed
            raise
        with suppress(Exception):  # the failure itself is what counts, wherever it can still be told
            RunError.of(name, outage(error) or error).save(run_id)
        with suppress(Exception), closing(connect()) as connection:
            runs.finish_run(connection, run_id, "failed")
        raise
    with closing(connect()) as connection:
        runs.record_stage(connection, run_id, name, round(time.monotonic() - started, 3))
