"""The SQL that looks whether a warehouse has rows, and that removes its empty tables to make room for others."""

from __future__ import annotations

from firstpass.warehouse.migration import LOCK

NOT_EMPTY = "firstpass-not-empty:"
"""How REFUSE_ROWS begins what it raises; the tables follow, in words."""

# What an extension brought is left alone everywhere.
_OWN = """n.nspname = current_schema() AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.objid = o.oid AND d.deptype = 'e')"""

REFUSE_ROWS = f"""
DO $firstpass$
DECLARE
    each regclass;
    kind "char";
    found boolean;
    full_tables text[] := '{{}}';
BEGIN
    PERFORM pg_advisory_xact_lock({LOCK});  -- nobody migrates meanwhile
    FOR each, kind IN
        SELECT o.oid, o.relkind FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace
        WHERE {_OWN} AND o.relkind IN ('r', 'p', 'f', 'm', 'v', 'S') AND NOT o.relispartition ORDER BY o.relname
    LOOP
        IF to_regclass('schema_migrations') IS NULL THEN
            RAISE EXCEPTION '{NOT_EMPTY} tables that are not a warehouse''s, % for one', each;
        END IF;
        CONTINUE WHEN kind IN ('v', 'S') OR each = to_regclass('schema_migrations');
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', each);
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', each) INTO found;
        IF found THEN
            full_tables := full_tables || each::text;
        END IF;
    END LOOP;
    IF full_tables <> '{{}}' THEN
        RAISE EXCEPTION '{NOT_EMPTY} rows in %', array_to_string(full_tables, ', ');
    END IF;
END
$firstpass$"""  # noqa: S608 - constants
"""Locks the tables until the transaction ends, and raises an exception where one has rows, or is no warehouse's."""

DROP = f"""
SET client_min_messages = warning;
DO $firstpass$
DECLARE
    statement text;
BEGIN
    IF to_regclass('schema_migrations') IS NULL THEN
        RETURN;  -- no table is here, and whose functions these are is not known
    END IF;
    FOR statement IN SELECT unnest(ARRAY(  -- all of them, before the first is gone
        SELECT format('DROP %s IF EXISTS %s CASCADE',
            CASE o.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
            WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, o.oid::regclass)
        FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace
        WHERE {_OWN} AND o.relkind IN ('r', 'p', 'f', 'm', 'v', 'S')
        UNION ALL
        SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', o.oid::regprocedure)
        FROM pg_proc o JOIN pg_namespace n ON n.oid = o.pronamespace WHERE {_OWN}
    )) LOOP
        EXECUTE statement;
    END LOOP;
END
$firstpass$"""  # noqa: S608 - constants
"""Removes an empty warehouse's tables, and every view, sequence and function of its schema, a person's own included.
After REFUSE_ROWS, in the same transaction; where there is no warehouse it removes nothing."""
