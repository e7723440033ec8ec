"""Threads that hash passwords: behind everything else that runs, and shared by all tenants in turn.

A hash takes a core for a quarter of a second. Whoever is signed in already must not feel how many others are signing
in, and the people of one school must not wait for all who try the passwords of another.
"""

import asyncio
import os
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar
from uuid import UUID

from plugins.auth.errors import PasswordsBusy

R = TypeVar("R")
_STEPS_BACK = 10
"""Of `nice`: a tenth of the share of a thread that has not stepped back, where both want the core."""
_PATIENCE_S = 2.0
"""Several times what a hash takes: if none has ended for so long, others need the whole machine."""
_SCHOOLS_AT_ONCE = 4
"""So many tenants may have their queues full at the same time."""


def stand_behind() -> None:
    """Let this thread run only where nothing else wants the core; elsewhere than on Linux nothing happens.

    Unlike one that is only nicer, it gives way the moment anything else wakes up. There is no way back: without a
    privilege a thread may not leave this policy.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # where a sandbox forbids it, hashing is felt more, and works
            os.sched_setscheduler(threading.get_native_id(), os.SCHED_IDLE, os.sched_param(0))


def step_back() -> None:
    """Let this thread have a small share of the core beside others; elsewhere than on Linux nothing happens."""
    if sys.platform == "linux":
        # Linux has a priority for each thread; other systems would take that of the whole process.
        own = os.getpriority(os.PRIO_PROCESS, 0)
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), own + _STEPS_BACK)


class _Job:
    """Work that is done once, even if two threads have taken it up."""

    def __init__(self, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.future: Future[Any] = Future()
        self._work = work
        self._arguments = arguments

    def do(self) -> None:
        """Work, and settle the future unless another thread has, or its owner has gone."""
        if self.future.done():
            return
        try:
            result = self._work(*self._arguments)
        except Exception as error:  # noqa: BLE001 - it is raised where the work was ordered
            with suppress(InvalidStateError):
                self.future.set_exception(error)
        else:
            with suppress(InvalidStateError):
                self.future.set_result(result)


class HashingThreads:
    """As many threads as cores, and a short queue for each tenant: who would wait long is refused at once.

    The threads take one job of each tenant in turn. They stand behind everything else that runs; where that leaves
    them nothing at all, because other programs take every core, as many threads more work with a small share.

    Args:
        threads: Hashes at the same time.
        most_waiting: Further ones of one tenant that may wait.
        patience_s: How long no hash may end before the other threads step in.
    """

    def __init__(self, threads: int, most_waiting: int, *, patience_s: float = _PATIENCE_S) -> None:
        self._most_of_tenant = threads + most_waiting
        self._most = threads + most_waiting * _SCHOOLS_AT_ONCE
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._loads: Counter[UUID] = Counter()
        self._queues: dict[UUID, deque[_Job]] = {}
        self._ended_at = time.monotonic()
        self._behind = ThreadPoolExecutor(threads, thread_name_prefix="passwords", initializer=stand_behind)
        self._beside = ThreadPoolExecutor(threads, thread_name_prefix="passwords-late", initializer=step_back)

    @property
    def load(self) -> int:
        """Hashes that run or wait."""
        return self._loads.total()

    async def run(self, tenant_id: UUID, work: Callable[..., R], *arguments: Any) -> R:
        """Return what `work` returns, run in one of the threads when it is the tenant's turn.

        Raises:
            PasswordsBusy: Too many of this tenant wait already, or of all.
        """
        loop, job = asyncio.get_running_loop(), _Job(work, arguments)
        with self._lock:
            if self._loads[tenant_id] >= self._most_of_tenant or self.load >= self._most:
                raise PasswordsBusy(headers={"Retry-After": "5"})
            self._loads[tenant_id] += 1
            self._queues.setdefault(tenant_id, deque()).append(job)
        job.future.add_done_callback(lambda _: self._leave(tenant_id))
        self._behind.submit(self._do_next)
        loop.call_later(self._patience_s, self._hurry, loop, job, tenant_id)
        result: R = await asyncio.wrap_future(job.future)
        return result

    def _do_next(self) -> None:
        with self._lock:
            job = self._take_next()
        if job is not None:
            job.do()
            self._ended_at = time.monotonic()

    def _take_next(self) -> _Job | None:
        """Return a job of the tenant that has waited longest for its turn, which goes to the end of the line."""
        for tenant_id in self._queues:
            queue = self._queues.pop(tenant_id)
            job = queue.popleft()
            if queue:
                self._queues[tenant_id] = queue
            return job
        return None

    def _hurry(self, loop: asyncio.AbstractEventLoop, job: _Job, tenant_id: UUID) -> None:
        """Give a job to the other threads if nothing has moved for too long."""
        if job.future.done():
            return
        if time.monotonic() - self._ended_at < self._patience_s:
            loop.call_later(self._patience_s, self._hurry, loop, job, tenant_id)
            return
        with self._lock, suppress(KeyError, ValueError):
            self._queues[tenant_id].remove(job)
            if not self._queues[tenant_id]:
                del self._queues[tenant_id]
        self._beside.submit(job.do)

    def _leave(self, tenant_id: UUID) -> None:
        with self._lock:
            self._loads[tenant_id] -= 1
            if not self._loads[tenant_id]:
                del self._loads[tenant_id]
