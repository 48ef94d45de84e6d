"""300 random kills and faults over nights with images from a folder, S3 and CVAT: what is lost, doubled or untrue?

    python benchmarks/storm.py [--kills 300] [--seed 1] [--state FOLDER] [--chance 0.5] [--real]

Night follows night over three sources that change by day: a folder, a bucket and a CVAT project whose drafts are
published and corrected by a person. The functions of the DAGs run in processes of their own, in the DAGs' order and
with their retries, against a real PostgreSQL and the default model, over an S3 server and a CVAT double on sockets.
In about every second try something is hit at a random moment: the task, `firstpass infer`, all of them, PostgreSQL or
one of its sessions get SIGKILL; S3 or CVAT are away, slow, refuse, or cut their answers; the folder is gone or closed,
storage is full or read-only. Some pictures are none, some kill the process that infers them.

After each night everything is counted from outside: the sources as the storm made them beside the raw tables, each
prediction beside one of an undisturbed network, the shapes in CVAT beside the predictions. Exits with 1 and says what
broke if anything did; a violation is reproduced with the same seed up to its night, as far as moments can be.

--real does the same with Airflow, LocalExecutor and all that `firstpass up` starts: whatever runs may be killed.

Interrupt it whenever you like: called again with the same state it goes on after the last whole night.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "include"))

from night_storm.going import storm
from night_storm.journal import summary
from night_storm.places import ROOT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300, help="kills and faults in total")
    parser.add_argument("--seed", type=int, default=1, help="of a new storm; one that goes on keeps its own")
    parser.add_argument("--state", type=Path, help="folder; var/storm, or var/storm-real")
    parser.add_argument("--chance", type=float, default=0.5, help="of a fault in each try")
    parser.add_argument("--real", action="store_true", help="kill the processes of a real stack instead")
    asked = parser.parse_args()
    state = asked.state or ROOT / "var" / ("storm-real" if asked.real else "storm")
    with storm(state.resolve(), asked.seed, asked.real) as going:
        while going.journal.hits < asked.kills:
            going.night(asked.kills, asked.chance)
        going.night(0, 0.0)  # a calm one: after it nothing may be left undone
    print(summary(going.journal))
    sys.exit(1 if going.journal.violations else 0)


if __name__ == "__main__":
    main()
