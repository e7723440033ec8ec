"""Background work of one process: events and tasks, kept going whatever happens to PostgreSQL, ended in order.

How events are delivered is `kernel.dispatch`, how jobs are found `kernel.queue`.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from kernel.db import Database
from kernel.deployment import Deployment
from kernel.dispatch import LANES, Dispatcher
from kernel.faults import describe
from kernel.queue import SIDE_BY_SIDE, Queue
from kernel.scratch import sweep_scratch

log = structlog.get_logger(__name__)

_GRACE_S = 15.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_BETWEEN_SWEEPS_S = 3600.0


async def run_worker(deployment: Deployment, stop: asyncio.Event) -> None:
    """Deliver events and run jobs until `stop` is set; what runs then may end, within a grace period."""
    database = Database(
        deployment.settings.worker_database_url, deployment=deployment, pool_size=LANES + SIDE_BY_SIDE + 2
    )
    dispatcher, queue = Dispatcher(deployment, database), Queue(deployment, database)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_deliver_events(dispatcher, stop))
            group.create_task(keep_going(lambda: queue.work(stop), stop, what="queue"))
            group.create_task(keep_going(lambda: _sweep(deployment, stop), stop, what="sweep"))
    finally:
        await database.close()


async def deliver_due_events(deployment: Deployment) -> None:
    """Deliver every event that is due and return when nothing is; for tests and commands."""
    database = Database(deployment.settings.worker_database_url, deployment=deployment, pool_size=LANES + 1)
    try:
        await Dispatcher(deployment, database).settle()
    finally:
        await database.close()


async def _deliver_events(dispatcher: Dispatcher, stop: asyncio.Event) -> None:
    try:
        await keep_going(dispatcher.round, stop, what="events")
    finally:
        await dispatcher.drain(_GRACE_S)


async def _sweep(deployment: Deployment, stop: asyncio.Event) -> None:
    """After an hour, remove what processes have left on this machine and in the storage that have died meanwhile."""
    await _sleep(_BETWEEN_SWEEPS_S, stop)
    if not stop.is_set():
        await asyncio.to_thread(sweep_scratch)
        await deployment.storage.prepare()


async def keep_going(step: Callable[[], Awaitable[None]], stop: asyncio.Event, *, what: str) -> None:
    """Repeat a step until `stop` is set; after one that failed, wait a little, then longer."""
    pause_s = _FIRST_PAUSE_S
    while not stop.is_set():
        try:
            await step()
            pause_s = _FIRST_PAUSE_S
        except Exception as error:  # noqa: BLE001 - background work outlives every fault
            log.warning("worker.interrupted", what=what, reason=describe(error), again_in_s=pause_s)
            await _sleep(pause_s, stop)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


async def _sleep(duration_s: float, stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(duration_s):
            await stop.wait()
    except TimeoutError:
        pass
