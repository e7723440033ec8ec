"""The boot checks of tables, each broken on purpose and seen refused."""

import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, Table, Text, UniqueConstraint, Uuid
from sqlalchemy.schema import SchemaItem

from kernel.registry import load_registry
from kernel.tables import metadata
from tests.kernel.fakes import fake, refusal

NONE: dict[str, Any] = {}


def keys() -> list[SchemaItem]:
    """Return the two columns of a sound primary key."""
    return [Column("tenant_id", Uuid, primary_key=True), Column("id", Uuid, primary_key=True)]


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Table]]:
    """A function that declares a table in the `tables.py` of the fake plugin; it is forgotten afterwards."""
    module = ModuleType("codes_fake.tables")
    module.__file__ = "/site/codes/tables.py"
    monkeypatch.setitem(sys.modules, module.__name__, module)
    made: list[Table] = []

    def make(*items: SchemaItem, schema: str = "codes", module: str | None = "codes_fake.tables") -> Table:
        info = NONE if module is None else {"module": module}
        made.append(Table(f"fakes_{len(made)}", metadata, *items, schema=schema, info=info))
        return made[-1]

    yield make
    for table in made:
        metadata.remove(table)


BAD_TABLES: dict[str, tuple[Callable[[], list[SchemaItem]], dict[str, Any], str]] = {
    "another schema": (keys, {"schema": "courses"}, "the table courses.fakes_0 is outside the schema 'codes'."),
    "no schema": (keys, {"schema": None}, "the table fakes_0 is outside the schema 'codes'."),
    "no tenant": (
        lambda: [Column("id", Uuid, primary_key=True)],
        NONE,
        "the primary key of codes.fakes_0 does not begin with tenant_id.",
    ),
    "tenant not in the key": (
        lambda: [Column("id", Uuid, primary_key=True), Column("tenant_id", Uuid)],
        NONE,
        "the primary key of codes.fakes_0 does not begin with tenant_id.",
    ),
    "unique across tenants": (
        lambda: [*keys(), Column("email", Text), UniqueConstraint("email", name="uq_email")],
        NONE,
        "the unique constraint uq_email of codes.fakes_0 does not begin with tenant_id.",
    ),
    "unique index across tenants": (
        lambda: [*keys(), Column("email", Text), Index("ix_email", "email", unique=True)],
        NONE,
        "the unique constraint ix_email of codes.fakes_0 does not begin with tenant_id.",
    ),
    "plain foreign key": (
        lambda: [*keys(), Column("course_id", Uuid), ForeignKeyConstraint(["course_id"], ["courses.courses.id"])],
        NONE,
        "the foreign key ['course_id'] of codes.fakes_0 does not begin with tenant_id on both sides; "
        "`tenant_reference` makes one that does.",
    ),
    "foreign key to another tenant": (
        lambda: [
            *keys(),
            Column("other_tenant", Uuid),
            Column("course_id", Uuid),
            ForeignKeyConstraint(
                ["other_tenant", "course_id"], ["courses.courses.tenant_id", "courses.courses.id"], name="fk_x"
            ),
        ],
        NONE,
        "the foreign key ['other_tenant', 'course_id'] of codes.fakes_0 does not begin with tenant_id on both sides; "
        "`tenant_reference` makes one that does.",
    ),
}


@pytest.mark.parametrize(("columns", "options", "reason"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_registry_refuses_a_table(
    declare: Callable[..., Table], columns: Callable[[], list[SchemaItem]], options: dict[str, Any], reason: str
) -> None:
    declare(*columns(), **options)

    assert refusal(fake()) == f"Plugin 'codes' (/site/codes/tables.py): {reason}"


def test_registry_refuses_a_table_that_is_not_made_from_table_base(declare: Callable[..., Table]) -> None:
    declare(*keys(), Column("size", Integer), module=None)

    assert refusal(fake()) == (
        "Plugin 'codes' (/site/codes): the table codes.fakes_0 is not made from a class of table_base."
    )


def test_registry_takes_a_sound_table(declare: Callable[..., Table]) -> None:
    declare(
        *keys(),
        Column("course_id", Uuid),
        UniqueConstraint("tenant_id", "course_id"),
        ForeignKeyConstraint(["tenant_id", "course_id"], ["courses.courses.tenant_id", "courses.courses.id"]),
    )

    assert load_registry([fake()])[0].plugins[0].name == "codes"
