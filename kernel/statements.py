"""Core statements, compiled once for asyncpg; how a record becomes a Struct.

SQLAlchemy compiles and checks a statement; running it is left to the driver, since the Core's own execution
costs more than the query (ADR 0007).
"""

import re
from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Executable, Float, Numeric
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

T = TypeVar("T", bound=msgspec.Struct)

_DIALECT = PGDialect_asyncpg(dbapi=PGDialect_asyncpg.import_dbapi())  # type: ignore[no-untyped-call]
_MOST_PLANS = 4096
_WRITTEN = re.compile(r"(?i)(?:insert\s+into|update|delete\s+from)\s+(?:only\s+)?([a-z_]\w*\.[a-z_]\w*)")
_first = itemgetter(0)
# Numbers say how they are read only when they are told which of PostgreSQL's types they are.
_OIDS = ((Float, 701), (Numeric, 1700))


class Plan:
    """One compiled statement: its SQL, how its parameters are made, what its columns are called."""

    def __init__(self, statement: Executable) -> None:
        compiled = statement.compile(dialect=_DIALECT)  # type: ignore[attr-defined]
        if not isinstance(compiled, SQLCompiler) or compiled.post_compile_params:
            raise TypeError("use `column == any_(bindparam('ids', type_=ARRAY(Uuid)))` instead of `.in_()`")
        self.sql = compiled.string
        self.verb = self.sql.split(None, 1)[0].upper()
        self.writes = self.sql.lstrip()[:6].upper() != "SELECT"
        """Whether it may change something; what only reads begins with SELECT."""
        self.written = frozenset(_WRITTEN.findall(self.sql)) if self.writes else frozenset()
        """The tables that it names as changed, each `schema.table`."""
        self.names: tuple[str, ...] = tuple(compiled.positiontup or ())
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}
        self._optional = {name for name, bind in compiled.binds.items() if not bind.required}
        self._made = _defaults(compiled)
        self._binders = {
            name: processor for name, processor in compiled._bind_processors.items() if callable(processor)
        }
        self._columns = tuple(entry.keyname for entry in compiled._result_columns)
        self._readers = [
            (index, reader)
            for index, entry in enumerate(compiled._result_columns)
            if (reader := _reader(entry.type)) is not None
        ]
        self._makers: dict[type[msgspec.Struct], Callable[[Any], Any]] = {}
        self._known = frozenset(self.names)

    def arguments(self, parameters: dict[str, Any]) -> list[Any]:
        """Return the positional arguments; a missing or unknown name is a programming error."""
        if not self._known.issuperset(parameters):
            raise TypeError(f"the statement has no parameter {sorted(set(parameters) - self._known)}")
        return [self._argument(name, parameters) for name in self.names]

    def _argument(self, name: str, parameters: dict[str, Any]) -> Any:
        if name in parameters:
            value = parameters[name]
        elif name in self._fixed:
            value = self._fixed[name]
        elif name in self._made:
            value = self._made[name]()
        elif name in self._optional:
            value = None
        else:
            raise TypeError(f"the statement needs the parameter {name!r}")
        # None is always NULL; left to itself the type of a JSON column would make it JSON's null.
        return self._binders[name](value) if value is not None and name in self._binders else value

    def maker(self, kind: type[T]) -> Callable[[Any], T]:
        """Return the function from a record to a Struct, after comparing their names once."""
        if (make := self._makers.get(kind)) is None:
            if self._columns != kind.__struct_fields__:
                raise TypeError(f"{kind.__name__} has the fields {kind.__struct_fields__}, not {self._columns}")
            make = self._makers[kind] = self._maker(kind)
        return make

    def _maker(self, kind: type[T]) -> Callable[[Any], T]:
        if not self._readers:
            return lambda record: kind(*record)

        def make(record: Any) -> T:
            return kind(*self._read(record))

        return make

    def _read(self, record: Any) -> list[Any]:
        values = list(record)
        for index, reader in self._readers:
            values[index] = reader(values[index])
        return values

    def first(self, record: Any) -> Any:
        """Return the record's first column."""
        return self._read(record)[0] if self._readers else _first(record)


def _reader(kind: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    """Return what turns the driver's value into the column's; None if it is the same."""
    return kind._cached_result_processor(_DIALECT, next((oid for each, oid in _OIDS if isinstance(kind, each)), None))


def _defaults(compiled: SQLCompiler) -> dict[str, Callable[[], Any]]:
    """Return what makes the values of columns that have a default in Python, such as a new id."""
    made: dict[str, Callable[[], Any]] = {}
    prefetched = [
        *((column, column.default) for column in compiled.insert_prefetch),
        *((column, column.onupdate) for column in compiled.update_prefetch),
    ]
    for column, default in prefetched:
        argument = getattr(default, "arg", None)
        made[column.key] = partial(argument, None) if callable(argument) else partial(_same, argument)
    return made


def _same(value: Any) -> Any:
    return value


_plans: dict[int, tuple[Executable, Plan]] = {}


def plan_for(statement: Executable) -> Plan:
    """Return the statement's plan, compiled at its first use."""
    # The statement is kept beside its plan, so that its id cannot come to mean another one.
    entry = _plans.get(id(statement))
    if entry is None:
        if len(_plans) >= _MOST_PLANS:
            _plans.clear()
        entry = _plans[id(statement)] = (statement, Plan(statement))
    return entry[1]
