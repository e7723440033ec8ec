"""Demonstration data: each plugin makes its own, through its own actions (hook `seed_demo`)."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import inspect

from kernel.db import Db, Origin

DemoSize = Literal["small", "large"]


class DemoStep(msgspec.Struct, frozen=True):
    """One step of the demonstration data.

    Args:
        name: `plugin.what`, shown while it runs.
        run: Makes the data in the transaction that it is given; does nothing if they are there already.
        notes: Lines to print when the server starts, such as unused codes.
        size: `large` for what is only made by `collegium seed-demo --size large`, after all that is small.
    """

    name: str
    run: Callable[[Db], Awaitable[None]]
    notes: Callable[[Db], Awaitable[Sequence[str]]] | None = None
    size: DemoSize = "small"

    @property
    def plugin(self) -> str:
        """The plugin whose data it makes."""
        return self.name.partition(".")[0]


class Load(msgspec.Struct, frozen=True):
    """Rows for a table.

    Args:
        table: The class of a tenant table.
        columns: Their names; the tenant is none of them.
        rows: A value for each column, as the driver takes it.
    """

    table: type[Any]
    columns: Sequence[str]
    rows: Iterable[Sequence[Any]]


async def copy_rows(db: Db, *loads: Load) -> None:
    """Load rows by COPY, all or none, into the tenant of a transaction that has written nothing yet.

    PostgreSQL refuses COPY under row-level security, so the operator's role loads them, in a transaction of its own
    that is bound to the tenant by the tables' defaults. No event tells of them, and no action has looked at them:
    this is for demonstrations and benchmarks.

    Raises:
        ValueError: Rows would choose their own tenant.
    """
    tenant_id = db.tenant_id
    await db.release()
    async with db.deployment.operator_session(None, "seed-demo") as operator:
        driver = await operator.driver()
        await driver.execute(Origin(tenant_id, request_id="seed-demo").prelude())
        for load in loads:
            if "tenant_id" in load.columns:
                raise ValueError("rows go to the tenant of the transaction")
            table = inspect(load.table).local_table
            await driver.copy_records_to_table(
                table.name, schema_name=table.schema, columns=list(load.columns), records=load.rows
            )
