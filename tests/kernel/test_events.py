"""Events: published with the transaction, delivered once in effect, whatever fails or is killed on the way."""

import asyncio
import signal
from collections.abc import AsyncIterator
from functools import partial

import pytest
import structlog

from kernel import outbox
from kernel.db import Database, Origin
from kernel.embedded import Stack
from kernel.events import Listener, Listeners, publish
from kernel.ids import new_id
from kernel.outbox import MOST_ATTEMPTS
from kernel.plugin import PluginError
from kernel.settings import Settings
from tests.kernel.probe.background import (
    Happened,
    Stage,
    Unheard,
    background_settings,
    dispatching,
    hear_first,
    process,
    staged,
    until,
    working,
)

BOTH = [("first", "a"), ("second", "a")]


@pytest.fixture(scope="module")
async def own_settings(stack: Stack, settings: Settings) -> Settings:
    return await background_settings(stack, settings)


@pytest.fixture
async def stage(own_settings: Settings) -> AsyncIterator[Stage]:
    async with staged(own_settings) as stage:
        yield stage


async def test_publishing_leaves_a_row_for_each_listener(stage: Stage) -> None:
    actor = new_id()
    async with stage.db(actor_id=actor) as db:
        await publish(db, Happened(key="a", act="b"))

    rows = await stage.outbox("listener, event, event_version, payload::text, actor_id, request_id, attempts, dead_at")

    assert rows == [
        (listener, "probe.thing.happened", 1, '{"act": "b", "key": "a"}', actor, "request-1", 0, None)
        for listener in ("probe.first", "probe.second")
    ]


async def test_an_event_without_listeners_is_no_error(stage: Stage) -> None:
    async with stage.db() as db:
        await publish(db, Unheard())

    assert await stage.outbox() == []


async def test_a_rollback_takes_the_event_with_it(stage: Stage) -> None:
    async def publish_and_fail() -> None:
        async with stage.db() as db:
            await publish(db, Happened(key="a"))
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await publish_and_fail()

    assert await stage.outbox() == []
    assert not stage.deployment.listeners.news.is_set()


async def test_a_commit_wakes_the_dispatcher_of_the_process(stage: Stage) -> None:
    await stage.publish("a")

    assert stage.deployment.listeners.news.is_set()


async def test_two_listeners_of_one_name_are_refused() -> None:
    listener = Listener(Happened, "probe.first", hear_first)

    with pytest.raises(PluginError, match=r"'probe' \(probe.first\): two listeners have this name"):
        Listeners([listener, listener])


async def test_an_event_reaches_every_listener_in_its_tenant_with_its_origin(stage: Stage) -> None:
    actor = new_id()
    async with stage.db(actor_id=actor) as db:
        await publish(db, Happened(key="a"))

    async with dispatching(stage) as dispatcher:
        await dispatcher.settle()

    rows = await stage.owner.fetch("SELECT * FROM probe.traces WHERE tenant_id = $1 ORDER BY who", stage.tenant.id)
    assert [tuple(row) for row in rows] == [
        (stage.tenant.id, str(actor), "request-1", "first", "a"),
        (stage.tenant.id, str(actor), "request-1", "second", "a"),
    ]
    assert await stage.outbox() == []


async def test_a_failing_listener_counts_and_keeps_no_secret_and_stops_nobody(stage: Stage) -> None:
    await stage.publish("a", act="fail")

    async with dispatching(stage) as dispatcher:
        with structlog.testing.capture_logs() as logs:
            await dispatcher.settle()

    assert await stage.traces() == [("second", "a")]
    ((listener, attempts, dead_at, error, is_later),) = await stage.outbox(
        "listener, attempts, dead_at, last_error, available_at > now()"
    )
    assert (listener, attempts, dead_at, is_later) == ("probe.first", 1, None, True)
    assert error.startswith("builtins.ValueError in background.py:")
    assert "secret" not in error
    assert [(line["event"], line["listener"], line["attempt"]) for line in logs] == [("event.failed", "probe.first", 1)]


async def test_a_listener_that_always_fails_ends_as_a_dead_letter(stage: Stage) -> None:
    await stage.publish("a", act="fail")

    async with dispatching(stage) as dispatcher:
        with structlog.testing.capture_logs() as logs:
            for _ in range(MOST_ATTEMPTS + 2):
                await dispatcher.settle()
                await stage.make_due()

    assert await stage.outbox("listener, attempts, dead_at IS NOT NULL") == [("probe.first", MOST_ATTEMPTS, True)]
    assert [line["event"] for line in logs] == ["event.failed"] * MOST_ATTEMPTS + ["event.dead"]


async def test_a_row_that_ended_its_worker_each_time_dies_without_another_run(stage: Stage) -> None:
    await stage.publish("a")
    await stage.worker.execute("UPDATE kernel.outbox SET attempts = $1 WHERE listener = 'probe.first'", MOST_ATTEMPTS)

    async with dispatching(stage) as dispatcher:
        await dispatcher.settle()

    assert await stage.traces() == [("second", "a")]
    assert await stage.outbox("listener, dead_at IS NOT NULL, last_error") == [
        ("probe.first", True, "The last attempt ended its worker.")
    ]


async def test_an_event_of_another_version_waits_for_a_worker_that_knows_it(stage: Stage) -> None:
    await stage.publish("a")
    await stage.worker.execute("UPDATE kernel.outbox SET event_version = 2 WHERE listener = 'probe.first'")

    async with dispatching(stage) as dispatcher:
        await dispatcher.settle()

    assert await stage.traces() == [("second", "a")]
    ((attempts, error),) = await stage.outbox("attempts, last_error")
    assert (attempts, error.split()[0]) == (1, "kernel.dispatch.EventVersionUnknown")


async def test_a_plugin_that_is_switched_off_gets_no_rows(stage: Stage) -> None:
    await stage.switch_plugins()

    await stage.publish("a")

    assert await stage.outbox() == []


async def test_rows_of_a_plugin_that_was_switched_off_since_wait_uncounted(stage: Stage) -> None:
    await stage.publish("a", "b")
    await stage.switch_plugins()

    async with dispatching(stage, lanes=1) as dispatcher:
        await dispatcher.settle()
        waiting = await stage.outbox("listener, attempts, available_at > now()")
        await stage.switch_plugins("probe")
        await stage.make_due()
        await dispatcher.settle()

    assert waiting == [
        (listener, 0, True) for listener in ("probe.first", "probe.first", "probe.second", "probe.second")
    ]
    assert await stage.traces() == [("first", "a"), ("first", "b"), ("second", "a"), ("second", "b")]
    assert await stage.outbox() == []


async def test_rows_of_a_tenant_that_is_switched_off_wait(stage: Stage) -> None:
    await stage.publish("a")
    await stage.switch_tenant_off()

    async with dispatching(stage) as dispatcher:
        await dispatcher.settle()

    assert await stage.traces() == []
    assert await stage.outbox() == [("probe.first", 0), ("probe.second", 0)]


async def test_two_dispatchers_never_run_a_row_twice(stage: Stage) -> None:
    keys = [f"{number:03}" for number in range(100)]
    await stage.publish(*keys)

    async with dispatching(stage) as one, dispatching(stage) as other:

        async def is_empty() -> bool:
            # While one claims, it holds rows that the other has just claimed; what is skipped so is due again in half
            # a second.
            await asyncio.gather(one.settle(), other.settle())
            return await stage.outbox() == []

        await until(is_empty)

    assert await stage.traces() == [(who, key) for who in ("first", "second") for key in keys]


async def test_a_claim_that_another_has_taken_over_does_nothing(stage: Stage) -> None:
    await stage.publish("a", act="take 0.3")

    async with dispatching(stage) as one, dispatching(stage) as other:
        running = asyncio.create_task(one.settle())
        await until(lambda: stage.worker.fetchval("SELECT count(*) > 0 FROM kernel.outbox WHERE attempts > 0"))
        await stage.make_due()
        await asyncio.gather(running, other.settle())

    assert await stage.traces() == BOTH


async def test_rows_that_were_tried_before_are_not_claimed_in_advance(stage: Stage) -> None:
    await stage.publish("a", "b", "c", "d")
    await stage.worker.execute("UPDATE kernel.outbox SET attempts = 1 WHERE listener = 'probe.second'")

    url = stage.deployment.settings.worker_database_url
    database = Database(url, deployment=stage.deployment, pool_size=1)
    async with database.transaction(Origin(tenant_id=None)) as db:
        claims = await outbox.claim(db, ["probe.first", "probe.second"], most=20, most_again=2)
    await database.close()

    assert [(each.listener, each.attempts) for each in claims] == [("probe.second", 2)] * 2 + [("probe.first", 1)] * 4


async def test_a_slow_listener_leaves_a_lane_to_the_others(stage: Stage) -> None:
    keys = [f"{number:02}" for number in range(20)]
    await stage.publish(*keys, act="take 1000")

    async with dispatching(stage) as dispatcher:

        async def second_has_heard_all() -> bool:
            await dispatcher.round()
            return await stage.traces() == [("second", key) for key in keys]

        await until(second_has_heard_all)


async def test_stopping_lets_a_running_listener_end(stage: Stage) -> None:
    await stage.publish("a", act="take 0.3")

    async with working(stage) as stop:
        await until(lambda: stage.worker.fetchval("SELECT count(*) = 1 FROM kernel.outbox WHERE attempts > 0"))
        stop.set()

    assert await stage.traces() == BOTH


async def test_an_event_survives_the_kill_of_its_process_between_commit_and_dispatch(stage: Stage) -> None:
    with process(stage.deployment.settings, "publish", str(stage.tenant.id), "a"):
        pass

    async with dispatching(stage) as dispatcher:
        await dispatcher.settle()

    assert await stage.traces() == BOTH


async def test_a_kill_in_the_middle_of_a_listener_leaves_one_effect(stage: Stage) -> None:
    await stage.publish("a", act="hang")
    with process(stage.deployment.settings, "worker", "hanging") as worker:
        assert worker.stdout is not None
        assert await asyncio.to_thread(worker.stdout.readline) == "hanging\n"
        worker.send_signal(signal.SIGKILL)

    async with working(stage):
        await until(lambda: _is_empty(stage))

    assert await stage.traces() == BOTH


async def test_kills_at_any_moment_leave_each_effect_once(stage: Stage) -> None:
    keys = [f"{number:03}" for number in range(150)]
    await stage.publish(*keys)
    for left in (300, 200):
        with process(stage.deployment.settings, "worker"):
            await until(partial(_has_fewer, stage, left))

    async with working(stage):
        await until(lambda: _is_empty(stage))

    assert await stage.traces() == [(who, key) for who in ("first", "second") for key in keys]


async def _is_empty(stage: Stage) -> bool:
    return await stage.outbox() == []


async def _has_fewer(stage: Stage, count: int) -> bool:
    return len(await stage.outbox()) < count
