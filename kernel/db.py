"""Transactions: who begins and ends them, and the short way from a Core statement to Structs.

A `Db` is one transaction of one tenant. Only this module commits. What PostgreSQL's refusals mean stands in
`kernel.outages`; tables and row-level security are made in `kernel.tables` and `kernel.migrate`; which tenant a request
belongs to is decided in `kernel.tenancy`.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

import asyncpg
import msgspec
import structlog
from advanced_alchemy.config import EngineConfig, SQLAlchemyAsyncConfig
from advanced_alchemy.config.routing import RoutingConfig
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.pool import PoolProxiedConnection

from kernel.connections import Connections
from kernel.kept_answers import ANY_TABLE
from kernel.outages import (
    CANNOT_CONNECT,
    LOST_CONNECTION,
    LOST_RACE,
    SERVER_ENDED,
    Contended,
    DatabaseUnavailable,
    OutcomeUnknown,
)
from kernel.statements import Plan, plan_for
from kernel.tracing import traced

if TYPE_CHECKING:
    from advanced_alchemy.routing import RoutingAsyncSessionMaker

    from kernel.deployment import Deployment
    from kernel.tenancy import Tenant

__all__ = ["Contended", "Database", "DatabaseUnavailable", "Db", "Origin", "OutcomeUnknown"]

T = TypeVar("T", bound=msgspec.Struct)
R = TypeVar("R")

log = structlog.get_logger(__name__)

_UNSAFE_IN_AGENT = re.compile(r"[^A-Za-z0-9 ./;:,()_+-]")


class Origin(msgspec.Struct, frozen=True):
    """For which tenant a transaction runs and who caused it; rides in the BEGIN message for RLS and audit."""

    tenant_id: UUID | None
    actor_id: UUID | None = None
    request_id: str = ""
    address: str = ""
    agent: str = ""
    idempotency_key: str = ""

    def circumstances(self) -> dict[str, str]:
        """Return what the audit log keeps of a change besides the row, by the names of PostgreSQL's settings."""
        # Only a UUID has that method's text, and the texts pass through allow-lists: nothing here can end a quote.
        return {
            "actor": UUID.__str__(self.actor_id) if self.actor_id else "",
            "request": _UNSAFE_IN_AGENT.sub("", self.request_id[:64]),
            "address": _UNSAFE_IN_AGENT.sub("", self.address[:45]),
            "agent": _UNSAFE_IN_AGENT.sub("", self.agent[:200]),
        }

    def prelude(self) -> str:
        """Return the statement that tells PostgreSQL tenant and actor, local to the transaction."""
        tenant = UUID.__str__(self.tenant_id) if self.tenant_id else ""
        those = {"tenant": tenant, **self.circumstances()}
        return "select " + ",".join(f"set_config('app.{name}','{value}',true)" for name, value in those.items())


class Db:
    """One transaction of one tenant, begun with its first statement.

    Statements are Core, built once (a module constant or a cached function), with `bindparam` for what varies:
    each is compiled once and runs on the driver's own connection.
    """

    def __init__(
        self,
        primary: Connections,
        origin: Origin,
        deployment: "Deployment",
        tenant: "Tenant | None",
        *,
        read_only: bool = False,
        replica: Connections | None = None,
    ) -> None:
        self.origin = origin
        self.deployment = deployment
        self._tenant = tenant
        self._primary = primary
        self._replica = replica
        self._lender = primary
        self._opening = f"BEGIN READ ONLY; {origin.prelude()}" if read_only else f"BEGIN; {origin.prelude()}"
        self._read_only = read_only
        self._wrote = False
        self._written: set[str] = set()
        self._position: int | None = None
        self._pooled: PoolProxiedConnection | None = None
        self._driver: asyncpg.Connection[Any] | None = None
        self._always: list[Callable[[Db], Awaitable[object]]] = []
        self._after_commit: list[Callable[[], Awaitable[None]]] = []

    @property
    def tenant_id(self) -> UUID:
        """The tenant of this transaction; an operator's transaction has none and may not ask."""
        if self.origin.tenant_id is None:
            raise RuntimeError("this transaction belongs to no tenant")
        return self.origin.tenant_id

    @property
    def tenant(self) -> "Tenant":
        """The tenant with its settings and acting plugins."""
        if self._tenant is None:
            raise RuntimeError("this transaction belongs to no tenant")
        return self._tenant

    async def rows(self, kind: type[T], statement: Executable, /, **parameters: Any) -> list[T]:
        """Return every row as a Struct whose fields are the selected columns, in their order."""
        plan = plan_for(statement)
        make = plan.maker(kind)
        if plan.writes:
            self._note_writing(plan.written)
        driver = self._driver or await self._begin()
        return [make(record) for record in await _sent(plan, driver.fetch(plan.sql, *plan.arguments(parameters)))]

    async def row(self, kind: type[T], statement: Executable, /, **parameters: Any) -> T | None:
        """Return the first row as a Struct, or None."""
        plan = plan_for(statement)
        make = plan.maker(kind)
        if plan.writes:
            self._note_writing(plan.written)
        driver = self._driver or await self._begin()
        record = await _sent(plan, driver.fetchrow(plan.sql, *plan.arguments(parameters)))
        return None if record is None else make(record)

    async def value(self, statement: Executable, /, **parameters: Any) -> Any:
        """Return the first column of the first row, or None."""
        plan = plan_for(statement)
        if plan.writes:
            self._note_writing(plan.written)
        driver = self._driver or await self._begin()
        record = await _sent(plan, driver.fetchrow(plan.sql, *plan.arguments(parameters)))
        return None if record is None else plan.first(record)

    async def values(self, statement: Executable, /, **parameters: Any) -> list[Any]:
        """Return the first column of every row."""
        plan = plan_for(statement)
        if plan.writes:
            self._note_writing(plan.written)
        driver = self._driver or await self._begin()
        return [plan.first(record) for record in await _sent(plan, driver.fetch(plan.sql, *plan.arguments(parameters)))]

    async def run(self, statement: Executable, /, **parameters: Any) -> int:
        """Run a statement and return how many rows it touched."""
        plan = plan_for(statement)
        if plan.writes:
            self._note_writing(plan.written)
        driver = self._driver or await self._begin()
        status = await _sent(plan, driver.execute(plan.sql, *plan.arguments(parameters)))
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def run_many(self, statement: Executable, parameters: Sequence[dict[str, Any]]) -> None:
        """Run one statement for many sets of parameters, pipelined by the driver."""
        plan = plan_for(statement)
        if plan.writes:
            self._note_writing(plan.written)
        driver = self._driver or await self._begin()
        await _sent(plan, driver.executemany(plan.sql, [plan.arguments(each) for each in parameters]))

    async def rows_many(self, kind: type[T], statement: Executable, parameters: Sequence[dict[str, Any]], /) -> list[T]:
        """Run one statement for many sets of parameters, pipelined, and return the rows of all, in that order.

        Each sees what those before it have written.
        """
        plan = plan_for(statement)
        make = plan.maker(kind)
        if plan.writes:
            self._note_writing(plan.written)
        driver = self._driver or await self._begin()
        arguments = [plan.arguments(each) for each in parameters]
        return [make(record) for record in await _sent(plan, driver.fetchmany(plan.sql, arguments))]

    async def driver(self) -> "asyncpg.Connection[Any]":
        """Return the driver's connection inside this transaction, for a library that wants one."""
        self._note_writing((ANY_TABLE,))
        return self._driver or await self._begin()

    def _note_writing(self, tables: Iterable[str]) -> None:
        self._wrote = True
        self._written.update(tables)

    def record_always(self, statement: Executable, /, **parameters: Any) -> None:
        """Keep a statement that must be written even if the request is refused and rolled back."""
        self.do_always(lambda db: db.run(statement, **parameters))

    def do_always(self, action: "Callable[[Db], Awaitable[object]]") -> None:
        """Do at the end what must be done even if the request is refused and rolled back.

        Args:
            action: Gets the transaction in which it is done: this one, or a new one after the rollback.
        """
        self._always.append(action)

    def after_commit(self, action: Callable[[], Awaitable[None]]) -> None:
        """Run `action` once the transaction is committed; never when it is rolled back. Best effort."""
        self._after_commit.append(action)

    async def release(self) -> None:
        """Give the connection back before slow work such as hashing; the next statement begins a new transaction.

        Only reads may stand before it: what was written is rolled back.
        """
        await self._rollback()

    async def retrying(self, action: Callable[[], Awaitable[R]]) -> R:
        """Run the only work of this transaction; once more from the start if it lost a race (40001, 40P01)."""
        try:
            return await action()
        except LOST_RACE:
            await self._rollback()
            self._always.clear()
            self._after_commit.clear()
            return await action()

    async def _begin(self) -> "asyncpg.Connection[Any]":
        if self._replica is not None:
            try:
                return await self._begin_at(self._replica)
            except DatabaseUnavailable:
                self.deployment.replicas.lost(self._replica)
                self._replica = None
        return await self._begin_at(self._primary)

    async def _begin_at(self, connections: Connections) -> "asyncpg.Connection[Any]":
        try:
            # Pooled connections may all have died with their server since their last use; nothing has run yet.
            for _ in range(connections.size + 1):
                if (driver := await self._connect(connections)) is not None:
                    return driver
        except CANNOT_CONNECT as error:
            raise DatabaseUnavailable from error
        raise DatabaseUnavailable

    async def _connect(self, connections: Connections) -> "asyncpg.Connection[Any] | None":
        """Return a connection inside the transaction; None if the one that the pool gave is dead."""
        try:
            self._pooled = await connections.take()
        except AsyncAdapt_asyncpg_dbapi.Error as error:
            # So SQLAlchemy wraps what the server answers to a new connection.
            raise error.__cause__ or error from None
        self._lender = connections
        driver = cast("asyncpg.Connection[Any]", self._pooled.driver_connection)
        try:
            # Tenant and actor ride in the BEGIN message: one round trip less (measured: a fifth of a transaction).
            await driver.execute(self._opening)
        except LOST_CONNECTION:
            self._give_back(broken=True)
            return None
        self._driver = driver
        return driver

    def _is_lost(self, error: BaseException) -> bool:
        """Whether an error of a statement means that the connection is gone."""
        if isinstance(error, SERVER_ENDED):
            return True
        # The driver says InterfaceError also when it was used wrongly, and a plugin's own files may raise OSError.
        return isinstance(error, LOST_CONNECTION) and self._driver is not None and self._driver.is_closed()

    async def _rollback(self) -> None:
        driver, self._driver = self._driver, None
        try:
            if driver is not None and driver.is_in_transaction() and not driver.is_closed():
                await driver.execute("ROLLBACK")
        except LOST_CONNECTION:
            log.warning("rollback.connection_lost")
        finally:
            self._give_back()

    async def _commit(self) -> None:
        if not self._read_only:
            for action in self._always:
                await action(self)
        driver, self._driver = self._driver, None
        if driver is None:
            return
        try:
            status = await driver.execute("COMMIT")
            if self._wrote and self.deployment.settings.replica_database_urls:
                self._position = await _position(driver)
        except LOST_CONNECTION as error:
            raise OutcomeUnknown from error
        finally:
            self._give_back()
        if status != "COMMIT":
            # PostgreSQL answers so, and without an error, when a statement had failed and somebody went on.
            raise RuntimeError("the transaction was rolled back, because an error of the database was caught inside it")

    def _give_back(self, *, broken: bool = False) -> None:
        """Return the connection to the pool; throw it away if it is broken or still inside a transaction."""
        pooled, self._pooled, self._driver = self._pooled, None, None
        if pooled is None:
            return
        driver = cast("asyncpg.Connection[Any]", pooled.driver_connection)
        self._lender.give(pooled, broken=broken or driver.is_closed() or driver.is_in_transaction())

    async def _finish(self, actions: Sequence[Callable[[], Awaitable[None]]]) -> None:
        for action in actions:
            try:
                await action()
            except Exception:
                log.exception("after_commit.failed")


def _sent(plan: Plan, call: Awaitable[R]) -> Awaitable[R]:
    return traced(plan.verb, "postgresql", plan.sql, call)


async def _position(driver: "asyncpg.Connection[Any]") -> int | None:
    """Return how far the log has got, for readings that must see what was just committed; best effort."""
    try:
        position: int = await driver.fetchval("SELECT CAST(pg_current_wal_lsn() - '0/0' AS bigint)")
    except (asyncpg.PostgresError, *LOST_CONNECTION):
        log.warning("position.unknown")
        return None
    return position


class Database:
    """The connections of one database role, to the primary and, for the app role, to replicas."""

    def __init__(
        self, url: str, *, deployment: "Deployment", pool_size: int = 20, replica_urls: Sequence[str] = ()
    ) -> None:
        self._deployment = deployment
        routes = SQLAlchemyAsyncConfig(
            routing_config=RoutingConfig(primary_connection_string=url, read_replicas=list(replica_urls)),
            engine_config=EngineConfig(
                pool_size=pool_size,
                max_overflow=0,
                pool_timeout=5,
                # `Db` ends every transaction itself, and gives back no connection that is still inside one.
                pool_reset_on_return=None,  # type: ignore[arg-type]  # its annotation forgot None
                connect_args={"timeout": 5},
            ),
        )
        engines = cast("RoutingAsyncSessionMaker", routes.create_session_maker())
        self.primary = Connections(engines.primary_engine)
        self.replicas = [Connections(engine) for engine in engines.replica_engines]

    @asynccontextmanager
    async def transaction(
        self,
        origin: Origin,
        tenant: "Tenant | None" = None,
        *,
        read_only: bool = False,
        replica: Connections | None = None,
        authors: Collection[UUID] = (),
    ) -> AsyncIterator[Db]:
        """Open a transaction: committed when the block ends, rolled back when it raises.

        Args:
            origin: For whom, caused by whom.
            tenant: With its settings.
            read_only: PostgreSQL refuses every write.
            replica: Where to read; the primary if it does not answer.
            authors: Who shall read what is written here; whoever caused it, unless it is said.
        """
        db = Db(self.primary, origin, self._deployment, tenant, read_only=read_only, replica=replica)
        try:
            yield db
            await db._commit()
        except BaseException as error:
            lost = db._is_lost(error)
            await db._rollback()
            await self._write_always(db)
            if lost:
                raise DatabaseUnavailable from error
            raise
        if db._position is not None and origin.tenant_id:
            readers = authors or ([origin.actor_id] if origin.actor_id else ())
            tell, position = self._deployment.gate.tell_position, db._position
            await asyncio.gather(*(tell(origin.tenant_id, each, position) for each in readers))
        if db._written:
            await self._deployment.kept.changed(origin.tenant_id, db._written)
        if read_only:
            await self._write_always(db)
        await db._finish(db._after_commit)

    async def _write_always(self, refused: Db) -> None:
        """Write what must be known although the request was refused."""
        if not refused._always:
            return
        try:
            async with self.transaction(refused.origin, refused._tenant) as db:
                for action in refused._always:
                    await action(db)
        except Exception:
            log.exception("record_always.failed", actions=len(refused._always))

    async def check(self) -> None:
        """Raise `DatabaseUnavailable` unless a transaction can begin."""
        async with self.transaction(Origin(tenant_id=None)) as db:
            await db.driver()

    async def close(self) -> None:
        """Close every connection."""
        for connections in (self.primary, *self.replicas):
            await connections.close()
