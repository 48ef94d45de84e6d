"""The list of runs in Airflow's UI with 1,000 runs in the warehouse: how long an answer takes.

    python benchmarks/run_list.py [--runs 1000] [--requests 100]

The page as Airflow serves it, asked over HTTP on a real socket, login left out: the newest runs, a search, and the
last page, in turns; medians. Each answer opens a connection to the warehouse of its own. Beside it: the counts of the
same page read from the outcomes of the images (100 per run here) instead of the table kept for it. The target is
200 ms.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time

import httpx
import made_up
import uvicorn

from firstpass.contracts.verdict import CheckResult, CheckState, QualityVerdict
from firstpass.report.web import application
from firstpass.warehouse.runs import begin_run
from firstpass.warehouse.verdicts import store_verdict as store

PAGES = {"newest first": "/", "a search": "/?q=warnings", "the last page": "/?page=19"}
COUNTED = "SELECT * FROM run_statistics ORDER BY started_at DESC LIMIT 50"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=100)
    arguments = parser.parse_args()
    with made_up.warehouse() as (_, conn):
        for number in range(arguments.runs):
            fill(conn, number)
        with conn, conn.cursor() as cursor:
            cursor.execute("ANALYZE")
        seconds: dict[str, list[float]] = {name: [] for name in (*PAGES, "counted from the outcomes")}
        with serving() as client:
            for number in range(arguments.requests + 1):
                for name, path in PAGES.items():
                    started = time.perf_counter()
                    assert client.get(path).status_code == 200
                    if number:  # the first warms up
                        seconds[name].append(time.perf_counter() - started)
                started = time.perf_counter()
                with conn, conn.cursor() as cursor:
                    cursor.execute(COUNTED)
                    cursor.fetchall()
                seconds["counted from the outcomes"].append(time.perf_counter() - started)
    for name, each in seconds.items():
        each.sort()
        median, most = statistics.median(each) * 1000, each[len(each) * 95 // 100] * 1000
        print(f"{name:26} median {median:6.1f} ms, 95 % {most:6.1f} ms")


def fill(conn, number: int) -> None:
    """A run of 100 images with its 25 results."""
    spec = made_up.run_of(number)
    begin_run(conn, spec, made_up.VERSION)
    with conn, conn.cursor() as cursor:
        cursor.execute(
            "INSERT INTO outcomes (run_id, uri, outcome, detections)"
            " SELECT %s, 'file:///photos/' || n, 'ok', 7 FROM generate_series(1, 100) AS n",
            [spec.run_id],
        )
    first = CheckState.HOLDS if number % 7 else CheckState.FAILS
    store(
        conn,
        QualityVerdict(
            spec.run_id,
            tuple(
                CheckResult("run", f"rule {n}", "warning", state, "0", 0.1, "s")
                for n, state in enumerate([first, *24 * [CheckState.HOLDS]])
            ),
        ),
    )


class serving:  # noqa: N801 - used like a function
    """The pages on a socket of their own."""

    def __enter__(self) -> httpx.Client:
        self.server = uvicorn.Server(uvicorn.Config(application([]), port=0, log_level="error"))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.05)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60)
        return self.client

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.server.should_exit = True
        self.thread.join()


if __name__ == "__main__":
    main()
