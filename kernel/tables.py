"""Table classes: one metadata, a schema a plugin, the tenant first in every key.

What the database adds to a table (row-level security, rights, triggers) is made by its migration (`kernel.ddl`);
transactions stand in `kernel.db`. Reads select columns of these classes: there is no `relationship()`.
"""

import sys
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, mapped_column

from kernel.ids import new_id

CURRENT_TENANT = "nullif(current_setting('app.tenant', true), '')::uuid"
"""SQL for the tenant of the transaction; null outside of any."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class NormalisedText(TypeDecorator[str]):
    """Text by which people look things up: NFKC, case folded, no space around it, so that plain `=` compares it.

    Row-level security switches off the index of every cleverer operator (citext, `lower(x) =`, `ILIKE`).
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the form that is stored and searched."""
        return None if value is None else normalised(value)


def normalised(value: str) -> str:
    """Return the text in the form in which `NormalisedText` stores it."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold()).strip()


class TenantTable(DeclarativeBase):
    """What every table of a plugin has; `table_base` makes the class to inherit from.

    Class keywords, which the revision repeats (`kernel.ddl.secure_tenant_table`) and the drift check compares:
        audited: False for a table whose changes need no row in the audit log.
        append_only: True for one whose rows the app role may never change.
    """

    __abstract__ = True
    metadata = metadata
    plugin_schema: ClassVar[str]
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        datetime: DateTime(timezone=True),
        UUID: Uuid(),
        bytes: LargeBinary(),
        Decimal: Numeric(),
        dict[str, Any]: JSONB(),
        list[str]: ARRAY(Text()),
    }

    # No foreign key to the tenant: row-level security lets no other in, and a key would lock its row at each write.
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text(CURRENT_TENANT), sort_order=-4)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, sort_order=-3)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), sort_order=-2)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), sort_order=-1)

    def __init_subclass__(cls, *, audited: bool = True, append_only: bool = False, **keywords: Any) -> None:
        """Put the table into its schema and note how its migration must secure it."""
        if "__abstract__" not in cls.__dict__:
            own = cls.__dict__.get("__table_args__", ())
            arguments = [own] if isinstance(own, dict) else list(own)
            options = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
            info = {"module": cls.__module__, "audited": audited, "append_only": append_only}
            cls.__table_args__ = (*arguments, {**options, "schema": cls.plugin_schema, "info": info})
        super().__init_subclass__(**keywords)


def table_base(schema: str) -> type[TenantTable]:
    """Return the base class of one plugin's tables: key `(tenant_id, id)`, times, the plugin's schema.

    Args:
        schema: The plugin's name.
    """

    class Base(TenantTable):
        __abstract__ = True
        plugin_schema = schema

    return Base


def secret_column(*arguments: Any, **options: Any) -> MappedColumn[Any]:
    """Return a `mapped_column` whose values the audit log shows as `***`."""
    return mapped_column(*arguments, info={"secret": True}, **options)


def tenant_reference(
    column: str, target: str, *, ondelete: Literal["CASCADE", "RESTRICT", "SET NULL"] = "CASCADE"
) -> ForeignKeyConstraint:
    """Return the foreign key `(tenant_id, column) -> target (tenant_id, id)`.

    Args:
        column: The column that holds the other row's id.
        target: `schema.table`, also of another plugin.
        ondelete: `SET NULL` empties the column alone and leaves the tenant.
    """
    # A key without the tenant would reach into another tenant: the check of a foreign key bypasses row security.
    action = f"SET NULL ({column})" if ondelete == "SET NULL" else ondelete
    return ForeignKeyConstraint(["tenant_id", column], [f"{target}.tenant_id", f"{target}.id"], ondelete=action)


def tenant_unique(*columns: str) -> UniqueConstraint:
    """Return a unique constraint within a tenant."""
    return UniqueConstraint("tenant_id", *columns)


def one_of(column: str, *values: str) -> CheckConstraint:
    """Return a check that a text column holds one of these values; a list is easier to extend than a type."""
    allowed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
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
)
tenant_hosts = Table(
    "tenant_hosts",
    metadata,
    Column("host", Text, CheckConstraint("host = lower(host)", name="host"), primary_key=True),
    Column("tenant_id", Uuid, ForeignKey("kernel.tenants.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("is_primary", Boolean, nullable=False, server_default=text("false")),
    Index("uq_tenant_hosts_primary", "tenant_id", unique=True, postgresql_where=text("is_primary")),
    schema="kernel",
)

KernelTable = table_base("kernel")


class AuditLog(KernelTable, audited=False, append_only=True):
    """What changed, by whom; written by the trigger of each audited table."""

    __tablename__ = "audit_logs"
    __table_args__ = (
        Index(None, "tenant_id", "created_at", "id"),
        Index(None, "tenant_id", "user_id", "created_at"),
        Index(None, "tenant_id", "entity_type", "created_at", "id"),
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


class Outbox(KernelTable, audited=False):
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


class TaskRun(KernelTable, audited=False):
    """A piece of background work that its owner follows (`kernel.task_runs`)."""

    __tablename__ = "task_runs"
    __table_args__ = (
        one_of("status", "queued", "running", "done", "failed"),
        Index(None, "tenant_id", "owner_id", "name"),
        Index(None, "tenant_id", "finished_at"),
    )

    owner_id: Mapped[UUID]
    name: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=text("'queued'"))
    done: Mapped[int | None] = mapped_column(BigInteger)
    total: Mapped[int | None] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(server_default=text("''"))
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None]
    dedupe_key: Mapped[str | None]
    finished_at: Mapped[datetime | None]


class IdempotencyKey(KernelTable, audited=False):
    """A request that was made under a key, and its answer, encrypted (`kernel.idempotency`)."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (tenant_unique("actor_id", "key"), Index(None, "tenant_id", "created_at"))

    actor_id: Mapped[UUID]
    key: Mapped[str]
    fingerprint: Mapped[str]
    status: Mapped[int | None]
    answer: Mapped[str | None]


def check_tables(plugin: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the file and a sentence for each table of a plugin that breaks a rule of tenancy.

    Args:
        plugin: Its name.
        folder: Of its package; a table belongs to whoever declares it, whatever schema it claims.
    """
    for table in list(metadata.tables.values()):
        file = getattr(sys.modules.get(table.info.get("module", "")), "__file__", None)
        if file is None and table.schema == plugin:
            yield str(folder), f"the table {table.fullname} is not made from a class of table_base."
        elif file is not None and folder in Path(file).parents:
            yield from ((file, sentence) for sentence in _table_problems(table, plugin))


def _table_problems(table: Table, owner: str) -> Iterable[str]:
    if table.schema != owner:
        yield f"the table {table.fullname} is outside the schema {owner!r}."
    if [column.name for column in table.primary_key][:1] != ["tenant_id"]:
        yield f"the primary key of {table.fullname} does not begin with tenant_id."
    uniques: list[UniqueConstraint | Index] = [each for each in table.indexes if each.unique]
    uniques += [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    for unique in uniques:
        if not unique.columns or unique.columns[0].name != "tenant_id":
            yield f"the unique constraint {unique.name} of {table.fullname} does not begin with tenant_id."
    for key in table.foreign_key_constraints:
        pairs = [(each.parent.name, each.target_fullname.rpartition(".")[2]) for each in key.elements]
        if pairs[:1] != [("tenant_id", "tenant_id")]:
            yield (
                f"the foreign key {[name for name, _ in pairs]} of {table.fullname} does not begin with tenant_id on "
                "both sides; `tenant_reference` makes one that does."
            )
