"""Model versions as the warehouse remembers them, refused ones too."""

from __future__ import annotations

from psycopg2.extensions import connection, cursor
from psycopg2.extras import Json, execute_values

from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.contracts.model_version import ModelVersion
from firstpass.warehouse.connection import transaction


def record_model(conn: connection, version: ModelVersion) -> None:
    """Record a model version and its class table. Admitted ones never change; a refused one may be decided again."""
    with transaction(conn) as cur:
        insert_model(cur, version)


def insert_model(cur: cursor, version: ModelVersion) -> None:
    """`record_model` inside the caller's transaction."""
    cur.execute(
        "INSERT INTO models (model, name, version, kind, source, threshold, floor, admitted, reasons, options,"
        " decided_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (model) DO UPDATE SET source = excluded.source, threshold = excluded.threshold,"
        " admitted = excluded.admitted, reasons = excluded.reasons, options = excluded.options,"
        " decided_at = excluded.decided_at WHERE NOT models.admitted",
        [
            version.ref,
            version.name,
            version.version,
            str(version.kind),
            version.source,
            version.threshold,
            version.floor,
            version.admitted,
            Json(list(version.reasons)),
            Json(version.options) if version.options is not None else None,
            version.decided_at,
        ],
    )
    execute_values(
        cur,
        "INSERT INTO classes (model, class_id, name) VALUES %s ON CONFLICT DO NOTHING",
        [(version.ref, c.id, c.name) for c in version.classes.classes],
    )


def models_in_use(conn: connection) -> set[str]:
    """`name@version` of every run in progress: open ones, and those that failed within a day and may be tried again."""
    with transaction(conn) as cur:
        cur.execute(
            "SELECT DISTINCT model FROM runs WHERE model IS NOT NULL AND (state = 'running'"
            " OR (state = 'failed' AND finished_at > now() - interval '1 day'))"
        )
        return {str(row[0]) for row in cur.fetchall()}


def class_table(conn: connection, model: str) -> ClassTable:
    """The classes of a model version (`name@version`); empty for one that the warehouse does not know."""
    with transaction(conn) as cur:
        cur.execute("SELECT class_id, name FROM classes WHERE model = %s ORDER BY class_id", [model])
        return ClassTable(tuple(ModelClass(*row) for row in cur))
