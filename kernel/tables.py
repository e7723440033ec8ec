"""Table classes: one metadata, a schema a plugin, a tenant in every primary key.

What the database adds to a table (row-level security, rights, triggers) is made by its migration, through
`kernel.migrate.secure_tenant_table`; transactions stand in `kernel.db`.
"""

import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from kernel.ids import new_id

CURRENT_TENANT = "nullif(current_setting('app.tenant', true), '')::uuid"
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class TenantTable(DeclarativeBase):
    """Base of every table of a plugin; made for one schema by `table_base`."""

    __abstract__ = True
    metadata = metadata
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        datetime: DateTime(timezone=True),
        UUID: Uuid(),
        dict[str, Any]: JSONB(),
        list[str]: ARRAY(Text()),
    }

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text(CURRENT_TENANT), sort_order=-4)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, sort_order=-3)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), sort_order=-2)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), sort_order=-1)


def table_base(schema: str) -> type[TenantTable]:
    """Return the base class of one plugin's tables: key `(tenant_id, id)`, times, the plugin's schema.

    Args:
        schema: The plugin's name.
    """

    class Base(TenantTable):
        __abstract__ = True
        __table_args__: Any = {"schema": schema}

        def __init_subclass__(cls, **keywords: Any) -> None:
            own = cls.__dict__.get("__table_args__", ())
            extra = own if isinstance(own, tuple) else ()
            cls.__table_args__ = (*extra, {"schema": schema, "info": {"file": cls.__module__}})
            super().__init_subclass__(**keywords)

    return Base


def tenant_reference(column: str, target: str, *, ondelete: str = "CASCADE") -> ForeignKeyConstraint:
    """Return the foreign key `(tenant_id, column) -> target (tenant_id, id)`.

    Args:
        column: The column that holds the other row's id.
        target: `schema.table`, also of another plugin.
        ondelete: `CASCADE`, `RESTRICT`, or `SET NULL` for the column alone.
    """
    # A key without the tenant would reach into another tenant: the check of a foreign key bypasses row security.
    action = f"SET NULL ({column})" if ondelete == "SET NULL" else ondelete
    return ForeignKeyConstraint(
        ["tenant_id", column], [f"{target}.tenant_id", f"{target}.id"], ondelete=action, use_alter=False
    )


def tenant_unique(*columns: str) -> UniqueConstraint:
    """Return a unique constraint within a tenant."""
    return UniqueConstraint("tenant_id", *columns)


def one_of(column: str, *values: str) -> CheckConstraint:
    """Return a check that a text column holds one of these values; a list is easier to extend than a type."""
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


tenants = Table(
    "tenants",
    metadata,
    Column("id", Uuid, primary_key=True, default=new_id),
    Column("slug", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Column("plugins", ARRAY(Text), comment="null: every loaded plugin"),
    Column("settings", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    schema="kernel",
    info={"tenantless": True},
)
tenant_hosts = Table(
    "tenant_hosts",
    metadata,
    Column("host", Text, primary_key=True),
    Column("tenant_id", Uuid, ForeignKey("kernel.tenants.id", ondelete="CASCADE"), nullable=False, index=True),
    schema="kernel",
    info={"tenantless": True},
)

KernelTable = table_base("kernel")


class AuditLog(KernelTable):
    """What changed, by whom; written by the trigger of each audited table."""

    __tablename__ = "audit_logs"
    __table_args__ = (
        Index(None, "tenant_id", "created_at"),
        Index(None, "tenant_id", "entity_type", "entity_id"),
    )

    user_id: Mapped[UUID | None]
    action: Mapped[str]
    entity_type: Mapped[str]
    entity_id: Mapped[UUID | None]
    old_values: Mapped[dict[str, Any] | None]
    new_values: Mapped[dict[str, Any] | None]
    ip_address: Mapped[str | None]
    user_agent: Mapped[str | None]
    request_id: Mapped[str | None]


class Outbox(KernelTable):
    """An event that waits for one listener (`kernel.events`)."""

    __tablename__ = "outbox"
    __table_args__ = (Index(None, "available_at", "id", postgresql_where=text("dead_at IS NULL")),)

    listener: Mapped[str]
    event: Mapped[str]
    event_version: Mapped[int]
    payload: Mapped[dict[str, Any]]
    actor_id: Mapped[UUID | None]
    request_id: Mapped[str]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    available_at: Mapped[datetime] = mapped_column(server_default=func.now())
    dead_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


def check_tables(folders: Mapping[str, str]) -> list[str]:
    """Return a sentence for each table that breaks a rule of tenancy; nothing if all is well.

    Args:
        folders: Plugin name to the folder of its package.
    """
    problems: list[str] = []
    for table in metadata.tables.values():
        file = str(table.info.get("file", ""))
        owner = next((name for name, folder in folders.items() if _is_below(file, folder)), None)
        if owner is None:
            continue
        problems += [f"{owner!r}: {sentence}" for sentence in _table_problems(table, owner)]
    return problems


def _is_below(module: str, folder: str) -> bool:

    loaded = sys.modules.get(module)
    file = getattr(loaded, "__file__", None)
    return file is not None and Path(folder) in Path(file).parents


def _table_problems(table: Table, owner: str) -> list[str]:
    problems = []
    if table.schema != owner:
        problems.append(f"the table {table.fullname} is outside the schema {owner!r}.")
    if [column.name for column in table.primary_key][:1] != ["tenant_id"]:
        problems.append(f"the primary key of {table.fullname} does not begin with tenant_id.")
    for constraint in table.constraints:
        names = [column.name for column in getattr(constraint, "columns", ())]
        if isinstance(constraint, UniqueConstraint) and names[:1] != ["tenant_id"]:
            problems.append(f"the unique constraint {names} of {table.fullname} does not begin with tenant_id.")
        if isinstance(constraint, ForeignKeyConstraint) and names[:1] != ["tenant_id"]:
            problems.append(f"the foreign key {names} of {table.fullname} does not begin with tenant_id.")
    return problems
