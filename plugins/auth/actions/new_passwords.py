"""New passwords: judged by the tenant's policy and hashed, for whoever gets one and by whichever way."""

from uuid import UUID

from sqlalchemy import Uuid, bindparam, update

from kernel.db import Db
from plugins.auth import passwords, rules
from plugins.auth.passwords import StoredPassword
from plugins.auth.rules import PasswordContext
from plugins.auth.settings import SETTINGS, AuthSettings
from plugins.auth.tables import User

_PRODUCT = "collegium"
_SET = (
    update(User)
    .where(User.id == bindparam("user", type_=Uuid), User.deleted_at.is_(None))
    .values(password_hash=bindparam("hash"), password_key_id=bindparam("key_id"))
)


async def hash_new_password(
    db: Db, password: str, *, email: str, first_name: str, last_name: str, field: str = "password"
) -> StoredPassword:
    """Return the hash of a password that is good enough for this person; holds no connection meanwhile.

    Raises:
        PasswordRefused: It breaks the policy; names the field.
        PasswordsBusy: Too many passwords wait to be hashed.
    """
    await db.release()
    context = PasswordContext(
        personal=rules.words_of(email.partition("@")[0], first_name, last_name),
        tenant=[_PRODUCT, *rules.words_of(db.tenant.name, db.tenant.slug)],
    )
    policy = db.tenant.setting(SETTINGS, AuthSettings).password
    rules.check_password(password, policy, context, await passwords.common_passwords(), field=field)
    return await passwords.hash_password(db, password)


async def set_password(db: Db, user_id: UUID, stored: StoredPassword) -> None:
    """Give an account a password; its sessions are the caller's business."""
    await db.run(_SET, user=user_id, hash=stored.hash, key_id=stored.key_id)
