"""How many rows a list has in all: counted at every request while they are few, and now and then when they are many.

PostgreSQL counts by reading what it counts, so the total of a big list takes longer than its page. Whether it says
20,012 or 20,013 matters to nobody for a few seconds; whether it says 3 or 4 does.
"""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Executable

from kernel import clock

if TYPE_CHECKING:
    from kernel.db import Db

FEW = 1000
"""Up to so many are counted each time."""
GOOD_FOR = timedelta(seconds=10)
_MOST_KEPT = 4096

_Key = tuple[UUID, Executable, tuple[tuple[str, Any], ...]]


class Totals:
    """The big totals that a process knows, the least used forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[_Key, tuple[int, datetime]] = OrderedDict()

    def known(self, key: _Key) -> int | None:
        """Return a total that is still good."""
        total, counted_at = self._known.get(key, (0, None))
        if counted_at is None or clock.now() - counted_at > GOOD_FOR:
            return None
        self._known.move_to_end(key)
        return total

    def put(self, key: _Key, total: int) -> None:
        """Keep a big total; forget that a small one was big."""
        if total <= FEW:
            self._known.pop(key, None)
            return
        self._known[key] = (total, clock.now())
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
    total = db.deployment.totals.known(key)
    if total is None:
        total = int(await db.value(statement, **parameters))
        db.deployment.totals.put(key, total)
    return total
