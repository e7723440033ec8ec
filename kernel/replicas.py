"""Read replicas: which one may serve a reading, so that whoever wrote reads what they wrote (ADR 0014).

Each process asks the replicas a few times a second how far they are. A write leaves its position in the log of
PostgreSQL with its actor, in Redis; that actor's readings then go to a replica which is at least as far, or to the
primary. Which routes may read from a replica is said by their `opt` (`reads_only`).
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog
from litestar.handlers import BaseRouteHandler
from sqlalchemy import column, text

from kernel.connections import Connections
from kernel.db import Database, DatabaseUnavailable, Origin
from kernel.faults import describe

log = structlog.get_logger(__name__)

_POLL_S = 0.2
MOST_BEHIND_S = 10.0
"""A replica further behind serves nobody; what was written by whoever has no session yet is read elsewhere so long."""
_POSITION = text("SELECT CAST(pg_current_wal_lsn() - '0/0' AS bigint)").columns(column("position"))
_REPLAYED = text(
    "SELECT CASE WHEN pg_is_in_recovery() THEN CAST(pg_last_wal_replay_lsn() - '0/0' AS bigint) END"
).columns(column("position"))


def reads_only() -> Mapping[str, Any]:
    """Return the `opt` of a GET route whose handler writes nothing, so that a replica may serve it.

    Its transaction is read-only on the primary too. Combined with another: `opt={**limited("media"), **reads_only()}`.
    """
    return {"reads_only": True}


def is_reading(handler: BaseRouteHandler) -> bool:
    """Whether a route was marked by `reads_only`."""
    return bool(handler.opt.get("reads_only"))


class Replica:
    """A replica as it was last seen."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        self.name = connections.engine.url.render_as_string(hide_password=True)
        self.position = -1
        """How far it has replayed the log; -1 while it cannot be used."""
        self.behind_s = 0.0

    def is_at(self, position: int) -> bool:
        """Whether a reading that must see the log up to there may come here."""
        return 0 <= self.position >= position and self.behind_s <= MOST_BEHIND_S


class Replicas:
    """The replicas of the app role's database, watched by this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.seen = [Replica(connections) for connections in database.replicas]
        self._log: deque[tuple[float, int]] = deque(maxlen=int(2 * MOST_BEHIND_S / _POLL_S))
        self._turn = 0
        self._watching: asyncio.Task[None] | None = None

    def connections_for(self, wrote: int | None) -> Connections | None:
        """Return a replica on which everything up to this position can be seen; None for the primary."""
        able = [each for each in self.seen if each.is_at(wrote or 0)]
        if not able:
            return None
        self._turn += 1
        return able[self._turn % len(able)].connections

    def lost(self, connections: Connections) -> None:
        """Use a replica no more until it is seen again."""
        for each in self.seen:
            if each.connections is connections and each.position >= 0:
                each.position = -1
                log.warning("replica.lost", replica=each.name)

    async def look(self) -> None:
        """Ask primary and replicas how far they are."""
        # While the primary does not answer nothing new is written, so the replicas are as good as they were.
        with suppress(DatabaseUnavailable):
            async with self._database.transaction(Origin(tenant_id=None), read_only=True) as db:
                self._log.append((time.monotonic(), await db.value(_POSITION)))
        await asyncio.gather(*(self._look_at(each) for each in self.seen))

    async def _look_at(self, replica: Replica) -> None:
        try:
            async with asyncio.timeout(2):
                origin = Origin(tenant_id=None)
                async with self._database.transaction(origin, read_only=True, replica=replica.connections) as db:
                    # Nothing from the primary: it answers in place of a replica that does not.
                    position = await db.value(_REPLAYED)
        except (DatabaseUnavailable, TimeoutError):
            position = None
        if position is None:
            replica.position = -1
            return
        latest = self._log[-1][0] if self._log else 0.0
        reached = max((seen for seen, there in self._log if there <= position), default=None)
        replica.behind_s = latest - reached if reached is not None else MOST_BEHIND_S + 1
        replica.position = position

    async def open(self) -> None:
        """Look once, then begin to watch."""
        if self.seen:
            await self.look()
            self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_POLL_S)
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - the next look may succeed
                log.warning("replicas.not_seen", reason=describe(error))

    async def close(self) -> None:
        """Watch no more."""
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
