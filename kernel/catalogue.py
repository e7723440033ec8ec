"""Whether a database keeps tenants apart: what PostgreSQL's own catalogue says of tables, keys, rights and roles.

Walks every schema, so it knows the tables of any plugin; the questions stand in `catalogue.sql`. What a table has
besides is its class's business (`kernel.drift`).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import asyncpg

Rights = Mapping[str, frozenset[str]]

_READ = frozenset({"SELECT"})
_ADD = frozenset({"INSERT"})
_CHANGE = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
_APP, _OPERATOR, _WORKER = "collegium_app", "collegium_operator", "collegium_worker"

TENANTLESS: Mapping[str, Rights] = {
    "kernel.tenants": {_OPERATOR: _CHANGE},
    "kernel.tenant_hosts": {_OPERATOR: _CHANGE},
    "queue.pgqueuer": {_APP: _ADD, _OPERATOR: _ADD, _WORKER: _CHANGE},
    "queue.pgqueuer_log": {_WORKER: _CHANGE},
    "queue.pgqueuer_schedules": {_WORKER: _CHANGE},
    "queue.pgqueuer_statistics": {_WORKER: _CHANGE},
}
"""The tables without a tenant, a closed list, and who may do what with each; besides them each version table."""
_VERSION_TABLE: Rights = {_APP: _READ, _OPERATOR: _READ}
_TENANT_TABLE: Rights = {_APP: _CHANGE, _OPERATOR: _CHANGE}
_APPEND_ONLY_TABLE: Rights = {_APP: _READ | _ADD, _OPERATOR: _CHANGE}
_OUTBOX: Rights = {_APP: _ADD, _OPERATOR: _CHANGE, _WORKER: _CHANGE - _ADD}
_COLUMN_RIGHTS = frozenset(
    ("queue.pgqueuer", column, role, "SELECT")
    for role in (_APP, _OPERATOR)
    for column in ("id", "entrypoint", "priority", "dedupe_key")
)

_CONDITION = "(tenant_id = (NULLIF(current_setting('app.tenant'::text, true), ''::text))::uuid)"
_TENANT_POLICY = ("tenant", "PERMISSIVE", "ALL", "public", _CONDITION, _CONDITION)
_SECOND_POLICIES = {
    "kernel.outbox": ("worker", "PERMISSIVE", "ALL", _WORKER, "true", "true"),
    "kernel.audit_logs": ("cascades", "PERMISSIVE", "INSERT", "collegium_owner", None, "true"),
}

_TABLES = "SELECT name, oid IN (SELECT oid FROM tenant_tables) FROM tables ORDER BY name"
_POLICIES = """
    SELECT t.name, p.policyname, p.permissive, p.cmd, array_to_string(p.roles, ','), p.qual, p.with_check
    FROM tenant_tables t JOIN pg_policies p ON p.schemaname || '.' || p.tablename = t.name ORDER BY 1, 2
"""
_RIGHTS = """
    SELECT o.name, o.relkind = 'S', coalesce(nullif(r.grantee, 0)::regrole::text, 'everybody'),
           array_agg(r.privilege_type), bool_or(r.is_grantable)
    FROM ours o CROSS JOIN LATERAL aclexplode(o.relacl) r
    WHERE r.grantee <> o.relowner GROUP BY 1, 2, 3 ORDER BY 1, 3
"""
_RIGHTS_ON_COLUMNS = """
    SELECT o.name, a.attname, coalesce(nullif(r.grantee, 0)::regrole::text, 'everybody'), r.privilege_type
    FROM ours o JOIN pg_attribute a ON a.attrelid = o.oid CROSS JOIN LATERAL aclexplode(a.attacl) r
    ORDER BY 1, 2, 3, 4
"""


async def catalogue_problems(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    """Return a sentence for each thing by which a tenant could reach another's rows; nothing if all is well.

    Args:
        connection: Any role's; the catalogue is open to all.
    """
    ours, *questions = Path(__file__).with_suffix(".sql").read_text().split("\n;\n")

    async def ask(question: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await connection.fetch(f"{ours}\n{question}", list(TENANTLESS))]

    tables: dict[str, bool] = dict(await ask(_TABLES))
    return [
        *[sentence for question in questions for (sentence,) in sorted(await ask(question))],
        *_policy_problems((name for name, is_tenants in tables.items() if is_tenants), await ask(_POLICIES)),
        *_right_problems(tables, await ask(_RIGHTS)),
        *[
            f"{name}: {role} has the right {right} on the column {column}."
            for name, column, role, right in await ask(_RIGHTS_ON_COLUMNS)
            if (name, column, role, right) not in _COLUMN_RIGHTS
        ],
    ]


def _policy_problems(tables: Iterable[str], policies: Iterable[tuple[Any, ...]]) -> Iterable[str]:
    found: dict[str, list[tuple[Any, ...]]] = {name: [] for name in tables}
    for name, *words in policies:
        found[name].append(tuple(words))
    for name, those in found.items():
        expected = [_TENANT_POLICY, *([_SECOND_POLICIES[name]] if name in _SECOND_POLICIES else [])]
        for policy in expected:
            if policy not in those:
                yield f"{name}: the policy {policy[0]} is missing or is not as it should be."
        for policy in those:
            if policy not in expected:
                yield f"{name}: the policy {policy[0]} is none of those that the table should have."


def _right_problems(tables: Mapping[str, bool], rights: Iterable[tuple[Any, ...]]) -> Iterable[str]:
    found: dict[str, dict[str, frozenset[str]]] = {name: {} for name in tables}
    for name, is_sequence, role, those, is_grantable in rights:
        if is_grantable:
            yield f"{name}: {role} may hand its rights on."
        if name in found:
            found[name][role] = frozenset(those)
        elif not (is_sequence and those == ["USAGE"] and name.startswith("queue.")):
            yield f"{name}: {role} has {', '.join(sorted(those))}."
    for name, roles in found.items():
        choices = _expected(name, is_tenants=tables[name])
        if roles not in choices:
            yield f"{name}: {_described(roles)}; it should be: {_described(choices[0])}."


def _expected(name: str, *, is_tenants: bool) -> list[Rights]:
    if name in TENANTLESS:
        return [TENANTLESS[name]]
    if not is_tenants:
        return [_VERSION_TABLE]
    if name == "kernel.outbox":
        return [_OUTBOX]
    return [_APPEND_ONLY_TABLE] if name == "kernel.audit_logs" else [_TENANT_TABLE, _APPEND_ONLY_TABLE]


def _described(roles: Rights) -> str:
    return "; ".join(f"{role} has {', '.join(sorted(rights))}" for role, rights in sorted(roles.items())) or "no rights"
