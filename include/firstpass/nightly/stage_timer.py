"""One stage of a run: timed, and what goes wrong is written down where people look."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

from psycopg2.extensions import connection

from firstpass.contracts.run_error import RunError
from firstpass.outages import outage
from firstpass.refusals import missing_right
from firstpass.waiting import goes_on
from firstpass.warehouse import run_failures, runs
from firstpass.warehouse.connection import connect


@contextmanager
def stage(run_id: str, name: str, record: Callable[[connection], None] | None = None) -> Iterator[None]:
    """Time a stage into the warehouse; leave word of a failure where the command line, the pages and people find it.

    The failure itself is raised, whatever else fails on the way. Another try takes the word away: in storage when it
    begins, in the warehouse when it works. record: what to do first with the warehouse, for the stage that opens the
    run.
    """
    started = time.monotonic()
    try:
        _begin(run_id, name, record)
        yield
    except Exception as error:
        word = RunError.of(name, outage(error) or missing_right(error) or error)
        if goes_on(error):  # what is away is waited for: the stage is called again and has not failed
            _note(run_id, word)
        else:
            _tell(run_id, word)
        raise
    with closing(connect()) as conn:
        runs.record_stage(conn, run_id, name, round(time.monotonic() - started, 3))


def _begin(run_id: str, name: str, record: Callable[[connection], None] | None) -> None:
    with closing(connect()) as conn:
        if record is not None:
            record(conn)
        run_failures.begin_stage(conn, run_id, name)
    with suppress(Exception):  # storage that is away is told of by whoever needs it
        RunError.clear(run_id)


def _note(run_id: str, word: RunError) -> None:
    """Let the pages say what is waited for."""
    with suppress(Exception), closing(connect(patience=0)) as conn:
        run_failures.note_wait(conn, run_id, word)


def _tell(run_id: str, word: RunError) -> None:
    with suppress(Exception):  # the failure itself is what counts, wherever it can still be told
        word.save(run_id)
    with suppress(Exception), closing(connect()) as conn:
        run_failures.fail_run(conn, run_id, word)
