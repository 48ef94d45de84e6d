"""Which errors mean that the warehouse's user lacks a right: no further try puts that right, a person does."""

from __future__ import annotations

import re
import sys
from typing import Any

from firstpass.errors import FirstpassError

GRANT = (
    "make this user the owner of the warehouse's tables (ALTER DATABASE … OWNER TO …, REASSIGN OWNED BY … TO …) and"
    " GRANT CREATE, USAGE ON SCHEMA public; `firstpass doctor` shows what it may do"
)
_VERB = re.compile(r"\s*([A-Za-z]+(?:\s+(?:TABLE|INTO|VIEW|INDEX|FUNCTION|OR REPLACE))?)")
_SEVERAL = re.compile(r";\s*\S")  # which of them was refused, only the server knows


def missing_right(error: BaseException) -> FirstpassError | None:
    """The error in a sentence that names the right, or None for one of another kind. Raises nothing.

    Great Expectations meets it wrapped by SQLAlchemy, which is looked beneath.
    """
    psycopg2: Any = sys.modules.get("psycopg2")
    sqlalchemy: Any = sys.modules.get("sqlalchemy.exc")
    if sqlalchemy and isinstance(error, sqlalchemy.DBAPIError) and error.orig is not None:
        error = error.orig
    if psycopg2 is None or not isinstance(error, psycopg2.Error) or error.pgcode != "42501":
        return None
    reason = str(error).strip().partition("\n")[0]
    doing = f" ({verb})" if (verb := _statement(error)) else ""
    return FirstpassError(f"the warehouse's user may not do what this needs{doing}: {reason}", GRANT)


def _statement(error: Any) -> str:
    """How the refused statement begins: the server names the table, not the right. Never its values."""
    query = (getattr(error.cursor, "query", None) or b"").decode("utf-8", "replace")
    found = None if _SEVERAL.search(query) else _VERB.match(query)
    return " ".join(found[1].upper().split()) if found else ""
