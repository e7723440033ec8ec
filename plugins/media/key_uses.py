"""What media keeps under the deployment's keys."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import Uuid, bindparam, select, update

from kernel.db import Db
from kernel.key_uses import MOST_AT_ONCE, KeyUse, counts_by, key_id_of, under_older_key
from kernel.keys import DecryptionFailed
from plugins.media import keys
from plugins.media.tables import Video

_OLD = (
    select(Video.tenant_id, Video.id, Video.file_id, Video.hls_key)
    .where(Video.hls_key.is_not(None), under_older_key(key_id_of(Video.hls_key)))
    .limit(MOST_AT_ONCE)
)
_RENEW = (
    update(Video)
    .where(
        Video.tenant_id == bindparam("tenant", type_=Uuid),
        Video.id == bindparam("video", type_=Uuid),
        Video.hls_key == bindparam("before"),
    )
    .values(hls_key=bindparam("after"))
)


class _OldKey(Struct, frozen=True):
    tenant_id: UUID
    id: UUID
    file_id: UUID
    hls_key: str


async def _renew(db: Db) -> int:
    keyring, renewed = db.deployment.keyring, 0
    for old in await db.rows(_OldKey, _OLD, older=keyring.older_kids):
        try:
            key = keys.unseal(keyring, old.tenant_id, old.file_id, old.hls_key)
        except DecryptionFailed:
            continue
        after = keys.seal(keyring, old.tenant_id, old.file_id, key)
        renewed += await db.run(_RENEW, tenant=old.tenant_id, video=old.id, before=old.hls_key, after=after)
    return renewed


KEY_USES = (
    KeyUse("media.videos", "keys of videos", counts_by(key_id_of(Video.hls_key), Video.hls_key.is_not(None)), _renew),
)
