"""Change codes that were generated together, all at once."""

from uuid import UUID

from sqlalchemy import bindparam, func, update

from kernel.auth import Actor
from kernel.db import Db
from plugins.codes.permissions import UPDATE
from plugins.codes.queries.batches import stored_batch
from plugins.codes.tables import AccessCode, CodeBatch

_DEACTIVATE = (
    update(AccessCode).where(AccessCode.batch_id == bindparam("batch"), AccessCode.is_active).values(is_active=False)
)
# Before its codes: while a task makes more of them it holds the batch, and finds none missing afterwards.
_TOUCH = update(CodeBatch).where(CodeBatch.id == bindparam("batch")).values(updated_at=func.now(), missing=0)


async def deactivate_batch(db: Db, actor: Actor, batch_id: UUID) -> None:
    """Deactivate every code of a batch that is still active; what they have opened stays open.

    Needs: codes.access_code.update

    Raises:
        BatchNotFound: There is none, or the actor may not change it.
    """
    batch = await stored_batch(db, actor, batch_id, UPDATE)
    # What was counted of its codes counts no more.
    await db.run(_TOUCH, batch=batch.id)
    await db.run(_DEACTIVATE, batch=batch.id)
