"""Where the local stack keeps things, and the lock that lets only one command at a time change it."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from firstpass.errors import FirstpassError
from firstpass.settings import home, settings

# sun_path holds 107 bytes; supervisord binds a longer, temporary name beside its socket's own first.
_LONGEST_SOCKET_FOLDER = 107 - len("/supervisor.sock.4194304")
_INSTANCE = re.compile(r"[0-9a-f]{8}")
_PLAIN = re.compile(r"[A-Za-z0-9/._-]+")
_COMMENT = re.compile(r"\s[;#]|[\r\n]")  # where supervisord's configuration would end a path


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders and files of one stack.

    home: the project's folder. instance: eight random hex digits, made at the first start and kept in var/, so that a
    new clone at the path of an old one never meets the old one's data. as_root: PostgreSQL refuses to run as root, so
    under root it gets a user of its own and a folder outside of home, whose parents may be closed to that user.
    """

    home: Path
    instance: str
    as_root: bool

    @property
    def var(self) -> Path:
        """What the stack generates; ignored by git."""
        return self.home / "var"

    @property
    def logs(self) -> Path:
        """One rotated log a process. Task logs lie elsewhere: in logs/, where Airflow puts them."""
        return self.var / "log"

    @property
    def runtime(self) -> Path:
        """Sockets: var/run, or a private folder in /tmp where that path is too long or too odd for a socket."""
        folder = self.var / "run"
        fits = len(os.fsencode(folder)) <= _LONGEST_SOCKET_FOLDER and _PLAIN.fullmatch(str(folder))
        return folder if fits else Path("/tmp") / f"firstpass-{self.instance}"  # noqa: S108 - unguessable and checked

    @property
    def postgres(self) -> Path:
        """PostgreSQL's own folder: var/postgres, as root /var/lib/firstpass/INSTANCE."""
        return Path("/var/lib/firstpass") / self.instance if self.as_root else self.var / "postgres"

    @property
    def postgres_socket(self) -> Path:
        """The folder of PostgreSQL's socket."""
        return self.postgres / "run" if self.as_root else self.runtime

    @property
    def supervisor_socket(self) -> Path:
        """Where supervisord listens for commands."""
        return self.runtime / "supervisor.sock"

    @property
    def supervisor_config(self) -> Path:
        """supervisord's generated configuration."""
        return self.var / "supervisord.conf"

    @property
    def started_with(self) -> Path:
        """What the running stack was started with; see `stack.started_with`."""
        return self.var / "started-with"

    def prepare(self) -> None:
        """Make the folders, closed to other users. Raises FirstpassError where that is not possible."""
        if _COMMENT.search(str(self.home)):
            raise FirstpassError(
                f"the path {str(self.home)!r} cannot be written into supervisord's configuration",
                "move the project to a folder without ' ;', ' #' and line breaks in its path",
            )
        try:
            for folder in (self.logs, self.runtime):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                if folder.stat().st_uid != os.geteuid():
                    raise PermissionError(1, "belongs to somebody else", str(folder))
                folder.chmod(0o700)
            for folder in self._photographs():
                close_to_others(folder)
        except OSError as error:
            raise _unwritable(self.home, error) from error

    def _photographs(self) -> list[Path]:
        """The folders with what comes of photographs: closing them closes all that is below. Where storage is a folder
        of the person's own, what Firstpass makes in it."""
        storage = Path(settings().storage)
        ours = [] if "://" in settings().storage or storage.is_relative_to(self.var) else [storage / "runs"]
        return [self.var, self.home / "logs", *ours]


def close_to_others(folder: Path) -> None:
    """Make the folder if there is none, and take away whatever other users may do in it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o007:
        folder.chmod(mode & ~0o007)


def started_before() -> bool:
    """Whether this project's stack was ever started."""
    return bool(_instance())


def layout() -> Layout:
    """This project's layout. Raises FirstpassError when the stack was never started here."""
    instance = _instance()
    if not instance:
        raise FirstpassError("the local stack was never started here", "start it with `firstpass up`")
    return Layout(home().resolve(), instance, as_root=os.geteuid() == 0)


def make_layout() -> Layout:
    """This project's layout, its instance id and folders made if need be. Call it under `lock`."""
    if not started_before():
        try:
            draft = home() / "var" / "instance.new"
            draft.write_text(secrets.token_hex(4) + "\n", encoding="ascii")
            draft.replace(home() / "var" / "instance")
        except OSError as error:
            raise _unwritable(home(), error) from error
    made = layout()
    made.prepare()
    return made


def _instance() -> str:
    try:
        text = (home() / "var" / "instance").read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
    return text if _INSTANCE.fullmatch(text) else ""


@contextmanager
def lock(say: Callable[[str], None]) -> Iterator[None]:
    """Hold the right to start or stop the stack; another command that holds it is waited for.

    The kernel gives the lock back when its holder dies, however it dies.
    """
    path = home() / "var" / "stack.lock"
    try:
        close_to_others(path.parent)
        file = path.open("w")
    except OSError as error:
        raise _unwritable(home(), error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another firstpass command that starts or stops the stack")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unwritable(folder: Path, error: OSError) -> FirstpassError:
    return FirstpassError(
        f"cannot keep the stack's state in {folder / 'var'}: {error.filename}: {error.strerror}",
        "make the project's folder writable, or name another one in FIRSTPASS_HOME",
    )
