"""What clears up: bad uploads, files that nothing uses, objects that belong to nothing; and what makes videos ready."""

from kernel.db import Db
from kernel.tasks import AnyTask, NoPayload, Task, TaskContext
from plugins.media.actions.archives import remove_old_archives
from plugins.media.actions.lost_objects import remove_lost_objects
from plugins.media.actions.processing import PROCESS_VIDEO, process_forgotten_videos
from plugins.media.actions.removal import REMOVE_BYTES, delete_unused_files
from plugins.media.actions.resuming import remove_expired_uploads
from plugins.media.actions.uploads import remove_abandoned_uploads

_LONG_S = 3600


async def _remove(db: Db, _payload: NoPayload) -> None:
    await remove_abandoned_uploads(db)
    await remove_expired_uploads(db)
    await remove_old_archives(db)


async def _delete_unused(context: TaskContext, _payload: NoPayload) -> None:
    await delete_unused_files(context)


async def _remove_lost(context: TaskContext, _payload: NoPayload) -> None:
    await remove_lost_objects(context)


async def _process_forgotten(db: Db, _payload: NoPayload) -> None:
    await process_forgotten_videos(db)


REMOVE_ABANDONED_UPLOADS = Task(
    name="media.remove_abandoned_uploads",
    title="Remove uploads that were given up",
    payload=NoPayload,
    handle=_remove,
    schedule="20 * * * *",
)
DELETE_UNUSED_FILES = Task(
    name="media.delete_unused_files",
    title="Delete files that nothing uses",
    payload=NoPayload,
    work=_delete_unused,
    schedule="40 3 * * *",
    timeout_s=_LONG_S,
)
REMOVE_LOST_OBJECTS = Task(
    name="media.remove_lost_objects",
    title="Remove what no file needs",
    payload=NoPayload,
    work=_remove_lost,
    schedule="50 4 * * 0",
    timeout_s=_LONG_S,
)
PROCESS_FORGOTTEN_VIDEOS = Task(
    name="media.process_forgotten_videos",
    title="Look for videos that wait",
    payload=NoPayload,
    handle=_process_forgotten,
    schedule="45 * * * *",
)
TASKS: tuple[AnyTask, ...] = (
    REMOVE_ABANDONED_UPLOADS,
    DELETE_UNUSED_FILES,
    REMOVE_LOST_OBJECTS,
    REMOVE_BYTES,
    PROCESS_VIDEO,
    PROCESS_FORGOTTEN_VIDEOS,
)
