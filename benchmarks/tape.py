"""What ours asks the database for one request, recorded, so that the bare stack runs the same SQL and never drifts."""

import pickle
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Executable

from kernel import db
from kernel.statements import Plan, plan_for

Tapes = Mapping[str, Sequence["Step"]]
"""By scenario."""


class Step(msgspec.Struct):
    """One statement as the driver got it.

    Args:
        sql: With `$1`, `$2` and so on.
        names: The parameters by our own names, in their order.
        arguments: What ours passed.
        kind: The Struct that ours made of each row, if any.
        has_rows: Whether ours looked for a row.
    """

    sql: str
    names: Sequence[str]
    arguments: Sequence[Any]
    kind: type[msgspec.Struct] | None
    has_rows: bool

    def filled(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the arguments with these values in the place of those that ours passed."""
        return [values.get(name, value) for name, value in zip(self.names, self.arguments, strict=True)]


class TapeUnknown(Exception):
    """Ours asks the database for other things than the bare stack was written for."""

    def __init__(self, difference: str, steps: Sequence[Step]) -> None:
        taped = "".join(f"\n- {step.sql} {list(step.names)}" for step in steps)
        super().__init__(f"{difference} The bare handler was not written for that; teach it.{taped}")


class _Heard:
    """A plan that writes down how it is used."""

    def __init__(self, plan: Plan, steps: list[Step]) -> None:
        self._plan = plan
        self._steps = steps
        self._kind: type[msgspec.Struct] | None = None
        self._step: Step

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plan, name)

    def maker(self, kind: type[Any]) -> Callable[[Any], Any]:
        self._kind = kind
        return self._plan.maker(kind)

    def arguments(self, parameters: dict[str, Any]) -> list[Any]:
        made = self._plan.arguments(parameters)
        self._step = Step(self._plan.sql, self._plan.names, made, self._kind, self._kind is not None)
        self._steps.append(self._step)
        return made

    def first(self, record: Any) -> Any:
        self._step.has_rows = True
        return self._plan.first(record)


@contextmanager
def recording() -> Iterator[list[Step]]:
    """Give the steps that every transaction of this process takes while the block lasts."""
    steps: list[Step] = []

    def heard(statement: Executable) -> Any:
        return _Heard(plan_for(statement), steps)

    real, db.plan_for = db.plan_for, heard  # type: ignore[attr-defined]
    try:
        yield steps
    finally:
        db.plan_for = real  # type: ignore[attr-defined]


async def recorded(request: Callable[[], Awaitable[object]]) -> Sequence[Step]:
    """Return the steps of a request that is made for the second time, when nothing is fetched for the first."""
    await request()
    with recording() as steps:
        await request()
    return steps


def save(tapes: Tapes, path: Path) -> None:
    """Write the tapes for the bare stack's process."""
    path.write_bytes(pickle.dumps(dict(tapes)))


def load(path: Path) -> Tapes:
    """Return what `save` wrote."""
    tapes: Tapes = pickle.loads(path.read_bytes())
    return tapes
