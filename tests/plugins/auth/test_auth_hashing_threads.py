"""Who waits for whom when passwords are hashed."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from plugins.auth.errors import PasswordsBusy
from plugins.auth.hashing_threads import HashingThreads

OURS, THEIRS, OTHERS = UUID(int=1), UUID(int=2), UUID(int=3)


def ordered(threads: HashingThreads, tenant_id: UUID, work: Callable[[], Any]) -> asyncio.Task[Any]:
    """Order work without waiting for it."""
    return asyncio.create_task(threads.run(tenant_id, work))


async def test_whoever_would_wait_too_long_is_refused_and_room_comes_back() -> None:
    threads, go = HashingThreads(1, 1), threading.Event()
    waiting = [ordered(threads, OURS, go.wait) for _ in range(2)]
    await asyncio.sleep(0)
    try:
        with pytest.raises(PasswordsBusy) as refused:
            await threads.run(OURS, go.wait)
    finally:
        go.set()
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "5"})
    assert await asyncio.gather(*waiting) == [True, True]
    assert await threads.run(OURS, lambda: "room") == "room"
    assert threads.load == 0


async def test_full_queue_of_one_school_refuses_nobody_of_another() -> None:
    threads, go = HashingThreads(1, 2), threading.Event()
    crowd = [ordered(threads, OURS, go.wait) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(PasswordsBusy):
        await threads.run(OURS, go.wait)
    stranger = ordered(threads, THEIRS, lambda: "in")
    await asyncio.sleep(0)
    go.set()
    assert await stranger == "in"
    await asyncio.gather(*crowd)


async def test_schools_take_turns_however_many_wait_for_one() -> None:
    threads, go = HashingThreads(1, 10), threading.Event()
    done: list[str] = []
    first = ordered(threads, OURS, go.wait)
    await asyncio.sleep(0)
    crowd = [ordered(threads, OURS, partial(done.append, f"ours {number}")) for number in range(4)]
    await asyncio.sleep(0)
    theirs = [ordered(threads, THEIRS, partial(done.append, f"theirs {number}")) for number in range(2)]
    other = ordered(threads, OTHERS, partial(done.append, "other"))
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(first, *crowd, *theirs, other)
    assert done == ["ours 0", "theirs 0", "other", "ours 1", "theirs 1", "ours 2", "ours 3"]


async def test_many_schools_with_full_queues_are_refused_too() -> None:
    threads, go = HashingThreads(1, 1), threading.Event()
    crowd = [ordered(threads, UUID(int=number), go.wait) for number in range(5)]
    await asyncio.sleep(0)
    try:
        with pytest.raises(PasswordsBusy):
            await threads.run(OURS, go.wait)
    finally:
        go.set()
    await asyncio.gather(*crowd)


async def test_caller_who_gives_up_leaves_the_queue() -> None:
    threads, go = HashingThreads(1, 1), threading.Event()
    first = ordered(threads, OURS, go.wait)
    second = ordered(threads, OURS, go.wait)
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    third = ordered(threads, OURS, go.wait)
    await asyncio.sleep(0)
    go.set()
    assert (await first, await third) == (True, True)


async def test_what_fails_fails_where_it_was_ordered() -> None:
    threads = HashingThreads(1, 1)
    with pytest.raises(ZeroDivisionError):
        await threads.run(OURS, lambda: 1 // 0)
    assert threads.load == 0


async def test_threads_that_get_no_time_are_helped() -> None:
    """A thread that stands behind a busy machine may not run at all; here it is stopped in the middle of its work."""
    threads, go = HashingThreads(1, 5, patience_s=0.01), threading.Event()
    in_the_way = {"stuck": True}

    def work() -> str:
        if in_the_way.pop("stuck", False):
            go.wait()
        return threading.current_thread().name

    names = await asyncio.gather(threads.run(OURS, work), threads.run(OURS, work), threads.run(THEIRS, work))
    go.set()
    assert [name.rpartition("_")[0] for name in names] == ["passwords-late"] * 3
    assert threads.load == 0
    assert await threads.run(OURS, lambda: "as before") == "as before"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
async def test_hashing_stands_behind_everything_else_and_its_help_steps_back() -> None:
    threads, go = HashingThreads(1, 1, patience_s=0.01), threading.Event()
    seen: list[tuple[int, int]] = []

    def work() -> None:
        own = threading.get_native_id()
        seen.append((os.sched_getscheduler(own), os.getpriority(os.PRIO_PROCESS, own)))
        if len(seen) == 1:
            go.wait()

    before = os.getpriority(os.PRIO_PROCESS, 0)
    await threads.run(OURS, work)
    go.set()
    assert seen[0][0] == os.SCHED_IDLE
    assert seen[1] == (os.SCHED_OTHER, min(before + 10, 19))
    assert (os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)) == (os.SCHED_OTHER, before)
