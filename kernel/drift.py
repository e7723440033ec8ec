"""How far a database differs from the table classes, told by PostgreSQL itself.

The declared tables are made in a scratch schema, with what their classes say of audit and rights, in a transaction
that is rolled back; then both are described by the catalogue in the same words. So a default, a check or a trigger
counts as much as a column. What holds for every table alike is `kernel.catalogue`.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, Table, text

from kernel.ddl import tenant_table_statements
from kernel.migrate import migrating
from kernel.revisions import MigrationChain
from kernel.tables import metadata

_DESCRIBE = text("""
    WITH tables AS (
        SELECT c.oid, c.relname, c.relacl FROM pg_catalog.pg_class c
        WHERE c.relnamespace = CAST(:schema AS regnamespace) AND c.relkind IN ('r', 'p')
          AND c.relname <> 'alembic_version')
    SELECT t.relname, 'the column ' || pg_catalog.quote_ident(a.attname) || ' '
        || pg_catalog.format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
        || coalesce(' DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid), '')
        || CASE a.attgenerated WHEN '' THEN '' ELSE ' GENERATED' END
        || CASE a.attidentity WHEN '' THEN '' ELSE ' IDENTITY' END
    FROM tables t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    UNION ALL
    SELECT t.relname, 'the constraint ' || c.conname || ' ' || pg_catalog.pg_get_constraintdef(c.oid)
    FROM tables t JOIN pg_catalog.pg_constraint c ON c.conrelid = t.oid AND c.contype IN ('c', 'f', 'p', 'u', 'x')
    UNION ALL
    SELECT t.relname, 'the index ' || pg_catalog.pg_get_indexdef(i.indexrelid)
    FROM tables t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.conindid = i.indexrelid AND c.conrelid = t.oid)
    UNION ALL
    SELECT t.relname, 'the trigger ' || pg_catalog.pg_get_triggerdef(g.oid)
    FROM tables t JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
    UNION ALL
    SELECT t.relname, 'the right ' || r.privilege_type || ' of ' || CAST(CAST(r.grantee AS regrole) AS text)
    FROM tables t CROSS JOIN LATERAL pg_catalog.aclexplode(t.relacl) r
    WHERE r.grantee = CAST('collegium_app' AS regrole)
""")
_OWN_TO_THE_KERNEL = ("the trigger ", "the right ")
"""What the kernel's tables have otherwise than all others; the catalogue check knows their rights one by one."""

Description = set[tuple[str, str]]


async def drift(url: str, chains: Iterable[MigrationChain]) -> list[str]:
    """Return how the database differs from the table classes, a sentence a difference.

    Args:
        url: The owner role's address.
        chains: Of the schemas to compare; their table classes are imported.
    """
    found: list[str] = []
    async with migrating(url) as connection:
        for chain in chains:
            found += await connection.run_sync(_differences, chain.schema)
            await connection.rollback()
    return found


def _differences(connection: Connection, schema: str) -> list[str]:
    actual = _describe(connection, schema)
    declared = _declared(connection, schema)
    if schema == "kernel":
        actual = {line for line in actual if not line[1].startswith(_OWN_TO_THE_KERNEL)}
        declared = {line for line in declared if not line[1].startswith(_OWN_TO_THE_KERNEL)}
    tables, classes = ({table for table, _ in lines} for lines in (actual, declared))
    return [
        *(f"{schema}.{table}: the database lacks the table." for table in sorted(classes - tables)),
        *(f"{schema}.{table}: no class declares the table." for table in sorted(tables - classes)),
        *(
            f"{schema}.{table}: the database lacks {what}."
            for table, what in sorted(declared - actual)
            if table in tables
        ),
        *(
            f"{schema}.{table}: no class declares {what}."
            for table, what in sorted(actual - declared)
            if table in classes
        ),
    ]


def _declared(connection: Connection, schema: str) -> Description:
    scratch = f"{schema}__declared"
    tables = [table for table in metadata.sorted_tables if table.schema == schema]
    connection.exec_driver_sql(f'CREATE SCHEMA "{scratch}"')
    connection.execution_options(schema_translate_map={schema: scratch})
    metadata.create_all(connection, tables=tables, checkfirst=False)
    for table in tables:
        for statement in _securing(table, scratch):
            connection.exec_driver_sql(statement)
    return {(table, what.replace(f"{scratch}.", f"{schema}.")) for table, what in _describe(connection, scratch)}


def _securing(table: Table, schema: str) -> list[str]:
    if "audited" not in table.info:
        return []
    return tenant_table_statements(
        f"{schema}.{table.name}",
        audited=table.info["audited"],
        append_only=table.info["append_only"],
        secret=[column.name for column in table.columns if column.info.get("secret")],
    )


def _describe(connection: Connection, schema: str) -> Description:
    # With nothing to search, every name in the catalogue's words carries its schema.
    connection.exec_driver_sql("SET LOCAL search_path = ''")
    return {(row[0], row[1]) for row in connection.execute(_DESCRIBE, {"schema": schema})}
