"""How fast chunks of earlier runs really were."""

from __future__ import annotations

from psycopg2.extensions import connection

from firstpass.chunks.cost_model import Measured
from firstpass.chunks.profiles import machine_of
from firstpass.warehouse.connection import transaction

_IMAGES = 100  # a shorter chunk is mostly start and end
_CHUNKS = 200  # the newest count; what was long ago was another machine


def measured(conn: connection, model: str) -> Measured:
    """The rates that chunks of this model version reached, by machine profile: asked for once, here.

    Of each machine the median of its newest chunks, with the mean size of their images. Devices are never mixed: where
    two are of one profile, the one that was used last counts; a chunk whose device is unknown, or that ran on the CPU
    though a GPU was asked for, teaches nothing.
    """
    with transaction(conn) as cur:
        cur.execute(
            "SELECT device, percentile_cont(0.5) WITHIN GROUP (ORDER BY rate), avg(pixels) FROM ("
            "  SELECT c.marker ->> 'device' AS device, (c.marker ->> 'images_per_second')::float8 AS rate,"
            "         (c.marker ->> 'pixels')::float8 AS pixels, c.changed_at"
            "  FROM chunks c JOIN runs r USING (run_id)"
            "  WHERE r.model = %s AND c.state = 'merged' AND (c.marker ->> 'images_per_second')::float8 > 0"
            "    AND (c.marker ->> 'pixels')::float8 > 0 AND c.marker ->> 'device' IS NOT NULL"
            "    AND (c.marker ->> 'device' <> 'cpu' OR COALESCE((c.marker ->> 'gpus_asked')::integer, 0) = 0)"
            "    AND c.images - COALESCE((c.marker ->> 'resumed')::integer, 0) >= %s"
            "  ORDER BY c.changed_at DESC LIMIT %s) AS newest GROUP BY device ORDER BY max(changed_at)",
            [model, _IMAGES, _CHUNKS],
        )
        rates = {(model, machine_of(device)): (rate, pixels) for device, rate, pixels in cur}
    return lambda model, machine: rates.get((model, machine))
