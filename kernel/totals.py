"""How many rows a list has in all: counted at every request while they are few, and now and then when they are many.

PostgreSQL counts by reading what it counts, so the total of a big list takes longer than its page. Whether it says
20,012 or 20,013 matters to nobody for a few seconds; whether it says 3 or 4 does.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import Executable

from kernel import clock

if TYPE_CHECKING:
    from kernel.db import Db

FEW = 1000
"""Up to so many are counted each time."""
GOOD_FOR = timedelta(seconds=10)
_MOST_KEPT = 4096

T = TypeVar("T", bound=msgspec.Struct)
_Key = tuple[UUID, Executable, tuple[tuple[str, Any], ...]]


class Totals:
    """The counts of much that a process knows, the least used forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[_Key, tuple[Any, datetime]] = OrderedDict()

    def known(self, key: _Key) -> Any:
        """Return what is still good; None if there is nothing."""
        counted, counted_at = self._known.get(key, (None, None))
        if counted_at is None or clock.now() - counted_at > GOOD_FOR:
            return None
        self._known.move_to_end(key)
        return counted

    def put(self, key: _Key, counted: Any, *, total: int) -> None:
        """Keep what was counted of much; forget that little was much."""
        if total <= FEW:
            self._known.pop(key, None)
            return
        self._known[key] = (counted, clock.now())
        while len(self._known) > _MOST_KEPT:
            self._known.popitem(last=False)


async def total_of(db: "Db", statement: Executable, parameters: Mapping[str, Any]) -> int:
    """Return how many rows a list has; of more than 1,000 it may be the number of ten seconds ago.

    Args:
        db: The transaction.
        statement: Counts them; always the same object for the same list.
        parameters: Its values, each hashable. They and the tenant say whose list it is.
    """
    key = (db.tenant_id, statement, tuple(sorted(parameters.items())))
    total: int | None = db.deployment.totals.known(key)
    if total is None:
        total = int(await db.value(statement, **parameters))
        db.deployment.totals.put(key, total, total=total)
    return total


async def counts_of(
    db: "Db",
    kind: type[T],
    statement: Executable,
    parameters: Mapping[str, Any],
    *,
    key: Mapping[str, Any],
    total: Callable[[list[T]], int],
) -> list[T]:
    """Return counts of several things at once; of more than 1,000 they may be those of ten seconds ago.

    Args:
        db: The transaction.
        kind: A Struct for each row.
        statement: Counts; always the same object for the same counts.
        parameters: Its values.
        key: With the tenant says what is counted, each hashable: the parameters but for the moment, and what changes
            with something that must be seen at once.
        total: How much was counted in all.
    """
    whole = (db.tenant_id, statement, tuple(sorted(key.items())))
    counts: list[T] | None = db.deployment.totals.known(whole)
    if counts is None:
        counts = await db.rows(kind, statement, **parameters)
        db.deployment.totals.put(whole, counts, total=total(counts))
    return counts
