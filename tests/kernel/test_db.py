"""Transactions against a real PostgreSQL: what is committed, what is not, what a lost connection or race does."""
# ruff: noqa: PT012 - what raises is the end of a transaction's block, whatever stands in the block

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import text

from kernel.app import opened
from kernel.db import Database, DatabaseUnavailable, Db, Origin, OutcomeUnknown
from kernel.embedded import Stack
from kernel.ids import new_id
from kernel.problems import ReferenceGone, as_domain_error
from kernel.settings import Settings
from kernel.testing import School
from tests.kernel.conftest import Process
from tests.kernel.lab.statements import (
    ADD_ATTEMPT,
    ADD_THING,
    ADD_TWIN,
    ATTEMPTS,
    GROW_THING,
    THING_BY_ID,
    THING_COUNT,
    THING_NAMES,
    Thing,
)

BACKEND = text("SELECT pg_backend_pid()")
SETTINGS = text("SELECT current_setting('app.tenant', true) || '|' || current_setting('app.actor', true)")
SLEEP = text("SELECT CAST(pg_sleep(30) AS text)")


class Stop(Exception):
    """Ends a block."""


async def add(db: Db, name: str) -> None:
    await db.run(ADD_THING, id=new_id(), name=name, size=1)


async def names(school: School) -> list[str]:
    async with school.db() as db:
        return [str(each) for each in await db.values(THING_NAMES)]


async def attempts(school: School) -> list[str]:
    async with school.db() as db:
        return [str(each) for each in await db.values(ATTEMPTS)]


@pytest.fixture
async def terminate(stack: Stack, lab_settings: Settings) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """A function that ends a backend as an administrator would, and returns when it is gone."""
    connection = await asyncpg.connect(stack.database_urls["superuser"].replace("+asyncpg", ""))

    async def end(backend: int) -> None:
        await connection.execute("SELECT pg_terminate_backend($1, 5000)", backend)

    yield end
    await connection.close()


@asynccontextmanager
async def pool_of(settings: Settings, size: int) -> AsyncIterator[Database]:
    """Give a pool of its own size."""
    async with AsyncExitStack() as stack:
        deployment = await stack.enter_async_context(opened(settings, []))
        database = Database(settings.database_url, deployment=deployment, pool_size=size)
        stack.push_async_callback(database.close)
        yield database


async def test_transaction_commits_at_the_end_of_the_block(school: School) -> None:
    async with school.db() as db:
        await add(db, "kept")

    assert await names(school) == ["kept"]


async def test_transaction_rolls_back_when_the_block_raises(school: School) -> None:
    with pytest.raises(Stop):
        async with school.db() as db:
            await add(db, "lost")
            raise Stop

    assert await names(school) == []


async def test_transaction_without_a_statement_takes_no_connection(lab: Process, school: School) -> None:
    async with school.db():
        assert lab.deployment.database.primary.in_use == 0


async def test_commit_that_fails_raises_and_leaves_nothing(school: School) -> None:
    ran: list[str] = []

    async def after() -> None:
        ran.append("after")

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with school.db() as db:
            await add(db, "innocent")
            await db.run(ADD_TWIN, id=new_id(), name="lonely", twin_id=new_id())
            db.after_commit(after)

    assert await names(school) == []
    assert ran == []


async def test_commit_of_a_transaction_whose_error_was_swallowed_raises(school: School) -> None:
    with pytest.raises(RuntimeError, match="rolled back"):
        async with school.db() as db:
            await add(db, "same")
            with pytest.raises(asyncpg.UniqueViolationError):
                await add(db, "same")

    assert await names(school) == []


async def test_record_always_is_written_after_a_refusal(school: School) -> None:
    with pytest.raises(Stop):
        async with school.db() as db:
            await add(db, "lost")
            db.record_always(ADD_ATTEMPT, what="one")
            db.record_always(ADD_ATTEMPT, what="two")
            raise Stop

    assert await names(school) == []
    assert await attempts(school) == ["one", "two"]


async def test_do_always_is_done_after_a_refusal_with_what_it_brings_about(school: School) -> None:
    ran: list[str] = []

    async def done() -> None:
        ran.append("after its commit")

    async def action(db: Db) -> None:
        await add(db, "kept")
        db.after_commit(done)

    with pytest.raises(Stop):
        async with school.db() as refused:
            await add(refused, "lost")
            refused.do_always(action)
            raise Stop

    assert await names(school) == ["kept"]
    assert ran == ["after its commit"]


async def test_record_always_is_written_once_with_the_success_it_belongs_to(school: School) -> None:
    async with school.db() as db:
        db.record_always(ADD_ATTEMPT, what="one")
        assert await db.values(ATTEMPTS) == []

    assert await attempts(school) == ["one"]


async def test_record_always_is_written_when_the_commit_fails(school: School) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with school.db() as db:
            await db.run(ADD_TWIN, id=new_id(), name="lonely", twin_id=new_id())
            db.record_always(ADD_ATTEMPT, what="one")

    assert await attempts(school) == ["one"]


async def test_record_always_that_fails_does_not_hide_the_refusal(school: School) -> None:
    with pytest.raises(Stop):
        async with school.db() as db:
            db.record_always(ADD_ATTEMPT, what=None)
            raise Stop

    assert await attempts(school) == []


async def test_after_commit_runs_once_the_others_can_see_it(school: School) -> None:
    seen: list[list[str]] = []

    async def look() -> None:
        seen.append(await names(school))

    async def fail() -> None:
        raise Stop

    async with school.db() as db:
        await add(db, "visible")
        db.after_commit(fail)
        db.after_commit(look)
        assert seen == []

    assert seen == [["visible"]]


async def test_after_commit_never_runs_after_a_rollback(school: School) -> None:
    ran: list[str] = []

    async def after() -> None:
        ran.append("after")

    with pytest.raises(Stop):
        async with school.db() as db:
            db.after_commit(after)
            raise Stop

    assert ran == []


async def test_release_gives_the_connection_back_and_the_next_statement_begins_anew(
    lab: Process, school: School
) -> None:
    async with school.db() as db:
        assert await db.value(THING_COUNT) == 0
        await db.release()
        assert lab.deployment.database.primary.in_use == 0
        await add(db, "later")

    assert await names(school) == ["later"]


async def test_run_returns_how_many_rows_it_touched(school: School) -> None:
    async with school.db() as db:
        await db.run_many(ADD_THING, [{"id": new_id(), "name": str(number), "size": number} for number in range(5)])
        assert await db.run(text("UPDATE lab.things SET size = size + 1 WHERE size > 2")) == 2
        assert await db.run(text("UPDATE lab.things SET size = 0 WHERE name = 'none'")) == 0


# --- races -----------------------------------------------------------------------------------------------------------


async def test_retrying_runs_again_after_a_real_deadlock(school: School) -> None:
    async with school.db() as db:
        await add(db, "left")
        await add(db, "right")
    both_hold_one = asyncio.Barrier(2)
    runs: list[str] = []

    async def grow(first: str, second: str) -> None:
        async with school.db() as db:

            async def both() -> None:
                runs.append(first)
                is_again = len(runs) > 2
                # The second time in the same order, or they would deadlock once more where PostgreSQL had ended both.
                one, other = sorted([first, second]) if is_again else (first, second)
                await db.value(GROW_THING, wanted=one)
                if not is_again:
                    await both_hold_one.wait()
                await db.value(GROW_THING, wanted=other)

            await db.retrying(both)

    await asyncio.gather(grow("left", "right"), grow("right", "left"))

    assert sorted(runs[:2]) == ["left", "right"]
    assert len(runs) in (3, 4)  # on a busy machine PostgreSQL may end both
    async with school.db() as db:
        assert await db.values(text("SELECT size FROM lab.things").columns()) == [3, 3]


async def test_retrying_forgets_what_the_lost_attempt_had_noted(school: School) -> None:
    attempt = 0

    async with school.db() as db:

        async def work() -> None:
            nonlocal attempt
            attempt += 1
            await add(db, f"attempt {attempt}")
            db.record_always(ADD_ATTEMPT, what=f"attempt {attempt}")
            if attempt == 1:
                await db.run(text("DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$"))

        await db.retrying(work)

    assert await names(school) == ["attempt 2"]
    assert await attempts(school) == ["attempt 2"]


async def test_retrying_gives_up_with_the_race_that_it_keeps_losing(school: School) -> None:
    with pytest.raises(asyncpg.SerializationError):
        async with school.db() as db:
            await db.retrying(
                lambda: db.run(text("DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$"))
            )


# --- tenants ---------------------------------------------------------------------------------------------------------


async def test_tenant_rides_in_the_begin_message_and_is_gone_for_the_next_user(
    lab: Process, school: School, lab_settings: Settings
) -> None:
    actor = new_id()
    async with pool_of(lab_settings, 1) as database:
        async with database.transaction(Origin(school.id, actor)) as db:
            first = await db.value(BACKEND)
            assert await db.value(SETTINGS) == f"{school.id}|{actor}"
        async with database.transaction(Origin(None)) as db:
            assert await db.value(BACKEND) == first
            assert await db.value(SETTINGS) == "|"


async def test_transaction_without_a_tenant_sees_and_writes_no_row(lab: Process, school: School) -> None:
    async with school.db() as db:
        await add(db, "hidden")

    async with lab.deployment.database.transaction(Origin(None)) as db:
        assert await db.value(THING_COUNT) == 0
    with pytest.raises(asyncpg.PostgresError):
        async with lab.deployment.database.transaction(Origin(None)) as db:
            await add(db, "homeless")


async def test_transaction_sees_its_own_tenant_alone(lab: Process, school: School) -> None:
    other = await lab.school()
    thing_id = new_id()
    async with school.db() as db:
        await db.run(ADD_THING, id=thing_id, name="mine", size=1)

    async with other.db() as db:
        assert await db.row(Thing, THING_BY_ID, thing_id=thing_id) is None
        assert await db.run(text("UPDATE lab.things SET size = 9")) == 0
        assert await db.run(text("DELETE FROM lab.things")) == 0
    async with school.db() as db:
        assert await db.row(Thing, THING_BY_ID, thing_id=thing_id) == Thing(thing_id, "mine", 1)


async def test_origin_cannot_break_out_of_its_quotes(lab: Process, school: School) -> None:
    hostile = "x',true); drop table lab.things; --\\"
    origin = Origin(school.id, None, request_id=hostile, address=hostile, agent=hostile)

    async with lab.deployment.database.transaction(origin, school.tenant) as db:
        assert await db.value(text("SELECT current_setting('app.agent', true)")) == "x,true); drop table lab.things; --"


def test_origin_takes_nothing_but_a_uuid_for_a_tenant() -> None:
    for hostile in ("x' || pg_sleep(9) || '", str(new_id()), 1, b"x"):
        with pytest.raises((AttributeError, TypeError, ValueError)):
            Origin(hostile).prelude()  # type: ignore[arg-type]
        with pytest.raises((AttributeError, TypeError, ValueError)):
            Origin(None, hostile).prelude()  # type: ignore[arg-type]


# --- lost connections ------------------------------------------------------------------------------------------------


async def test_transaction_recovers_by_itself_from_pooled_connections_that_died(
    school: School, lab_settings: Settings, terminate: Callable[[int], Awaitable[None]]
) -> None:
    size = 5
    async with pool_of(lab_settings, size) as database:
        async with AsyncExitStack() as stack:
            users = [await stack.enter_async_context(database.transaction(Origin(school.id))) for _ in range(size)]
            backends = [await db.value(BACKEND) for db in users]
        for backend in backends:
            await terminate(backend)

        async with database.transaction(Origin(school.id)) as db:
            assert await db.value(BACKEND) not in backends


async def test_connection_lost_inside_a_transaction_is_database_unavailable(
    school: School, lab_settings: Settings, terminate: Callable[[int], Awaitable[None]]
) -> None:
    async with pool_of(lab_settings, 1) as database:
        with pytest.raises(DatabaseUnavailable):
            async with database.transaction(Origin(school.id)) as db:
                await add(db, "lost")
                await terminate(await db.value(BACKEND))
                await db.value(BACKEND)

        async with database.transaction(Origin(school.id)) as db:
            assert await db.value(THING_COUNT) == 0


async def test_connection_lost_in_the_middle_of_a_statement_is_database_unavailable(
    school: School, lab_settings: Settings, terminate: Callable[[int], Awaitable[None]]
) -> None:
    async def wait_long(database: Database, begun: "asyncio.Future[int]") -> None:
        async with database.transaction(Origin(school.id)) as db:
            begun.set_result(await db.value(BACKEND))
            await db.value(SLEEP)

    async with pool_of(lab_settings, 1) as database:
        begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(wait_long(database, begun))
        await terminate(await begun)
        with pytest.raises(DatabaseUnavailable):
            await task


async def test_connection_lost_before_the_commit_is_outcome_unknown(
    school: School, lab_settings: Settings, terminate: Callable[[int], Awaitable[None]]
) -> None:
    async with pool_of(lab_settings, 1) as database:
        with pytest.raises(OutcomeUnknown):
            async with database.transaction(Origin(school.id), school.tenant) as db:
                await add(db, "perhaps")
                await terminate(await db.value(BACKEND))


async def test_record_always_survives_a_lost_connection(
    school: School, lab_settings: Settings, terminate: Callable[[int], Awaitable[None]]
) -> None:
    async with pool_of(lab_settings, 1) as database:
        with pytest.raises(DatabaseUnavailable):
            async with database.transaction(Origin(school.id), school.tenant) as db:
                db.record_always(ADD_ATTEMPT, what="tried")
                await terminate(await db.value(BACKEND))
                await db.value(BACKEND)

    assert await attempts(school) == ["tried"]


async def test_server_that_does_not_answer_is_database_unavailable(lab_settings: Settings) -> None:
    async with opened(lab_settings, []) as deployment:
        database = Database("postgresql+asyncpg://x:y@127.0.0.1:1/z", deployment=deployment)
        with pytest.raises(DatabaseUnavailable) as refusal:
            await database.check()
        await database.close()

    assert refusal.value.headers == {"Retry-After": "2"}


async def test_server_without_a_free_connection_is_database_unavailable(lab_settings: Settings, stack: Stack) -> None:
    superuser = await asyncpg.connect(stack.database_urls["superuser"].replace("+asyncpg", ""))
    name = f"crowded_{new_id().hex[-12:]}"
    await superuser.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x' CONNECTION LIMIT 0")
    await superuser.execute(f"GRANT CONNECT ON DATABASE collegium TO {name}")
    crowded = re.sub(r"//[^@]+@", f"//{name}:x@", stack.database_urls["app"])
    try:
        async with opened(lab_settings, []) as deployment:
            database = Database(crowded, deployment=deployment)
            with pytest.raises(DatabaseUnavailable):
                await database.check()
            await database.close()
    finally:
        await superuser.execute(f"REVOKE ALL ON DATABASE collegium FROM {name}")
        await superuser.execute(f"DROP ROLE {name}")
        await superuser.close()


async def test_pool_that_is_used_up_is_database_unavailable_after_a_while(
    school: School, lab_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pool_of(lab_settings, 1) as database:
        monkeypatch.setattr(database.primary.engine.pool, "_timeout", 0.05)
        async with database.transaction(Origin(school.id)) as db:
            await db.driver()
            with pytest.raises(DatabaseUnavailable):
                async with database.transaction(Origin(school.id)) as second:
                    await second.driver()


async def test_cancelled_statement_leaves_a_connection_that_the_next_user_can_use(
    school: School, lab_settings: Settings
) -> None:
    async with pool_of(lab_settings, 1) as database:
        begun = asyncio.Event()

        async def wait_long() -> None:
            async with database.transaction(Origin(school.id)) as db:
                await add(db, "lost")
                begun.set()
                await db.value(SLEEP)

        task = asyncio.create_task(wait_long())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with database.transaction(Origin(school.id)) as db:
            assert await db.value(THING_COUNT) == 0


def test_a_reference_that_went_meanwhile_is_a_conflict() -> None:
    error = as_domain_error(asyncpg.ForeignKeyViolationError("insert or update violates a foreign key"))

    assert (type(error), error.status if error else 0) == (ReferenceGone, 409)
