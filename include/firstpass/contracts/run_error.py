"""What a failed stage leaves word of: the file error.json in the run's folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from firstpass import storage
from firstpass.contracts.run_spec import run_folder
from firstpass.errors import FirstpassError, Unavailable


@dataclass(frozen=True, slots=True)
class RunError:
    """The stage that failed, what is wrong, and what to do about it.

    transient: the same run may go well another time, though nobody changes anything: it was killed, say, or storage was
    away.
    """

    stage: str
    problem: str
    fix: str
    transient: bool = False

    @classmethod
    def of(cls, stage: str, error: Exception) -> RunError:
        """From what a stage raised."""
        if isinstance(error, FirstpassError):
            return cls(stage, error.problem, error.fix, isinstance(error, Unavailable))
        return cls(stage, f"{type(error).__name__}: {error}", "see the log of this task; it is tried again", True)

    @classmethod
    def killed(cls, stage: str) -> RunError:
        """For a task that raised nothing, though it failed."""
        return cls(
            stage,
            f"the task {stage} left no word of why it failed: it was killed at its last try, for want of memory for"
            " example, or its time was up",
            "see the log of this task in Airflow, then clear it there with what follows it: what is finished is kept",
            transient=True,
        )

    def save(self, run_id: str) -> None:
        """Write it down, in place of an earlier one."""
        storage.write(_uri(run_id), json.dumps(asdict(self)).encode())

    @classmethod
    def load(cls, run_id: str) -> RunError | None:
        """What the run's last failure said; None where there is none, or nothing that can be read."""
        try:
            return cls(**json.loads(storage.read(_uri(run_id))))
        except (OSError, FirstpassError, ValueError, TypeError):
            return None

    @staticmethod
    def clear(run_id: str) -> None:
        """Take it away: another try has begun."""
        storage.delete(_uri(run_id))


def _uri(run_id: str) -> str:
    return storage.join(run_folder(run_id), "error.json")
