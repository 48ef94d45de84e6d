"""The local stack's secrets: generated at the first start, kept in var/ readable by their owner alone.

Nothing here is for production, which gives Airflow its secrets by environment. To rotate them, stop the stack, remove
var/secrets.json and start it; connections and variables that were saved in Airflow's UI must then be entered again.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from firstpass.errors import FirstpassError
from firstpass.stack.layout import Layout

ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What Airflow's processes must share, and the password of the UI's one user. Its repr shows none of it."""

    fernet_key: str = field(repr=False)
    jwt_secret: str = field(repr=False)
    api_secret_key: str = field(repr=False)
    admin_password: str = field(repr=False)


def passwords_file(where: Layout) -> Path:
    """The file that Airflow's SimpleAuthManager reads its users' passwords from."""
    return where.var / "passwords.json"


def make_secrets(where: Layout) -> Secrets:
    """The stack's secrets, generated if there are none yet. In the passwords file the admin's is made to match.

    Other people's stay as they are. Raises FirstpassError for a file of either kind that is damaged.
    """
    if not _file(where).exists():
        generated = Secrets(
            fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            jwt_secret=secrets.token_urlsafe(48),
            api_secret_key=secrets.token_urlsafe(48),
            admin_password=secrets.token_urlsafe(9),
        )
        write_private(_file(where), asdict(generated))
    kept = load_secrets(where)
    passwords = _passwords(passwords_file(where))
    if passwords.get(ADMIN) != kept.admin_password:
        write_private(passwords_file(where), passwords | {ADMIN: kept.admin_password})
    return kept


def load_secrets(where: Layout) -> Secrets:
    """The secrets of a stack that was started before. Raises FirstpassError when their file is missing or damaged."""
    try:
        return Secrets(**json.loads(_file(where).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise FirstpassError(
            f"{_file(where)} is missing or damaged ({type(error).__name__})",
            "run `firstpass down`, remove the file and run `firstpass up`: new secrets are generated, the data stays",
        ) from error


def _passwords(path: Path) -> dict[str, str]:
    """User → password, as Airflow and whoever added a user left them."""
    try:
        text = path.read_text(encoding="utf-8").strip()
        found = json.loads(text) if text else {}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _damaged_passwords(path, type(error).__name__) from error
    if not isinstance(found, dict):
        raise _damaged_passwords(path, f"a JSON object was expected, this is {type(found).__name__}")
    return found


def _damaged_passwords(path: Path, why: str) -> FirstpassError:
    return FirstpassError(
        f"{path} is damaged ({why})",
        "repair it, or remove it: the admin's password comes back, other people's have to be added again",
    )


def _file(where: Layout) -> Path:
    return where.var / "secrets.json"


def write_private(path: Path, content: Mapping[str, object]) -> None:
    """Write JSON, whole or not at all, mode 0600 from the first byte on (which is what mkstemp gives)."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
    Path(temporary).replace(path)
