"""What auth keeps under the deployment's keys."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import Uuid, bindparam, select, update

from kernel.db import Db
from kernel.key_uses import MOST_AT_ONCE, KeyUse, counts_by, key_id_of, under_older_key
from kernel.keys import DecryptionFailed
from plugins.auth import totp
from plugins.auth.tables import RecoveryCode, TotpFactor, User

_OLD_SECRETS = (
    select(TotpFactor.tenant_id, TotpFactor.id, TotpFactor.user_id, TotpFactor.secret)
    .where(under_older_key(key_id_of(TotpFactor.secret)))
    .limit(MOST_AT_ONCE)
)
_RENEW_SECRET = (
    update(TotpFactor)
    .where(
        TotpFactor.tenant_id == bindparam("tenant", type_=Uuid),
        TotpFactor.id == bindparam("factor", type_=Uuid),
        TotpFactor.secret == bindparam("before"),
    )
    .values(secret=bindparam("after"))
)


class _OldSecret(Struct, frozen=True):
    tenant_id: UUID
    id: UUID
    user_id: UUID
    secret: str


async def _renew_secrets(db: Db) -> int:
    keyring, renewed = db.deployment.keyring, 0
    for old in await db.rows(_OldSecret, _OLD_SECRETS, older=keyring.older_kids):
        try:
            secret = totp.unseal(keyring, old.tenant_id, old.user_id, old.secret)
        except DecryptionFailed:
            continue
        after = totp.seal(keyring, old.tenant_id, old.user_id, secret)
        renewed += await db.run(_RENEW_SECRET, tenant=old.tenant_id, factor=old.id, before=old.secret, after=after)
    return renewed


KEY_USES = (
    KeyUse(
        "auth.passwords",
        "passwords",
        counts_by(User.password_key_id, User.password_key_id.is_not(None)),
        remark="each follows when its owner signs in",
    ),
    KeyUse(
        "auth.totp_factors",
        "secrets of authenticator apps",
        counts_by(key_id_of(TotpFactor.secret)),
        _renew_secrets,
    ),
    KeyUse(
        "auth.recovery_codes",
        "unused recovery codes",
        counts_by(RecoveryCode.code_key_id, RecoveryCode.used_at.is_(None)),
        remark="their owners make new ones",
    ),
)
