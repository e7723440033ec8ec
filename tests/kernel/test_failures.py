"""Background work that nobody tries any more: seen by its tenant and by operators, and tried again."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kernel.auth import Actor
from kernel.cli import main
from kernel.embedded import Stack
from kernel.failures import failures_everywhere, list_failures, retry_everywhere, retry_failures
from kernel.ids import new_id
from kernel.settings import Settings
from kernel.task_runs import task_status
from kernel.tasks import enqueue
from kernel.tenancy import Tenant
from kernel.worker import deliver_due_events
from tests.kernel.probe.background import ERRAND, Errand, Stage, background_settings, staged, until, working


@pytest.fixture(scope="module")
async def own_settings(stack: Stack, settings: Settings) -> Settings:
    return await background_settings(stack, settings)


@pytest.fixture
async def stage(own_settings: Settings) -> AsyncIterator[Stage]:
    async with staged(own_settings) as stage:
        yield stage


async def _hold(stage: Stage, tenant: Tenant, key: str = "a", **options: Any) -> Any:
    """Leave a held job in a tenant, as `kernel.jobs` does after the last attempt."""
    async with stage.db(tenant) as db:
        run_id = await enqueue(db, ERRAND, Errand(key), **options)
    await stage.worker.execute(
        "WITH held AS (UPDATE queue.pgqueuer SET status = 'failed', attempts = 2 WHERE status = 'queued' RETURNING id)"
        " INSERT INTO queue.pgqueuer_log (job_id, status, priority, entrypoint, traceback)"
        """ SELECT id, 'failed', 0, 'probe.errand', '{"exception_message": "builtins.ValueError"}' FROM held"""
    )
    return run_id


async def _kill_event(stage: Stage) -> None:
    await stage.publish("k")
    await stage.worker.execute(
        "UPDATE kernel.outbox SET dead_at = now(), attempts = 8, last_error = 'builtins.OSError'"
        " WHERE tenant_id = $1 AND listener = 'probe.first'",
        stage.tenant.id,
    )
    await stage.worker.execute("DELETE FROM kernel.outbox WHERE listener = 'probe.second'")


async def test_a_tenant_sees_its_own_failures_alone(stage: Stage) -> None:
    other = await stage.new_tenant()
    await _hold(stage, stage.tenant)
    await _hold(stage, other)
    await _kill_event(stage)

    async with stage.db() as db:
        page = await list_failures(db)
        first = await list_failures(db, limit=1)
    everywhere = await failures_everywhere(stage.deployment, limit=100)

    assert [(each.kind, each.name, each.tenant_id, each.attempts, each.reason) for each in page.items] == [
        ("event", "probe.first", stage.tenant.id, 8, "builtins.OSError"),
        ("task", "probe.errand", stage.tenant.id, 2, "builtins.ValueError"),
    ]
    assert (page.total, len(first.items), first.total) == (2, 1, 2)
    assert sorted(str(each.tenant_id) for each in everywhere.items) == sorted(
        str(tenant.id) for tenant in (stage.tenant, stage.tenant, other)
    )


async def test_a_tenant_cannot_start_what_failed_elsewhere(stage: Stage) -> None:
    other = await stage.new_tenant()
    await _hold(stage, other)
    (foreign,) = (await failures_everywhere(stage.deployment, limit=100)).items

    async with stage.db() as db:
        assert await retry_failures(db, [foreign.id, str(new_id()), "no id", "9" * 30]) == 0
    assert await stage.jobs() == [("probe.errand", "failed", 2)]


async def test_what_is_tried_again_runs_and_its_owner_sees_it(stage: Stage) -> None:
    owner = Actor(stage.tenant.id, user_id=new_id())
    run_id = await _hold(stage, stage.tenant, owner=owner)
    await _kill_event(stage)
    async with stage.db() as db:
        await (await db.driver()).execute("UPDATE kernel.task_runs SET status = 'failed', error = 'No.'")

    async with stage.db() as db:
        page = await list_failures(db)
        assert await retry_failures(db, [each.id for each in page.items]) == 2
        assert (await task_status(db, owner, run_id)).status == "queued"
    await deliver_due_events(stage.deployment)
    async with working(stage):
        await until(lambda: _is_empty(stage))

    assert await stage.traces() == [("errand", "a"), ("first", "k")]
    async with stage.db() as db:
        assert (await list_failures(db)).total == 0
        assert (await task_status(db, owner, run_id)).status == "done"


async def test_a_held_job_that_waits_under_its_key_anew_is_dropped_instead(stage: Stage) -> None:
    await _hold(stage, stage.tenant, "old", dedupe_key="k")
    await _hold(stage, stage.tenant, "newer", dedupe_key="k")
    found = (await failures_everywhere(stage.deployment, limit=100)).items
    assert await retry_everywhere(stage.deployment, found) == 2
    assert await stage.jobs("status, convert_from(payload, 'utf8') LIKE '%newer%'") == [("queued", True)]

    await _hold(stage, stage.tenant, "oldest", dedupe_key="k")
    async with stage.db() as db:
        await enqueue(db, ERRAND, Errand("latest"), dedupe_key="k")
    found = (await failures_everywhere(stage.deployment, limit=100)).items
    assert await retry_everywhere(stage.deployment, found) == 1
    assert await stage.jobs("status, convert_from(payload, 'utf8') LIKE '%latest%'") == [("queued", True)]


async def test_the_command_line_lists_and_retries(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = await stage.new_tenant()
    await _hold(stage, stage.tenant)
    await _hold(stage, other)
    for name, value in stage.deployment.settings.environment().items():
        monkeypatch.setenv(name, value)

    async def run(*words: str) -> tuple[int, str]:
        code = await asyncio.to_thread(main, ["tasks", *words])
        said = capsys.readouterr()
        return code, (said.out + said.err).strip()

    _, lines = await run("failed")
    assert len(lines.splitlines()) == 2
    _, line = await run("failed", "--tenant", other.slug)
    job_id, kind, name, slug, _, reason = line.split("\t")
    assert (kind, name, slug, reason) == ("task", "probe.errand", other.slug, "builtins.ValueError")
    assert await run("retry", job_id, "--tenant", stage.tenant.slug) == (
        2,
        f"collegium: Nothing that failed has the id {job_id}.",
    )
    assert (await run("retry"))[0] == 2
    assert (await run("failed", "--tenant", "nowhere"))[0] == 2
    assert await run("retry", job_id) == (0, "1 will be tried again.")
    assert await run("retry", "--all") == (0, "1 will be tried again.")
    assert {status for _, status, _ in await stage.jobs()} == {"queued"}


async def _is_empty(stage: Stage) -> bool:
    return await stage.jobs() == []
