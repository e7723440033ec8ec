"""Tasks: enqueued with the transaction, run in their tenant, once in effect where they are one transaction."""

import asyncio
import signal
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from kernel.db import Database
from kernel.embedded import Stack
from kernel.ids import new_id
from kernel.queue import Queue
from kernel.settings import Settings
from kernel.tasks import NoPayload, Task, enqueue, enqueue_for_each
from tests.kernel.probe.background import (
    ERRAND,
    HASTE,
    WALK,
    Errand,
    Stage,
    background_settings,
    process,
    run_errand,
    staged,
    until,
    working,
)


@pytest.fixture(scope="module")
async def own_settings(stack: Stack, settings: Settings) -> Settings:
    return await background_settings(stack, settings)


@pytest.fixture
async def stage(own_settings: Settings) -> AsyncIterator[Stage]:
    async with staged(own_settings) as stage:
        yield stage


async def _enqueue(stage: Stage, key: str, act: str = "", *, task: Task[Errand] = ERRAND) -> None:
    async with stage.db() as db:
        await enqueue(db, task, Errand(key, act))


async def test_a_job_carries_tenant_actor_request_and_ids(stage: Stage) -> None:
    actor = new_id()
    async with stage.db(actor_id=actor) as db:
        await enqueue(db, ERRAND, Errand("a"), delay=timedelta(hours=1))

    rows = await stage.jobs(
        "entrypoint, status, attempts, execute_after > now() + '59 min', convert_from(payload, 'utf8')"
    )

    payload = (
        f'{{"tenant_id":"{stage.tenant.id}","actor_id":"{actor}","request_id":"request-1",'
        '"data":{"key":"a","act":""}}'
    )
    assert rows == [("probe.errand", "queued", 0, True, payload)]


async def test_a_rollback_takes_the_job_with_it_even_if_it_was_the_first_act(stage: Stage) -> None:
    async def enqueue_and_fail() -> None:
        async with stage.db() as db:
            await enqueue(db, ERRAND, Errand("a"))
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await enqueue_and_fail()

    assert await stage.jobs() == []


async def test_a_dedupe_key_keeps_one_job_for_each_tenant(stage: Stage) -> None:
    other = await stage.new_tenant()
    for tenant in (stage.tenant, stage.tenant, other):
        async with stage.db(tenant) as db:
            await enqueue(db, ERRAND, Errand("a"), dedupe_key="k")

    assert await stage.jobs("dedupe_key") == [(f"{tenant.id}:probe.errand:k",) for tenant in (stage.tenant, other)]


async def test_the_app_role_cannot_read_what_jobs_say(stage: Stage) -> None:
    connection = await asyncpg.connect(stage.deployment.settings.database_url.replace("+asyncpg", ""))
    try:
        assert await connection.fetch("SELECT id, entrypoint, priority, dedupe_key FROM queue.pgqueuer") == []
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT payload FROM queue.pgqueuer")
    finally:
        await connection.close()


async def test_a_task_without_anything_to_do_is_refused() -> None:
    with pytest.raises(ValueError, match="give either handle or work"):
        Task(name="probe.idle", payload=NoPayload)


async def test_a_schedule_needs_a_payload_without_arguments() -> None:
    with pytest.raises(TypeError):
        Task(name="probe.errand", payload=Errand, handle=run_errand, schedule="0 0 * * *")


async def test_jobs_run_in_their_tenant_with_their_origin(stage: Stage) -> None:
    other, actor = await stage.new_tenant(), new_id()
    async with stage.db(actor_id=actor) as db:
        await enqueue(db, ERRAND, Errand("a"))
    async with stage.db(other) as db:
        await enqueue(db, ERRAND, Errand("b"))

    async with working(stage):
        await until(lambda: _is_empty(stage))

    rows = await stage.owner.fetch(
        "SELECT * FROM probe.traces WHERE tenant_id = any($1) ORDER BY key", [stage.tenant.id, other.id]
    )
    assert [tuple(row) for row in rows] == [
        (stage.tenant.id, str(actor), "request-1", "errand", "a"),
        (other.id, "", "request-1", "errand", "b"),
    ]


async def test_long_work_commits_each_of_its_transactions(stage: Stage) -> None:
    await _enqueue(stage, "a", task=WALK)

    async with working(stage):
        await until(lambda: _is_empty(stage))

    assert await stage.traces() == [("back", "a"), ("there", "a")]


async def test_a_failing_job_is_tried_again_and_then_held_without_secrets(stage: Stage) -> None:
    await _enqueue(stage, "a", "fail")

    async with working(stage):
        await until(lambda: _has(stage, ("probe.errand", "queued", 1)))
        await stage.make_due()
        await until(lambda: _has(stage, ("probe.errand", "failed", 2)))

    assert await stage.traces() == []
    reasons = await stage.worker.fetch(
        "SELECT status, traceback::jsonb ->> 'exception_message' FROM queue.pgqueuer_log"
        " WHERE traceback IS NOT NULL AND job_id = (SELECT id FROM queue.pgqueuer WHERE entrypoint = 'probe.errand')"
        " ORDER BY id"
    )
    assert [(status, reason.partition(" in ")[0]) for status, reason in reasons] == [
        ("queued", "builtins.ValueError"),
        ("failed", "builtins.ValueError"),
    ]


async def test_a_job_that_takes_too_long_fails(stage: Stage) -> None:
    await _enqueue(stage, "a", "take 1000", task=HASTE)

    async with working(stage):
        await until(lambda: _has(stage, ("probe.haste", "failed", 1)))

    assert await stage.traces() == []


async def test_jobs_of_a_plugin_that_is_switched_off_wait_uncounted(stage: Stage) -> None:
    await _enqueue(stage, "a")
    await stage.switch_plugins()

    async with working(stage):
        await until(lambda: _is_put_off(stage))
        waiting = await stage.jobs()
        await stage.switch_plugins("probe")
        await stage.make_due()
        await until(lambda: _is_empty(stage))

    assert waiting == [("probe.errand", "queued", 0)]
    assert await stage.traces() == [("errand", "a")]


async def test_jobs_of_a_tenant_that_is_switched_off_wait(stage: Stage) -> None:
    await _enqueue(stage, "a")
    await stage.switch_tenant_off()

    async with working(stage):
        await until(lambda: _is_put_off(stage))

    assert await stage.traces() == []


async def test_jobs_of_the_deployment_wait_while_their_plugin_is_set_aside(stage: Stage) -> None:
    async with stage.db() as db:
        await enqueue_for_each(db, ERRAND, Errand("a"), [None])
    stage.deployment.set_aside["probe"] = "It is not migrated."

    async with working(stage):
        await until(lambda: _is_put_off(stage))
        waiting = await stage.jobs()

    assert waiting == [("probe.errand", "queued", 0)]


async def test_a_job_whose_worker_was_killed_runs_again_once_in_effect(stage: Stage) -> None:
    await _enqueue(stage, "a", "hang")
    with process(stage.deployment.settings, "worker", "hanging") as worker:
        assert worker.stdout is not None
        assert await asyncio.to_thread(worker.stdout.readline) == "hanging\n"
        worker.send_signal(signal.SIGKILL)
    await stage.worker.execute("UPDATE queue.pgqueuer SET heartbeat = now() - interval '1 minute'")

    async with working(stage):
        await until(lambda: _is_empty(stage))

    assert await stage.traces() == [("errand", "a")]


async def test_a_job_that_ended_its_worker_each_time_is_held_without_another_run(stage: Stage) -> None:
    await _enqueue(stage, "a")
    await stage.worker.execute("UPDATE queue.pgqueuer SET attempts = 2 WHERE entrypoint = 'probe.errand'")

    async with working(stage):
        await until(lambda: _has(stage, ("probe.errand", "failed", 3)))

    assert await stage.traces() == []


async def test_a_worker_that_lost_its_job_to_another_commits_nothing(stage: Stage) -> None:
    other = new_id()
    await _enqueue(stage, "a", "take 0.5")

    async with working(stage):
        await until(lambda: _has(stage, ("probe.errand", "picked", 1)))
        await stage.worker.execute(
            "UPDATE queue.pgqueuer SET queue_manager_id = $1 WHERE entrypoint = 'probe.errand'", other
        )

    assert await stage.jobs("status, queue_manager_id") == [("picked", other)]
    assert await stage.traces() == []


async def test_stopping_lets_a_running_job_end(stage: Stage) -> None:
    await _enqueue(stage, "a", "take 0.5")

    async with working(stage) as stop:
        await until(lambda: _has(stage, ("probe.errand", "picked", 1)))
        stop.set()

    assert await stage.traces() == [("errand", "a")]
    assert await stage.jobs() == []


async def test_a_stop_that_cannot_wait_puts_the_job_back_uncounted(stage: Stage) -> None:
    await _enqueue(stage, "a", "take 1000")
    database = Database(stage.deployment.settings.worker_database_url, deployment=stage.deployment, pool_size=4)
    stop = asyncio.Event()
    running = asyncio.create_task(Queue(stage.deployment, database, grace_s=0).work(stop))
    await until(lambda: _has(stage, ("probe.errand", "picked", 1)))

    stop.set()
    await asyncio.wait_for(running, 20)
    await database.close()

    assert await stage.traces() == []
    assert await stage.jobs() == [("probe.errand", "queued", 0)]


async def test_a_schedule_starts_once_for_each_tenant_where_the_plugin_acts(stage: Stage) -> None:
    off = await stage.new_tenant()
    on, stage.tenant = stage.tenant, off
    await stage.switch_plugins()
    async with working(stage):
        await until(lambda: _schedule_is_known(stage, "probe.round"))
    await stage.worker.execute("UPDATE queue.pgqueuer_schedules SET next_run = now() WHERE entrypoint = 'probe.round'")

    async with working(stage), working(stage):
        await until(lambda: stage.traces(of=on))
        await until(lambda: _is_empty(stage))

    assert await stage.traces(of=on) == [("round", "scheduled")]
    assert await stage.traces(of=off) == []


async def test_old_lines_of_the_queue_log_are_removed_by_a_schedule_without_tenant(stage: Stage) -> None:
    for days, aggregated in ((8, True), (8, False), (6, True)):
        await stage.worker.execute(
            "INSERT INTO queue.pgqueuer_log (job_id, status, priority, entrypoint, aggregated, created)"
            " VALUES ($1, 'successful', 0, 'probe.old', $2, now() - make_interval(days => $1::bigint::int))",
            days,
            aggregated,
        )
    async with working(stage):
        await until(lambda: _schedule_is_known(stage, "kernel.prune_queue_log"))
    await stage.worker.execute("UPDATE queue.pgqueuer_schedules SET next_run = now()")

    old = "FROM queue.pgqueuer_log WHERE entrypoint = 'probe.old'"
    async with working(stage):
        await until(lambda: stage.worker.fetchval(f"SELECT count(*) < 3 {old}"))

    rows = await stage.worker.fetch(f"SELECT job_id, aggregated {old} ORDER BY id")
    assert [tuple(row) for row in rows] == [(8, False), (6, True)]


async def _schedule_is_known(stage: Stage, task: str) -> bool:
    return await stage.worker.fetchval("SELECT count(*) = 1 FROM queue.pgqueuer_schedules WHERE entrypoint = $1", task)  # type: ignore[no-any-return]


async def _is_empty(stage: Stage) -> bool:
    return await stage.jobs() == []


async def _is_put_off(stage: Stage) -> bool:
    return await stage.jobs("status, execute_after > now() + interval '30 s'") == [("queued", True)]


async def _has(stage: Stage, job: tuple[str, str, int]) -> bool:
    return await stage.jobs() == [job]
