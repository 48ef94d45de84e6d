"""What earlier runs teach the planning of the next: how fast chunks really were, and which images brought one down."""

from __future__ import annotations

from psycopg2.extensions import connection

from firstpass.chunks.costs import Measured
from firstpass.chunks.profiles import machine_of
from firstpass.chunks.run import RunSpec
from firstpass.warehouse.connection import transaction

_IMAGES = 100  # a shorter chunk is mostly start and end
_CHUNKS = 200  # the newest count; what was long ago was another machine


def measured(conn: connection, model: str) -> Measured:
    """The rates that chunks of this model version reached, by machine profile: asked for once, here.

    Of each machine the median of its newest chunks, with the mean size of their images.
    """
    with transaction(conn) as cur:
        cur.execute(
            "SELECT device, percentile_cont(0.5) WITHIN GROUP (ORDER BY rate), avg(pixels) FROM ("
            "  SELECT c.marker ->> 'device' AS device, (c.marker ->> 'images_per_second')::float8 AS rate,"
            "         (c.marker ->> 'pixels')::float8 AS pixels"
            "  FROM chunks c JOIN runs r USING (run_id)"
            "  WHERE r.model = %s AND c.state = 'merged' AND (c.marker ->> 'images_per_second')::float8 > 0"
            "    AND (c.marker ->> 'pixels')::float8 > 0"
            "    AND c.images - COALESCE((c.marker ->> 'resumed')::integer, 0) >= %s"
            "  ORDER BY c.changed_at DESC LIMIT %s) AS newest GROUP BY device",
            [model, _IMAGES, _CHUNKS],
        )
        rates = {(model, machine_of(device or "cpu")): (rate, pixels) for device, rate, pixels in cur}
    return lambda model, machine: rates.get((model, machine))


def failed_last_time(conn: connection, spec: RunSpec) -> set[str]:
    """URIs whose chunk never finished in the newest earlier run over the same images."""
    with transaction(conn) as cur:
        cur.execute(
            "SELECT o.uri FROM outcomes o WHERE o.outcome = 'failed' AND o.run_id = ("
            "  SELECT run_id FROM runs WHERE images_uri = %s AND run_id <> %s AND state IN ('success', 'partial')"
            "  ORDER BY started_at DESC LIMIT 1)",
            [spec.images, spec.run_id],
        )
        return {uri for (uri,) in cur}
