"""Whether a run did all that it was to do, and what to say where it did not."""

from __future__ import annotations

from psycopg2.extensions import connection

from firstpass.errors import FirstpassError
from firstpass.warehouse.outcomes import failed_images
from firstpass.warehouse.run_summary import run_summary

_NAMED = 5
_FIX = "see the task `infer` or `infer_in_pod` of the chunk; in the next run over the same images they come first"


def state_of(conn: connection, run_id: str) -> tuple[str, FirstpassError | None]:
    """How the run is to be closed, `success`, `partial` or `failed`, and what to raise then.

    `failed`: there was something to infer, and nothing of it could be inferred. An unreadable image is no failure: it
    has its reason, and another try would end in the same way.
    """
    summary = run_summary(conn, run_id, most_quarantined=0)
    failed, inferred = summary["failed"], summary["outcomes"].get("ok", 0) + summary["empty"]
    if not failed:
        return "success", None
    if not inferred:
        return "failed", FirstpassError(f"nothing could be inferred: {_which(conn, run_id, failed)}", _FIX)
    return "partial", FirstpassError(
        f"the run is partial, {inferred} images were inferred and {_which(conn, run_id, failed)}", _FIX
    )


def _which(conn: connection, run_id: str, failed: int) -> str:
    named = [f"{uri} ({reason})" for uri, reason in failed_images(conn, run_id, _NAMED)]
    rest = f", and {failed - len(named)} more" if failed > len(named) else ""
    return f"{failed} failed: {', '.join(named)}{rest}"
