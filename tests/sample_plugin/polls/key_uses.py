"""What polls keep under the deployment's keys, and how it is written anew before an old key goes."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import Uuid, bindparam, select, update

from kernel.db import Db
from kernel.key_uses import MOST_AT_ONCE, KeyUse, counts_by, key_id_of, under_older_key
from polls import remarks
from polls.tables import Vote

_KID = key_id_of(Vote.remark)
_OLD = select(Vote.tenant_id, Vote.id, Vote.remark).where(under_older_key(_KID)).limit(MOST_AT_ONCE)
_RENEW = (
    update(Vote)
    .where(Vote.tenant_id == bindparam("tenant", type_=Uuid), Vote.id == bindparam("vote", type_=Uuid))
    .values(remark=bindparam("sealed"))
)


class _OldRemark(Struct, frozen=True):
    tenant_id: UUID
    id: UUID
    remark: str


async def _renew(db: Db) -> int:
    keyring, renewed = db.deployment.keyring, 0
    for old in await db.rows(_OldRemark, _OLD, older=keyring.older_kids):
        said = remarks.unseal(keyring, old.tenant_id, old.id, old.remark)
        if said is not None:
            sealed = remarks.seal(keyring, old.tenant_id, old.id, said)
            renewed += await db.run(_RENEW, tenant=old.tenant_id, vote=old.id, sealed=sealed)
    return renewed


KEY_USES = (KeyUse("polls.remarks", "remarks of voters", counts_by(_KID, Vote.remark.is_not(None)), _renew),)
