"""The connections to one server: SQLAlchemy's pool makes and bounds them, a short list in front of it lends them.

The pool's own checkout switches to a greenlet and back at each transaction, which costs a tenth of a small request's
processor time. What a connection is used for, and in which state it comes back, is the concern of `kernel.db`.
"""

from typing import cast

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection, QueuePool


class Connections:
    """Lends the connections of an engine, the one that came back last first."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._pool = cast("QueuePool", engine.pool)
        self._idle: list[PoolProxiedConnection] = []
        self._waiting = 0

    @property
    def size(self) -> int:
        """How many there may be."""
        return self._pool.size()

    @property
    def in_use(self) -> int:
        """How many are lent."""
        return self._pool.checkedout() - len(self._idle)

    @property
    def idle(self) -> int:
        """How many are open and wait to be lent."""
        return self._pool.checkedin() + len(self._idle)

    async def take(self) -> PoolProxiedConnection:
        """Return a connection, perhaps one that has died meanwhile.

        Raises:
            TimeoutError: All are lent for too long, in SQLAlchemy's own class of that name.
        """
        if self._idle:
            return self._idle.pop()
        self._waiting += 1
        try:
            return await self.engine.raw_connection()
        finally:
            self._waiting -= 1

    def give(self, connection: PoolProxiedConnection, *, broken: bool) -> None:
        """Take a connection back; throw it away if it is broken."""
        if broken:
            connection.invalidate()
        elif self._waiting:
            # Whoever waits, waits at the pool.
            connection.close()
        else:
            self._idle.append(connection)

    async def close(self) -> None:
        """Close every connection that is not lent."""
        while self._idle:
            self._idle.pop().close()
        await self.engine.dispose()
