"""What supervisord starts for each of Airflow's processes: `python -m firstpass.stack.child scheduler …`.

A process that was killed hard may leave children behind: the workers of a killed scheduler wait for work for ever. So
the one that takes its place first ends them, and then becomes `airflow scheduler …`. A task that is ended so is given
another try by Airflow.
"""

from __future__ import annotations

import os
import sys

from firstpass.stack import leftovers


def main() -> None:
    """End what the predecessor left, then be replaced by Airflow."""
    leftovers.end(leftovers.find(os.environ[leftovers.MARKER], os.environ["SUPERVISOR_PROCESS_NAME"]), patience=0)
    os.execv(sys.executable, [sys.executable, "-m", "airflow", *sys.argv[1:]])  # noqa: S606 - an argument list


if __name__ == "__main__":
    main()
