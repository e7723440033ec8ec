"""The sweep of abandoned uploads and old archives."""

from kernel.db import Db
from kernel.tasks import NoPayload, Task
from plugins.media.actions.archives import remove_old_archives
from plugins.media.actions.resuming import remove_expired_uploads
from plugins.media.actions.uploads import remove_abandoned_uploads


async def _remove(db: Db, _payload: NoPayload) -> None:
    await remove_abandoned_uploads(db)
    await remove_expired_uploads(db)
    await remove_old_archives(db)


REMOVE_ABANDONED_UPLOADS = Task(
    name="media.remove_abandoned_uploads", payload=NoPayload, handle=_remove, schedule="20 * * * *"
)
TASKS = (REMOVE_ABANDONED_UPLOADS,)
