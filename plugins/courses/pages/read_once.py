"""What several parts of one page ask for is read once: the parts do not know of each other."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from kernel.db import Db

T = TypeVar("T")
_READ: "WeakKeyDictionary[Db, dict[tuple[Hashable, ...], Any]]" = WeakKeyDictionary()


async def read_once(db: Db, read: Callable[[], Awaitable[T]], *name: Hashable) -> T:
    """Return what was read under this name in this transaction before, or read it.

    Args:
        db: The transaction, which is that of one page.
        read: Reads it.
        name: Says what is read: the function and its arguments; the actor is that of the page.
    """
    known = _READ.setdefault(db, {})
    if name not in known:
        known[name] = await read()
    return known[name]  # type: ignore[no-any-return]
