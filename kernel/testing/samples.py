"""A value of any type that a Struct may have, for a check that needs one and does not care which."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect

from kernel.ids import new_id

S = TypeVar("S", bound=msgspec.Struct)
_PLAIN: dict[type[inspect.Type], Any] = {
    inspect.AnyType: None,
    inspect.NoneType: None,
    inspect.BoolType: False,
    inspect.IntType: 1,
    inspect.FloatType: 1.0,
    inspect.StrType: "text",
    inspect.BytesType: b"bytes",
    inspect.DateTimeType: datetime(2026, 1, 1, tzinfo=UTC),
    inspect.TimeDeltaType: timedelta(seconds=1),
    inspect.DecimalType: Decimal(1),
    inspect.ListType: [],
    inspect.VarTupleType: (),
    inspect.SetType: set(),
    inspect.FrozenSetType: frozenset(),
    inspect.DictType: {},
    inspect.RawType: msgspec.Raw(b"null"),
}


def sample(kind: type[S]) -> S:
    """Return a Struct of this class with some value in each of its fields."""
    return cast("S", _value(inspect.type_info(kind)))


def _value(info: inspect.Type) -> Any:
    match info:
        case inspect.Metadata(type=inner):
            return _value(inner)
        case inspect.StructType(cls=cls, fields=fields):
            return cls(**{field.name: _value(field.type) for field in fields if field.required})
        case inspect.UUIDType():
            return new_id()
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.EnumType(cls=cls):
            return next(iter(cls))
        case inspect.UnionType(types=types):
            return None if any(isinstance(each, inspect.NoneType) for each in types) else _value(types[0])
        case inspect.TupleType(item_types=types):
            return tuple(_value(each) for each in types)
    if type(info) not in _PLAIN:
        raise TypeError(f"no sample for {info}")
    return _PLAIN[type(info)]
