"""Make many codes in the background, a slice in each transaction: after a crash it goes on where it was.

The first code of a batch is made with the batch and carries the terms, which the task reads there: its payload, like
every task's, holds ids alone.
"""

from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs
from sqlalchemy import bindparam, func, select, update

from kernel.auth import Actor
from kernel.db import Db
from kernel.tasks import Task, TaskContext, enqueue
from plugins.codes.actions.codes import TERMS, begin_batch, insert_codes, tell_generated
from plugins.codes.schemas import BegunBatch, CodeKind, CodeType, GenerateRequest
from plugins.codes.tables import AccessCode, CodeBatch

_SLICE = 500
_BATCH = CodeBatch.id == bindparam("batch")
# Locked, so that of two workers that have the task after a crash one makes each slice.
_STATE = select(CodeBatch.count, CodeBatch.missing).where(_BATCH).with_for_update()
_FIRST = select(*TERMS).where(AccessCode.batch_id == bindparam("batch")).order_by(AccessCode.id).limit(1)
_SET_MISSING = update(CodeBatch).where(_BATCH).values(missing=bindparam("left"), updated_at=func.now())


class BatchToFill(Struct, frozen=True):
    """Whose codes are to be made."""

    batch_id: UUID


class Terms(Struct, frozen=True):
    """What all codes of a batch have in common."""

    batch_id: UUID
    lookup_kid: str
    kind: CodeKind
    course_id: UUID
    video_id: UUID | None
    instructor_id: UUID | None
    type: CodeType
    max_uses: int | None
    expires_at: datetime | None
    access_days: int | None
    label: str | None
    allowed_emails: list[str]
    allowed_domains: list[str]
    created_by: UUID | None


class Filling(Struct, frozen=True):
    """How far a batch is."""

    count: int
    missing: int


async def begin(db: Db, actor: Actor, order: GenerateRequest) -> BegunBatch:
    """Begin a batch whose codes a task makes.

    Needs: codes.access_code.generate
    Emits: codes.access_code.generated

    Raises:
        TermsInvalid: The terms do not fit together.
        CourseNotFound: There is no such course, or the actor may not make codes for it.
        VideoNotFound: There is no such video, or the actor may not make codes for it.
    """
    terms, _ = await begin_batch(db, actor, order, missing=order.count - 1)
    await insert_codes(db, 1, terms)
    if order.count == 1:
        await tell_generated(db, terms, 1)
    batch_id: UUID = terms["batch_id"]
    return BegunBatch(batch_id, await enqueue(db, MAKE, BatchToFill(batch_id), owner=actor))


async def _fill(context: TaskContext, payload: BatchToFill) -> BatchToFill:
    is_whole = False
    while not is_whole:
        async with context.transaction() as db:
            now = await _add_slice(db, payload.batch_id)
        await context.progress(now.count - now.missing, now.count)
        is_whole = now.missing == 0
    return payload


async def _add_slice(db: Db, batch_id: UUID) -> Filling:
    """Make the next codes of a batch; return how far it is then.

    Emits: codes.access_code.generated
    """
    batch = await db.row(Filling, _STATE, batch=batch_id) or Filling(0, 0)
    first = await db.row(Terms, _FIRST, batch=batch_id)
    if first is None or batch.missing == 0:
        # Its codes were switched off meanwhile, or the course is gone and they with it, or another worker was here.
        return Filling(batch.count, 0)
    added = min(_SLICE, batch.missing)
    # Under the newest key of today, which may not be that of the first code.
    terms = {**structs.asdict(first), "lookup_kid": db.deployment.keyring.newest_kid}
    await insert_codes(db, added, terms)
    await db.run(_SET_MISSING, batch=batch_id, left=batch.missing - added)
    if added == batch.missing:
        await tell_generated(db, terms, batch.count)
    return Filling(batch.count, batch.missing - added)


MAKE = Task(name="codes.make_batch", title="Make codes", payload=BatchToFill, work=_fill, timeout_s=3600)
