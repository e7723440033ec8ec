"""Makes a video ready after its upload: a poster, encrypted HLS in several qualities, and an MP4 for everyone else.

It is a task of whoever uploaded the video, and may begin again at any moment: what is stored already is not made again.
How ffmpeg is run stands in `transcoding`, how its work is stored in `video_parts`.
"""

import asyncio
from datetime import timedelta
from pathlib import Path
from secrets import token_bytes
from time import monotonic
from uuid import UUID

import structlog
from anyio import CancelScope
from msgspec import Struct
from sqlalchemy import Integer, Text, Uuid, bindparam, exists, insert, select, update

from kernel.auth import Actor
from kernel.db import Db
from kernel.ids import new_id
from kernel.scratch import scratch_folder, sweep_scratch
from kernel.storage import ObjectDamaged, Storage
from kernel.tasks import Task, TaskContext, TaskPostponed, TaskRefused, enqueue
from plugins.media import keys
from plugins.media.actions import transcoding
from plugins.media.actions.transcoding import SOURCE, Unplayable
from plugins.media.actions.video_parts import discard_remains, store_part, store_segments
from plugins.media.rules.hls import KEY_BYTES
from plugins.media.rules.ladder import Probe, Variant, fallback_of, variants
from plugins.media.rules.videos import is_progressive
from plugins.media.settings import SETTINGS, MediaSettings
from plugins.media.tables import File, Rendition, Video

ATTEMPTS = 3
LONGEST_WORK = timedelta(hours=23)
_ASK_AGAIN_S = 20
_BETWEEN_REPORTS_S = 2
_LOOKED_AT_PCT, _DRAWN_PCT = 3, 5
_MOST_WAITING = 50
_under_way: set[UUID] = set()
log = structlog.get_logger(__name__)

_FILE = bindparam("file", type_=Uuid)
_ADD = insert(Video).values(id=bindparam("id"), file_id=bindparam("file_id"), task_id=bindparam("task_id"))
_SOURCE = (
    select(File.id, File.storage_key, File.size, File.content_type, Video.status, Video.attempts, Video.hls_key)
    .join(Video, Video.file_id == File.id)
    .where(File.id == _FILE)
)
_IS_IT = Video.file_id == _FILE
_START = (
    update(Video)
    .where(_IS_IT)
    .values(
        status="running",
        attempts=bindparam("number", type_=Integer),
        hls_key=bindparam("sealed", type_=Text),
        problem=None,
    )
)
_UNCOUNT = update(Video).where(_IS_IT, Video.attempts > 0).values(attempts=Video.attempts - 1, status="queued")
_LOOKED_AT = (
    update(Video)
    .where(_IS_IT)
    .values({name: bindparam(f"new_{name}") for name in ("duration_ms", "width", "height", "video_codec")})
    .values(audio_codec=bindparam("new_audio_codec", type_=Text))
)
_REPORT = update(Video).where(_IS_IT).values(progress=bindparam("pct", type_=Integer))
_FINISH = update(Video).where(_IS_IT).values(status="done", progress=100)
_FAIL = update(Video).where(_IS_IT).values(status="failed", problem=bindparam("sentence"))
_MADE = select(Rendition.name).where(Rendition.file_id == _FILE)
_FORGOTTEN = (
    select(File.id)
    .where(File.kind == "video", ~exists().where(Video.file_id == File.id))
    .order_by(File.id)
    .limit(_MOST_WAITING)
)


class VideoToProcess(Struct, frozen=True):
    """Which one."""

    file_id: UUID


class Processed(Struct, frozen=True):
    """What has become of it; a broken video is no failure of the task."""

    file_id: UUID
    status: str
    problem: str | None = None


class Source(Struct, frozen=True):
    """The video as it was uploaded, and how far the work on it is."""

    id: UUID
    storage_key: str
    size: int
    content_type: str
    status: str
    attempts: int
    hls_key: str | None


async def begin_processing(db: Db, actor: Actor | None, file_id: UUID) -> None:
    """Have a video made ready once the transaction that adds it is committed."""
    payload = VideoToProcess(file_id)
    if actor is None:
        await enqueue(db, PROCESS_VIDEO, payload)
        task_id = None
    else:
        task_id = await enqueue(db, PROCESS_VIDEO, payload, owner=actor)
    await db.run(_ADD, id=new_id(), file_id=file_id, task_id=task_id)


async def process_forgotten_videos(db: Db) -> int:
    """Have videos made ready that were uploaded before there was such work; return how many."""
    forgotten = await db.values(_FORGOTTEN)
    for file_id in forgotten:
        await begin_processing(db, None, file_id)
    return len(forgotten)


async def _process(context: TaskContext, payload: VideoToProcess) -> Processed | None:
    async with context.transaction() as db:
        most = db.deployment.settings.videos_at_once
    if len(_under_way) >= most or payload.file_id in _under_way:
        raise TaskPostponed("Other videos are being made ready.", _ASK_AGAIN_S)
    _under_way.add(payload.file_id)
    try:
        return await _attempt(context, payload.file_id)
    finally:
        _under_way.discard(payload.file_id)


async def _attempt(context: TaskContext, file_id: UUID) -> Processed | None:
    source = await _start(context, file_id)
    if source is None:
        return None
    try:
        async with asyncio.timeout(LONGEST_WORK.total_seconds()):
            await _make(context, source)
    except Unplayable as problem:
        return await _fail(context, file_id, str(problem))
    except asyncio.CancelledError:
        # The worker is stopped, which is no fault of the video.
        with CancelScope(shield=True):
            async with context.transaction() as db:
                await db.run(_UNCOUNT, file=file_id)
        raise
    except Exception as error:
        if source.attempts + 1 < ATTEMPTS:
            raise
        await _fail(context, file_id, "The video could not be made ready. An administrator can start it again.")
        log.exception("video.failed", file=str(file_id))
        raise TaskRefused(f"{type(error).__name__} at the last attempt.") from error
    async with context.transaction() as db:
        await db.run(_FINISH, file=file_id)
    return Processed(file_id, "done")


async def _start(context: TaskContext, file_id: UUID) -> Source | None:
    """Count an attempt and return the video; None if it has been removed.

    Raises:
        TaskRefused: Each attempt has ended its worker.
    """
    async with context.transaction() as db:
        source = await db.row(Source, _SOURCE, file=file_id)
        if source is None:
            return None
        if source.status == "failed":
            # Somebody has started it again by hand.
            source = Source(
                source.id, source.storage_key, source.size, source.content_type, "queued", 0, source.hls_key
            )
        sealed = source.hls_key or keys.seal(db.deployment.keyring, db.tenant_id, file_id, token_bytes(KEY_BYTES))
        if source.attempts < ATTEMPTS:
            await db.run(_START, file=file_id, number=source.attempts + 1, sealed=sealed)
            return Source(
                source.id, source.storage_key, source.size, source.content_type, "running", source.attempts, sealed
            )
    await _fail(context, file_id, "The video could not be made ready. An administrator can start it again.")
    raise TaskRefused("The last attempt ended its worker.")


async def _fail(context: TaskContext, file_id: UUID, sentence: str) -> Processed:
    async with context.transaction() as db:
        await db.run(_FAIL, file=file_id, sentence=sentence)
    return Processed(file_id, "failed", sentence)


async def _make(context: TaskContext, source: Source) -> None:
    await discard_remains(context, source.id)
    async with context.transaction() as db:
        storage = db.deployment.storage
    await _check_whole(storage, source)
    # What a worker that was killed has left may be the room that is needed now.
    await asyncio.to_thread(sweep_scratch)
    with scratch_folder("video") as folder:
        await storage.lend(source.storage_key, folder / SOURCE)
        try:
            await _make_all(context, source, folder)
        except Unplayable:
            # It is read where it lies, and a source that is lost is no fault of the video.
            await _check_whole(storage, source)
            raise


async def _check_whole(storage: Storage, source: Source) -> None:
    if (await storage.stat(source.storage_key)).size_bytes != source.size:
        raise ObjectDamaged


async def _make_all(context: TaskContext, source: Source, folder: Path) -> None:
    video = await transcoding.probe(folder, source.content_type)
    async with context.transaction() as db:
        hls = db.tenant.setting(SETTINGS, MediaSettings).hls
        await db.run(
            _LOOKED_AT,
            file=source.id,
            new_duration_ms=video.duration_ms,
            new_width=video.width,
            new_height=video.height,
            new_video_codec=video.video_codec,
            new_audio_codec=video.audio_codec,
        )
        made = set(await db.values(_MADE, file=source.id))
    progress = _Progress(context, source.id)
    await progress.tell(_LOOKED_AT_PCT)
    for poster, width, height in await transcoding.draw_posters(folder, source.content_type, video):
        if poster not in made:
            await store_part(context, source.id, folder / poster, "image/webp", width=width, height=height)
    await progress.tell(_DRAWN_PCT)
    await _make_variants(context, source, folder, video, made, progress, hls=hls)


async def _make_variants(
    context: TaskContext,
    source: Source,
    folder: Path,
    video: Probe,
    made: set[str],
    progress: "_Progress",
    *,
    hls: bool,
) -> None:
    ladder = variants(video.width, video.height)
    needs_fallback = await _needs_fallback(context, source, folder, video, made)
    spare = fallback_of(ladder)
    wanted = [each for each in ladder if hls and f"{each.name}.ts" not in made]
    if needs_fallback and spare not in wanted:
        wanted.append(spare)
    whole = sum(each.width * each.height for each in wanted) * video.duration_ms
    done = 0
    for each in wanted:
        area = each.width * each.height
        before = done

        async def told(done_ms: int, area: int = area, before: int = before) -> None:
            await progress.tell(_DRAWN_PCT + (99 - _DRAWN_PCT) * (before + area * done_ms) // whole)

        path = await transcoding.encode(folder, source.content_type, video, each, told)
        if needs_fallback and each == spare:
            fallback = path.rename(folder / "fallback.mp4")
            path = fallback
            await store_part(context, source.id, fallback, "video/mp4", width=each.width, height=each.height)
        if hls and f"{each.name}.ts" not in made:
            await _make_segments(context, source, folder, video, each, path)
        path.unlink()
        done += area * video.duration_ms


async def _make_segments(
    context: TaskContext, source: Source, folder: Path, video: Probe, wanted: Variant, path: Path
) -> None:
    segments = await transcoding.cut(folder, path, video)
    async with context.transaction() as db:
        key = keys.unseal(db.deployment.keyring, db.tenant_id, source.id, source.hls_key or "")
    await store_segments(context, source.id, wanted, segments, key=key, has_sound=video.audio_codec is not None)
    for segment, _ in segments:
        segment.unlink()


async def _needs_fallback(context: TaskContext, source: Source, folder: Path, video: Probe, made: set[str]) -> bool:
    """Say whether an MP4 has to be encoded; one that needs no encoding is made here, if the source is none itself."""
    if "fallback.mp4" in made:
        return False
    if not video.plays_everywhere:
        return True
    with (folder / SOURCE).open("rb") as file:
        if source.content_type == "video/mp4" and is_progressive(file):
            return False
    path = await transcoding.remux(folder, source.content_type, video)
    await store_part(context, source.id, path, "video/mp4", width=video.width, height=video.height)
    path.unlink()
    return False


class _Progress:
    """Tells whoever waits how far the work is, in percent; few of the reports are written."""

    def __init__(self, context: TaskContext, file_id: UUID) -> None:
        self._context = context
        self._file_id = file_id
        self._told_at = -float(_BETWEEN_REPORTS_S)

    async def tell(self, pct: int) -> None:
        """Report a percentage."""
        await self._context.progress(min(pct, 99), 100)
        if monotonic() - self._told_at >= _BETWEEN_REPORTS_S:
            self._told_at = monotonic()
            async with self._context.transaction() as db:
                await db.run(_REPORT, file=self._file_id, pct=min(pct, 99))


PROCESS_VIDEO = Task(
    name="media.process_video",
    title="Prepare a video",
    payload=VideoToProcess,
    work=_process,
    # One more than videos are given, so that one that ends its worker each time is told of.
    attempts=ATTEMPTS + 1,
    timeout_s=24 * 3600,
)
