"""Where a video is watched: its addresses, and what is composed for one session each time it is asked for.

Playlists, keys and captions lie under no storage key. They are asked for by addresses that are signed as those of all
other bytes are, and the addresses in a playlist are signed for the same session and until the same moment.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ARRAY, Uuid, any_, bindparam, exists, select

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import Unauthenticated
from kernel.storage import MediaGrant, sign_media_url
from plugins.media import keys, queries
from plugins.media.errors import CaptionsNotFound, FileNotFound, MayNotWatch
from plugins.media.rules import hls
from plugins.media.rules.hls import Segments, VariantRow
from plugins.media.schemas import CaptionRef, CaptionText, CaptionTrack, Playback, RenditionRef
from plugins.media.settings import SETTINGS, MediaSettings
from plugins.media.tables import Caption, File, Video, VideoVariant

_FILE = bindparam("file", type_=Uuid)
_STATE = select(
    Video.status,
    Video.progress,
    Video.duration_ms,
    exists().where(VideoVariant.file_id == Video.file_id).label("has_variants"),
).where(Video.file_id == _FILE)
_VARIANTS = select(
    VideoVariant.name,
    VideoVariant.width,
    VideoVariant.height,
    VideoVariant.peak_bits,
    VideoVariant.average_bits,
    VideoVariant.codecs,
).where(VideoVariant.file_id == _FILE)
_SEGMENTS = select(VideoVariant.storage_key, VideoVariant.durations_ms, VideoVariant.sizes).where(
    VideoVariant.file_id == _FILE, VideoVariant.name == bindparam("name")
)
_KEY = select(Video.hls_key, File.owner_id).join(File, File.id == Video.file_id).where(Video.file_id == _FILE)
_CAPTIONS = select(Caption.language, Caption.label).where(Caption.file_id == _FILE).order_by(Caption.language)
_TEXTS = (
    select(Caption.file_id, Caption.language, Caption.content)
    .where(Caption.file_id == any_(bindparam("files", type_=ARRAY(Uuid))))
    .order_by(Caption.file_id, Caption.language)
)
_CAPTION = select(Caption.content).where(Caption.file_id == _FILE, Caption.language == bindparam("language"))
_VTT_TYPE = f"{hls.CAPTIONS_TYPE}; charset=utf-8"


class ComposedAnswer(Struct, frozen=True):
    """Something short that no storage holds."""

    content_type: str
    body: bytes


class _State(Struct, frozen=True):
    status: str
    progress: int
    duration_ms: int | None
    has_variants: bool


class _SealedKey(Struct, frozen=True):
    hls_key: str | None
    owner_id: UUID | None


async def video_duration(db: Db, file_id: UUID) -> int | None:
    """Return how many seconds a video lasts, one at least; None as long as nobody has looked."""
    state = await db.row(_State, _STATE, file=file_id)
    return None if state is None or state.duration_ms is None else max(1, round(state.duration_ms / 1000))


async def captions_of(db: Db, file_id: UUID) -> list[CaptionRef]:
    """Return in which languages there are captions."""
    return await db.rows(CaptionRef, _CAPTIONS, file=file_id)


async def caption_texts(db: Db, file_ids: Iterable[UUID]) -> list[CaptionText]:
    """Return all captions of these videos, with what they say."""
    wanted = list(file_ids)
    return await db.rows(CaptionText, _TEXTS, files=wanted) if wanted else []


async def video_playback(db: Db, actor: Actor, file_id: UUID) -> Playback:
    """Return where the session that asks watches a video; whether it may is decided before.

    Raises:
        FileNotFound: There is no such video.
        Unauthenticated: Nobody is signed in.
    """
    file = await queries.file_by_id(db, file_id, kind="video")
    state = await db.row(_State, _STATE, file=file_id)
    renditions = (await queries.renditions_by_file(db, [file_id])).get(file_id, {})
    source = queries.signed_url(db, actor, file)
    is_hls = (
        state is not None
        and state.status == "done"
        and state.has_variants
        and db.tenant.setting(SETTINGS, MediaSettings).hls
    )
    plain = _url_of(db, actor, renditions.get("fallback.mp4")) or source.url
    composed = _Composer(db, actor.id, actor.session_id, file_id, source.expires_at)
    captions = [
        CaptionTrack(each.language, each.label, composed.address(f"captions-{each.language}.vtt", hls.CAPTIONS_TYPE))
        for each in await captions_of(db, file_id)
    ]
    return Playback(
        url=composed.address(hls.MASTER, hls.PLAYLIST_TYPE) if is_hls else plain,
        expires_at=source.expires_at,
        type="hls" if is_hls else "file",
        fallback_url=plain if is_hls else None,
        poster_url=_url_of(db, actor, renditions.get("poster-w1280.webp")),
        captions=captions,
        preparing=state.progress if state is not None and state.status in ("queued", "running") else None,
    )


async def composed_answer(db: Db, actor: Actor, grant: MediaGrant, part: tuple[hls.Composed, str]) -> ComposedAnswer:
    """Return a playlist, a key or captions, for the session that its address was signed for.

    Args:
        db: The transaction.
        actor: Who asks; the grant is theirs.
        grant: What the address allows.
        part: What lies there (`rules.hls.composed_part`).

    Raises:
        FileNotFound: There is no such video, or it is not ready.
        MayNotWatch: The key is asked for by somebody who may not watch the video any more.
        CaptionsNotFound: There are none in this language.
    """
    what, name = part
    file_id = UUID(grant.key.split("/")[1])
    if what == "key":
        return ComposedAnswer(hls.KEY_TYPE, await _key(db, actor, file_id))
    if what == "captions":
        content = await db.value(_CAPTION, file=file_id, language=name)
        if content is None:
            raise CaptionsNotFound
        return ComposedAnswer(_VTT_TYPE, str(content).encode())
    composed = _Composer(db, grant.user_id, grant.session_id, file_id, grant.expires_at)
    if what == "variant":
        return ComposedAnswer(hls.PLAYLIST_TYPE, (await _variant(db, composed, file_id, name)).encode())
    variants = await db.rows(VariantRow, _VARIANTS, file=file_id)
    return ComposedAnswer(hls.PLAYLIST_TYPE, _master(composed, variants).encode())


def _master(composed: "_Composer", variants: Sequence[VariantRow]) -> str:
    if not variants:
        raise FileNotFound
    return hls.master_playlist(variants, lambda name: composed.address(f"{name}.m3u8", hls.PLAYLIST_TYPE))


async def _variant(db: Db, composed: "_Composer", file_id: UUID, name: str) -> str:
    segments = await db.row(Segments, _SEGMENTS, file=file_id, name=name)
    if segments is None:
        raise FileNotFound
    return hls.media_playlist(
        segments,
        address=composed.signed(segments.storage_key, hls.SEGMENT_TYPE),
        key_address=composed.address(hls.KEY, hls.KEY_TYPE),
    )


async def _key(db: Db, actor: Actor, file_id: UUID) -> bytes:
    kept = await db.row(_SealedKey, _KEY, file=file_id)
    if kept is None or kept.hls_key is None:
        raise FileNotFound
    if kept.owner_id != actor.id and not await _may_watch(db, actor, file_id):
        raise MayNotWatch
    return keys.unseal(db.deployment.keyring, db.tenant_id, file_id, kept.hls_key)


async def _may_watch(db: Db, actor: Actor, file_id: UUID) -> bool:
    for contribution in db.tenant.contributions("register_video_shows"):
        if await contribution.item.may_watch(db, actor, file_id):
            return True
    return False


class _Composer:
    """Signs addresses of one video for one session until one moment."""

    def __init__(self, db: Db, user_id: UUID, session_id: UUID | None, file_id: UUID, expires_at: datetime) -> None:
        if session_id is None:
            raise Unauthenticated
        self._keyring = db.deployment.keyring
        self._tenant_id = db.tenant_id
        self._user_id = user_id
        self._session_id = session_id
        self._file_id = file_id
        self._expires_at = expires_at

    def address(self, name: str, content_type: str) -> str:
        """Return the address of what is composed under a name."""
        return self.signed(f"{self._tenant_id}/{self._file_id}/{name}", content_type)

    def signed(self, key: str, content_type: str) -> str:
        """Return the address of what is under a storage key."""
        return sign_media_url(
            self._keyring,
            tenant_id=self._tenant_id,
            user_id=self._user_id,
            session_id=self._session_id,
            key=key,
            expires_at=self._expires_at,
            content_type=content_type,
        )


def _url_of(db: Db, actor: Actor, rendition: RenditionRef | None) -> str | None:
    return None if rendition is None else queries.rendition_url(db, actor, rendition).url
