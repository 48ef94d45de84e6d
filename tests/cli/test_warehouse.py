from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from firstpass.cli.exit_codes import NEEDS_A_PERSON
from firstpass.errors import FirstpassError
from firstpass.warehouse.migration import migrations
from fixtures.made_up_runs import query, row
from fixtures.servers import administer

FIRSTPASS = Path(sys.executable).with_name("firstpass")
OLD = Path(__file__).parents[1] / "warehouse" / "release_0_1_0" / "warehouse.sql"


def test_a_warehouse_moves_to_another_server(
    call, warehouse, finished_run, elsewhere, new_database, use_warehouse, home
):
    """The two commands of the guide."""
    finished_run([row(f"file:///{n}.jpg") for n in range(5)])
    done = call("warehouse", "backup", home / "warehouse.dump")
    assert done.exit_code == 0, done.output
    assert f"schema {max(migrations())}" in done.stdout
    use_warehouse(new_database(elsewhere))
    done = call("warehouse", "restore", home / "warehouse.dump")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{home / 'warehouse.dump'} was restored.\n"
    assert "toy@0123456789ab" in call("quality", "history").stdout


def test_answers_for_scripts(call, warehouse_dsn, new_database, use_warehouse, home):
    made = json.loads(call("warehouse", "backup", home / "w.dump", "--json").stdout)
    assert made["schema"] == max(migrations())
    assert made["bytes"] == (home / "w.dump").stat().st_size
    assert made["release"]
    use_warehouse(new_database())
    back = json.loads(call("warehouse", "restore", home / "w.dump", "--json").stdout)
    assert (back["schema_in_file"], back["schema"]) == (max(migrations()), max(migrations()))


def test_what_is_no_backup_starts_no_server(call, home, monkeypatch):
    from firstpass.cli import stack

    monkeypatch.setattr(stack.control, "serve_postgres", lambda _: pytest.fail("a server was started"))
    (home / "file").write_text("nothing")
    result = call("warehouse", "restore", home / "file")
    assert isinstance(result.exception, FirstpassError)
    assert "not a backup" in str(result.exception)


def test_a_warehouse_of_0_1_0_is_upgraded(call, new_database, use_warehouse):
    """The one line of the guide, for a warehouse on a server of one's own."""
    import psycopg2

    dsn = use_warehouse(new_database())
    from firstpass.warehouse.client_programs import newest

    psql = [newest("psql"), "--quiet", "--set=ON_ERROR_STOP=1", "--file", OLD, dsn]
    subprocess.run(psql, check=True, stdout=subprocess.DEVNULL)
    done = call("warehouse", "upgrade")
    assert f"schema {max(migrations())}, that of Firstpass" in done.stdout
    assert call("warehouse", "upgrade", "--json").exit_code == 0
    conn = psycopg2.connect(dsn)
    assert query(conn, "SELECT count(*) FROM run_images") > [(0,)]
    conn.close()


@pytest.mark.parametrize(
    ("arguments", "table"),
    [
        (["quality", "history"], "runs"),
        (["export", "--run", "latest", "--format", "coco", "--out", "out"], "runs"),
        (["report", "latest"], "runs"),
        (["models", "prune", "--keep", "1"], "runs"),
        (["cvat", "publish", "latest"], "runs"),
        (["warehouse", "backup", "w.dump"], "runs"),
    ],
)
def test_every_command_says_which_right_is_missing(lesser_user, warehouse_dsn, home, arguments, table):
    dsn = lesser_user("GRANT SELECT ON schema_migrations TO {}")
    done = subprocess.run(
        [FIRSTPASS, *arguments],
        env=os.environ | {"FIRSTPASS_WAREHOUSE_DSN": dsn, "FIRSTPASS_HOME": str(home)},
        cwd=home, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == NEEDS_A_PERSON, done.stderr
    assert "permission denied for table" in done.stderr
    assert "What to do: make this user the owner" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_upgrade_without_rights_says_so(call, lesser_user, warehouse_dsn, use_warehouse):
    administer(warehouse_dsn, "DELETE FROM schema_migrations WHERE version = 72")
    try:
        use_warehouse(lesser_user("GRANT SELECT ON schema_migrations TO {}"))
        result = call("warehouse", "upgrade")
        from firstpass.cli.endings import explain

        assert "must be owner of table chunks" in explain(result.exception).problem
    finally:
        administer(warehouse_dsn, "INSERT INTO schema_migrations VALUES (72, '0072_partial_chunks.sql')")
