"""Compiled statements: the names that they take and give, defaults, and values that the driver would not understand."""

from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import (
    ARRAY,
    Column,
    Executable,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import INT4RANGE, Range

from kernel.ids import new_id
from kernel.statements import Plan, plan_for
from kernel.testing import School
from tests.kernel.lab.statements import ADD_THING, THING_BY_ID, THING_NAMES, Thing, things

SPECIAL_COLUMNS = ("spec", "tags", "span", "spans")
ADD_SPECIAL = insert(things).values(
    id=bindparam("id"), name=bindparam("name"), **{column: bindparam(column) for column in SPECIAL_COLUMNS}
)
SPECIAL = select(*(things.c[column] for column in SPECIAL_COLUMNS)).where(
    things.c.name == bindparam("wanted", type_=Text)
)
TABLE = Table(
    "things",
    MetaData(),
    Column("id", Uuid, primary_key=True, default=new_id),
    Column("name", Text),
    Column("size", Integer, default=7, onupdate=8),
    schema="lab",
)


class Special(msgspec.Struct, frozen=True):
    """The columns whose values need translating."""

    spec: dict[str, Any] | None
    tags: list[str] | None
    span: Range[int] | None
    spans: list[Range[int]] | None


class Swapped(msgspec.Struct, frozen=True):
    """Like `Thing`, in another order."""

    id: UUID
    size: int
    name: str


class Short(msgspec.Struct, frozen=True):
    """A field less than `Thing`."""

    id: UUID
    name: str


def test_plan_makes_structs_from_columns_in_their_order() -> None:
    thing_id = new_id()

    assert plan_for(THING_BY_ID).maker(Thing)((thing_id, "a", 1)) == Thing(thing_id, "a", 1)


@pytest.mark.parametrize("kind", [Swapped, Short])
def test_plan_refuses_a_struct_whose_fields_are_not_the_columns(kind: type[msgspec.Struct]) -> None:
    with pytest.raises(TypeError) as refusal:
        plan_for(THING_BY_ID).maker(kind)

    assert str(refusal.value) == (
        f"{kind.__name__} has the fields {kind.__struct_fields__}, not ('id', 'name', 'size')"
    )


def test_plan_refuses_a_missing_parameter() -> None:
    with pytest.raises(TypeError, match=r"^the statement needs the parameter 'thing_id'$"):
        plan_for(THING_BY_ID).arguments({})


def test_plan_refuses_an_unknown_parameter() -> None:
    with pytest.raises(TypeError, match=r"^the statement has no parameter \['thing'\]$"):
        plan_for(THING_BY_ID).arguments({"thing_id": new_id(), "thing": 1})


@pytest.mark.parametrize("parameters", [{}, {"limit": 1}])
def test_plan_of_an_insert_refuses_a_missing_or_unknown_parameter(parameters: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="the statement"):
        plan_for(ADD_THING).arguments(parameters)


def test_plan_refuses_an_expanding_in() -> None:
    with pytest.raises(TypeError, match="any_"):
        Plan(select(things.c.id).where(things.c.id.in_(bindparam("ids", expanding=True))))
    with pytest.raises(TypeError, match="any_"):
        Plan(select(things.c.id).where(things.c.size.in_([1, 2])))


def test_plan_is_made_once_for_a_statement() -> None:
    assert plan_for(THING_NAMES) is plan_for(THING_NAMES)


def test_plan_takes_a_parameter_that_is_used_twice_once() -> None:
    owner = bindparam("owner", type_=Uuid)
    plan = Plan(select(things.c.id).where(or_(owner == null(), things.c.twin_id == owner)))

    assert plan.names == ("owner",)
    assert plan.arguments({"owner": None}) == [None]


def test_plan_keeps_the_values_that_a_statement_brings_along() -> None:
    plan = Plan(select(things.c.id).where(things.c.size == 5, things.c.name == bindparam("name", value="preset")))

    assert plan.arguments({}) == [5, "preset"]
    assert plan.arguments({"name": "other"}) == [5, "other"]


def test_plan_takes_none_for_a_parameter_that_may_be_left_out() -> None:
    plan = Plan(select(literal(None, Text), bindparam("note", type_=Text, required=False)))

    assert plan.arguments({}) == [None, None]


def test_plan_fills_in_the_defaults_of_columns() -> None:
    inserting = Plan(insert(TABLE).values(name=bindparam("name")))
    updating = Plan(update(TABLE).values(name=bindparam("called")))

    first, second = (dict(zip(inserting.names, inserting.arguments({"name": "a"}), strict=True)) for _ in range(2))
    changed = dict(zip(updating.names, updating.arguments({"called": "b"}), strict=True))

    assert (first["name"], first["size"]) == ("a", 7)
    assert isinstance(first["id"], UUID)
    assert first["id"] != second["id"]
    assert changed == {"called": "b", "size": 8}


async def test_values_with_types_of_their_own_survive_the_way_there_and_back(school: School) -> None:
    kept = Special(
        spec={"deep": [1, {"ü": None}], "flag": True},
        tags=["a", 'b"c', "d,e", ""],
        span=Range(1, 5),
        spans=[Range(1, 3), Range(10, 12)],
    )
    async with school.db() as db:
        await db.run(ADD_SPECIAL, id=new_id(), name="full", **msgspec.structs.asdict(kept))

    async with school.db() as db:
        found = await db.row(Special, SPECIAL, wanted="full")
        assert found is not None
        assert (found.spec, found.tags, found.span) == (kept.spec, kept.tags, kept.span)
        assert list(found.spans or ()) == kept.spans
        assert await db.value(SPECIAL, wanted="full") == kept.spec
        assert await db.values(SPECIAL, wanted="full") == [kept.spec]


async def test_null_is_none_whatever_the_type(school: School) -> None:
    async with school.db() as db:
        await db.run(ADD_SPECIAL, id=new_id(), name="empty", spec=None, tags=None, span=None, spans=None)
        assert await db.row(Special, SPECIAL, wanted="empty") == Special(None, None, None, None)
        assert await db.value(select(func.count()).where(things.c.spec.is_(null()))) == 1


async def test_array_parameter_stands_for_in(school: School) -> None:
    wanted: Executable = (
        select(things.c.name)
        .where(things.c.name == any_(bindparam("names", type_=ARRAY(Text))))
        .order_by(things.c.name)
    )
    async with school.db() as db:
        await db.run_many(ADD_THING, [{"id": new_id(), "name": name, "size": 0} for name in "abc"])
        assert await db.values(wanted, names=["a", "c", "z"]) == ["a", "c"]
        assert await db.values(wanted, names=[]) == []


async def test_range_parameter_is_compared_in_the_database(school: School) -> None:
    overlapping = select(things.c.name).where(things.c.span.op("&&")(bindparam("span", type_=INT4RANGE)))
    async with school.db() as db:
        await db.run(ADD_SPECIAL, id=new_id(), name="one", spec=None, tags=None, span=Range(1, 5), spans=None)
        assert await db.values(overlapping, span=Range(4, 9)) == ["one"]
        assert await db.values(overlapping, span=Range(5, 9)) == []


async def test_text_statement_gives_the_columns_that_it_names(school: School) -> None:
    counted = text("SELECT name, size FROM lab.things").columns(things.c.name, things.c.size)

    class Counted(msgspec.Struct, frozen=True):
        name: str
        size: int

    async with school.db() as db:
        await db.run(ADD_THING, id=new_id(), name="one", size=3)
        assert await db.rows(Counted, counted) == [Counted("one", 3)]


async def test_uuid_of_the_driver_is_one_that_json_knows(school: School) -> None:
    thing_id = new_id()
    async with school.db() as db:
        await db.run(ADD_THING, id=thing_id, name="one", size=3)
        found = await db.row(Thing, THING_BY_ID, thing_id=thing_id)

    assert msgspec.json.decode(msgspec.json.encode(found)) == {"id": str(thing_id), "name": "one", "size": 3}


async def test_function_of_the_database_gives_its_value(school: School) -> None:
    async with school.db() as db:
        assert await db.value(select(func.coalesce(bindparam("given", type_=Text), "none")), given=None) == "none"
