"""Forgetting by night, in transactions of a few thousand rows each: after a crash it goes on where it was."""

from collections.abc import Awaitable, Callable

from kernel.db import Db
from kernel.tasks import NoPayload, Task, TaskContext
from plugins.codes.actions.large_batches import MAKE
from plugins.codes.actions.retention import forget_attempts, forget_codes

MOST_AT_ONCE = 2000


async def _forget(context: TaskContext, _payload: NoPayload) -> None:
    await _to_the_end(context, forget_attempts)
    await _to_the_end(context, forget_codes)


async def _to_the_end(context: TaskContext, forget: Callable[[Db, int], Awaitable[int]]) -> None:
    forgotten = MOST_AT_ONCE
    while forgotten == MOST_AT_ONCE:
        async with context.transaction() as db:
            forgotten = await forget(db, MOST_AT_ONCE)


FORGET = Task(
    name="codes.forget",
    title="Forget old codes and attempts",
    payload=NoPayload,
    work=_forget,
    timeout_s=3600,
    schedule="24 3 * * *",
)
TASKS = (FORGET, MAKE)
