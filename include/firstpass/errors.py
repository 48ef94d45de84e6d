"""The one kind of error that a person is meant to read."""

NEEDS_A_PERSON = 2
"""The exit code of a command that ended with a FirstpassError: no further try would put that right."""

TRY_LATER = 75
"""The exit code of a command that ended with Unavailable: what it needs is away, or full (sysexits' EX_TEMPFAIL)."""


class FirstpassError(Exception):
    """Something that a person can fix.

    The message says what is wrong, naming the file, the row and the value; `fix` says what to do about it. The command
    line prints both and exits with 2; an Airflow task logs both and, but for `Unavailable`, fails without another try.
    Anything that is not a FirstpassError is either worth another try (a lost connection) or a defect, and keeps its
    traceback.
    """

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)  # both: an error that leaves a process is made again from its arguments
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.problem}\n  What to do: {self.fix}"


class Unavailable(FirstpassError):
    """Something that does not answer now, or is full now, but may do later.

    A task that meets it waits: see `firstpass.waiting`. The command line exits with 75.
    """


class WaitedInVain(Unavailable):
    """Something that was waited for as long as FIRSTPASS_WAIT_MINUTES allows: nobody waits for it a second time."""
