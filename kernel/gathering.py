"""Writing together: what many people report within a moment is written in one transaction (ADR 31).

A transaction that writes one small thing costs four rounds to the database, each of which wakes a sleeping core on both
sides. Where people of a tenant report that often, each report waits a moment for the others, holding no connection,
and is answered once the transaction with all of them has committed. Where few do, none waits. What the gathering leaves
out, and all of it if it fails, each request writes alone, which is also what refuses.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import Context
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import ColumnElement, Text, bindparam, func, literal_column

from kernel.db import Database, Db, Origin
from kernel.faults import describe

if TYPE_CHECKING:
    from kernel.tenancy import Tenant

T = TypeVar("T")
R = TypeVar("R")

log = structlog.get_logger(__name__)

CROWD = 10
"""So many people within a second are enough to wait for each other."""
WAIT_S = 0.25
"""The longest wait for others."""
ENOUGH = 24
"""When so many have come, nobody waits for more."""
MOST = 100
"""How many go into one transaction."""
LONGEST_S = 5.0
"""A transaction that takes longer is given up, and each tries alone."""


def _behalf() -> ColumnElement[str]:
    told: ColumnElement[str] = literal_column("''", Text)
    for name in Origin(None).circumstances():
        setting = literal_column(f"'app.{name}'", Text)
        told = told + func.set_config(setting, bindparam(f"behalf_{name}", type_=Text), literal_column("true"))
    return told


BEHALF: ColumnElement[str] = _behalf()
"""A column by which a statement that writes for one of many is told to the audit log as theirs (`Entry.behalf`)."""


class Entry(msgspec.Struct, Generic[T], frozen=True):
    """What one request wants to be written."""

    origin: Origin
    item: T

    @property
    def behalf(self) -> dict[str, str]:
        """The parameters of `BEHALF`."""
        return {f"behalf_{name}": value for name, value in self.origin.circumstances().items()}


class Gathering(Generic[T, R]):
    """One kind of thing that is written together; a module constant.

    Args:
        write: Writes in this transaction what it can of these entries of one tenant, and returns an answer for each;
            None for one that it has left out. What it raises leaves all of them out.
    """

    def __init__(self, write: "Callable[[Db, Sequence[Entry[T]]], Awaitable[Sequence[R | None]]]") -> None:
        self.write = write


async def gathered(db: Db, gathering: Gathering[T, R], item: T) -> R | None:
    """Return the answer to what was written together with that of others, and is committed.

    Args:
        db: The request's transaction, which has not begun: it would hold its connection meanwhile.
        gathering: What kind of thing.
        item: What to write.

    Returns:
        None if nobody else writes at present, or if the gathering has left it out: then it is to be written in `db`.
    """
    return await db.deployment.gatherings.add(gathering, db, item)


class Gatherings:
    """The gatherings of a process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._crowds: dict[tuple[Gathering[Any, Any], UUID], _Crowd[Any, Any]] = {}

    async def add(self, gathering: Gathering[T, R], db: Db, item: T) -> R | None:
        """Do what `gathered` does."""
        key = (gathering, db.tenant_id)
        crowd = self._crowds.get(key)
        if crowd is None:
            crowd = self._crowds[key] = _Crowd(self._database, gathering)
        return await crowd.add(db, item) if crowd.grows_by(db.origin.actor_id) else None

    async def close(self) -> None:
        """Write nothing more; whoever still waits is not answered."""
        await asyncio.gather(*(each.close() for each in self._crowds.values()))


class _Waiting(NamedTuple, Generic[T, R]):
    """A request that waits for its answer, since this moment of the loop's clock."""

    since: float
    entry: Entry[T]
    answer: "asyncio.Future[R | None]"


class _Crowd(Generic[T, R]):
    """Those of one tenant who write one kind of thing."""

    def __init__(self, database: Database, gathering: Gathering[T, R]) -> None:
        self._database = database
        self._gathering = gathering
        self._waiting: list[_Waiting[T, R]] = []
        self._are_enough = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._tenant: Tenant
        self._second = 0
        self._people: set[UUID | None] = set()
        self._was_crowd = False

    def grows_by(self, person: UUID | None) -> bool:
        """Note that somebody has come; return whether there are as many people as make a crowd."""
        second = int(time.monotonic())
        if second != self._second:
            self._was_crowd = second == self._second + 1 and len(self._people) >= CROWD
            self._second, self._people = second, set()
        if len(self._people) < CROWD:
            self._people.add(person)
        return self._was_crowd or len(self._people) >= CROWD

    async def add(self, db: Db, item: T) -> R | None:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R | None] = loop.create_future()
        self._waiting.append(_Waiting(loop.time(), Entry(db.origin, item), answer))
        self._tenant = db.tenant
        if self._writing is None:
            # Nobody's in particular: what it logs must not bear the id of the request that came first.
            self._writing = asyncio.create_task(self._write_all(), context=Context())
        elif len(self._waiting) >= ENOUGH:
            self._are_enough.set()
        return await answer

    async def _write_all(self) -> None:
        now: list[_Waiting[T, R]] = []
        try:
            while self._waiting:
                await self._wait()
                now, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                answers = await self._written([each.entry for each in now])
                for each, answer in zip(now, answers, strict=True):
                    # Somebody may have given up meanwhile.
                    if not each.answer.done():
                        each.answer.set_result(answer)
        finally:
            self._writing = None
            # There are some only where the process ends.
            for each in (*now, *self._waiting):
                each.answer.cancel()

    async def _wait(self) -> None:
        if len(self._waiting) < ENOUGH:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._waiting[0].since + WAIT_S):
                    await self._are_enough.wait()
        self._are_enough.clear()

    async def _written(self, entries: Sequence[Entry[T]]) -> Sequence[R | None]:
        authors = {entry.origin.actor_id for entry in entries if entry.origin.actor_id}
        tenant, transaction = self._tenant, self._database.transaction
        try:
            async with asyncio.timeout(LONGEST_S), transaction(Origin(tenant.id), tenant, authors=authors) as db:
                answers = await self._gathering.write(db, entries)
                if len(answers) != len(entries):
                    raise ValueError(f"{len(answers)} answers to {len(entries)} entries")
        except Exception as error:  # noqa: BLE001 - each request tries alone, and says what is wrong
            log.warning("gathering.failed", entries=len(entries), reason=describe(error))
            return [None] * len(entries)
        return answers

    async def close(self) -> None:
        if (writing := self._writing) is not None:
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing
