"""By which plans PostgreSQL would run what a big school asks of it: nothing reads a whole big table.

Each statement is recorded as ours sends it (`tape`), with its values, and explained as the role that sends it. A big
table that is read from end to end is named, and so is any table for which no index would do.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec

from benchmarks.tape import Step
from kernel.db import Origin
from kernel.settings import Settings

BIG_TABLE_ROWS = 10_000
"""A catalogue of 1,000 courses is no big table: its facets count all of it, once for everyone."""
_ROLES = ("database_url", "worker_database_url", "operator_database_url")
ALL_OF_IT = frozenset({"tenants"})
"""Tables without tenants' rows: what is told to each tenant, or asked of all, reads them whole."""


class Planner:
    """Explains statements of one tenant, each once for the same values."""

    def __init__(self, connections: Sequence["asyncpg.Connection[Any]"], origin: Origin, big: set[str]) -> None:
        self._connections = connections
        self._origin = origin
        self._big = big
        self._known: dict[str, list[str]] = {}

    @property
    def count(self) -> int:
        """How many statements there were."""
        return len(self._known)

    async def scans(self, name: str, steps: Sequence[Step]) -> list[str]:
        """Return what the statements behind a request read from end to end, a line each."""
        found = [table for step in steps for table in await self._whole_tables(step)]
        return [f"{name}: {table}" for table in dict.fromkeys(found)]

    async def _whole_tables(self, step: Step) -> list[str]:
        """Return the big tables that a statement reads whole, and those for which no index would do.

        Of the latter a small table is no excuse: among those of a thousand tenants, each tenant's rows must be found by
        an index, whatever PostgreSQL prefers here where one tenant has nearly all of them.
        """
        key = f"{step.sql} {step.arguments!r}"
        if key not in self._known:
            plan, by_index = await self._explained(step)
            read = [name for name in _scanned(plan) if name in self._big]
            lacking = dict.fromkeys(name for name in _scanned(by_index) if name not in {*read, *ALL_OF_IT})
            self._known[key] = read + [f"{name} by no index" for name in lacking]
        return self._known[key]

    async def _explained(self, step: Step) -> tuple[Any, Any]:
        """Return the plan of a statement, and that of a database where reading whole tables never pays."""
        for connection in self._connections[:-1]:
            try:
                return await _plans(connection, self._origin, step)
            except asyncpg.InsufficientPrivilegeError:
                # It is asked by somebody else: a worker, or an operator across tenants.
                continue
        return await _plans(self._connections[-1], self._origin, step)


@asynccontextmanager
async def planner(settings: Settings, origin: Origin) -> AsyncIterator[Planner]:
    """Give a planner for a database that has been filled and analysed."""
    connections = [await asyncpg.connect(getattr(settings, role).replace("+asyncpg", "")) for role in _ROLES]
    try:
        counted = await connections[0].fetch("SELECT relname, reltuples FROM pg_class WHERE relkind = 'r'")
        yield Planner(connections, origin, {row["relname"] for row in counted if row["reltuples"] > BIG_TABLE_ROWS})
    finally:
        for connection in connections:
            await connection.close()


async def _plans(connection: "asyncpg.Connection[Any]", origin: Origin, step: Step) -> tuple[Any, Any]:
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(origin.prelude())
        plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {step.sql}", *step.arguments)
        await connection.execute("SET LOCAL enable_seqscan = off")
        by_index = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {step.sql}", *step.arguments)
    finally:
        await transaction.rollback()
    return msgspec.json.decode(plan), msgspec.json.decode(by_index)


def _scanned(plan: Any) -> Iterator[str]:
    if isinstance(plan, list):
        for each in plan:
            yield from _scanned(each)
    elif isinstance(plan, dict):
        if plan.get("Node Type") == "Seq Scan":
            yield plan["Relation Name"]
        for each in plan.values():
            yield from _scanned(each)
