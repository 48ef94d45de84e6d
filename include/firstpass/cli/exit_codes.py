"""What a command's exit code means. The reference in docs/ has this table."""

from __future__ import annotations

from firstpass.errors import NEEDS_A_PERSON, TRY_LATER

INCOMPLETE = 1
DOWN = 3  # what `systemctl status` exits with for a unit that does not run
INTERRUPTED = 130
TERMINATED = 143

EXIT_CODES = {
    0: "What was asked for is done.",
    INCOMPLETE: "It was tried, and failed or is incomplete: a run that failed or has failed images, a refused model, a"
    " task that was not published, an image that could not be read. Also a defect of Firstpass, with its traceback.",
    NEEDS_A_PERSON: "It cannot be done as asked, and no further try changes that: a wrong option or setting, no"
    " credentials, a stack that is in use with other settings. Two lines say what is wrong and what to do."
    " From `doctor`: there is a problem.",
    DOWN: "`status` alone: the stack is not up, or not all of it.",
    TRY_LATER: "What it needs does not answer, or is full: object storage, the warehouse, CVAT, Airflow's API, a disk."
    " The same command may do later. After `run`, the run itself may continue; the message says so.",
    INTERRUPTED: "Interrupted with Ctrl-C. A run that was being watched continues.",
    TERMINATED: "`infer` was ended with SIGTERM. What is finished is kept, and the same command continues there.",
}
"""Exit code → meaning. `firstpass airflow` and `firstpass sql` pass on the codes of Airflow and psql."""
