"""The worker as a whole: it outlives a crash of PostgreSQL, on a stack of its own."""

import asyncio
import signal
from collections.abc import Iterator

import asyncpg
import pytest

from kernel.embedded import Stack, running_stack
from kernel.embedded.place import settle
from kernel.embedded.postgres import Postgres
from kernel.embedded.programs import find_programs
from kernel.embedded.server import is_alive, poll
from kernel.errors import NotFound
from kernel.faults import describe, traceback_of
from kernel.settings import Settings
from kernel.tasks import enqueue
from kernel.worker import deliver_due_events
from tests.kernel.probe.background import ERRAND, Errand, Stage, background_settings, staged, until, working


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("worker") / "stack", temporary=True) as running:
        yield running


@pytest.fixture(scope="module")
async def own_settings(own_stack: Stack, settings: Settings) -> Settings:
    return await background_settings(own_stack, settings)


def crash_and_start(stack: Stack) -> None:
    """End PostgreSQL at once, so that it must recover, and start it again."""
    place = settle(stack.data_dir)
    server = Postgres(place, find_programs(place.account, print))
    process = server.process()
    assert process is not None
    process.send_signal(signal.SIGQUIT)
    assert poll(lambda: not is_alive(process), 30)
    server.ensure_launched(alone=True)
    server.wait_until_ready()


async def test_events_and_jobs_go_on_after_a_crash_of_postgresql(own_stack: Stack, own_settings: Settings) -> None:
    keys = [f"{number:02}" for number in range(40)]
    async with staged(own_settings) as stage:
        await stage.publish(*keys, act="take 0.05")
        async with stage.db() as db:
            await enqueue(db, ERRAND, Errand("a", "take 1"))

        async with working(stage):
            await until(lambda: _works_on_both(stage))
            await stage.disconnect()
            await asyncio.to_thread(crash_and_start, own_stack)
            await stage.connect()
            await stage.worker.execute("UPDATE queue.pgqueuer SET heartbeat = now() - interval '1 minute'")
            await until(lambda: _is_done(stage))

        assert await stage.traces() == [("errand", "a"), *((who, key) for who in ("first", "second") for key in keys)]


async def test_due_events_are_delivered_at_once_where_no_worker_runs(own_settings: Settings) -> None:
    async with staged(own_settings) as stage:
        await stage.publish("a")

        await deliver_due_events(stage.deployment)

        assert await stage.traces() == [("first", "a"), ("second", "a")]


async def _works_on_both(stage: Stage) -> bool:
    return await stage.jobs() == [("probe.errand", "picked", 1)] and 0 < len(await stage.outbox()) < 80


async def _is_done(stage: Stage) -> bool:
    return await stage.jobs() == [] and await stage.outbox() == []


async def test_an_error_is_described_by_kind_and_place_and_not_by_what_it_quotes(own_settings: Settings) -> None:
    async with staged(own_settings) as stage:
        with pytest.raises(asyncpg.UniqueViolationError) as refused:
            await stage.owner.execute("INSERT INTO probe.names VALUES ('Ada'), ('Ada')")

    words = describe(refused.value).split()
    assert words[:3] == ["asyncpg.exceptions.UniqueViolationError", "23505", "names_pkey"]
    assert "Ada" in str(refused.value.detail)
    assert "Ada" not in describe(refused.value)

    error: BaseException = ExceptionGroup("two things", [refused.value, KeyError("x")])
    try:
        raise ValueError("the request was refused") from error
    except ValueError as outer:
        told = traceback_of(outer)
    assert str(refused.value.detail) not in told
    assert told.splitlines()[0] == "ExceptionGroup: two things (2 sub-exceptions)"
    for part in (
        "asyncpg.exceptions.UniqueViolationError 23505 names_pkey",
        "KeyError: 'x'",
        "direct cause",
        "test_an_error_is_described_by_kind_and_place",
    ):
        assert part in told
    assert told.splitlines()[-1] == "ValueError: the request was refused"


def test_a_refusal_is_described_by_its_code() -> None:
    assert describe(NotFound("a secret")) == "kernel.errors.NotFound kernel.not_found"
