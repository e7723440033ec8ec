"""Signing in by address and password. Who is let in with the right one, `admission` decides.

No connection is held while the password is hashed, and nobody can tell by answer or time whether an account exists.
"""

from sqlalchemy import bindparam, select, update

from kernel.db import Db
from kernel.tables import normalised
from plugins.auth import passwords
from plugins.auth.actions.admission import SignedIn, admit, record_failure
from plugins.auth.actions.tries import count_try
from plugins.auth.errors import BadCredentials
from plugins.auth.queries import sessions
from plugins.auth.schemas.sessions import MfaRequired
from plugins.auth.tables import User

_REHASH = (
    update(User)
    .where(User.id == bindparam("user"), User.password_hash == bindparam("before"))
    .values(password_hash=bindparam("hash"), password_key_id=bindparam("key_id"))
)
# A new password ends every session; one that is opened meanwhile with the old password must not outlive it. Whoever is
# admitted has the account locked, so a new password was set before, or is set afterwards and ends this session too.
_IS_STILL = select(User.id).where(User.id == bindparam("user"), User.password_hash == bindparam("hash"))


async def sign_in(db: Db, *, email: str, password: str) -> SignedIn | MfaRequired:
    """Admit whoever knows the password.

    Raises:
        BadCredentials: The address is unknown or the password wrong; both take as long and read alike.
        AccountSuspended: And its like, only if the password is right.
        RateLimited: The address was tried too often, from wherever.
        PasswordsBusy: Too many passwords wait to be hashed.
    """
    email = normalised(email)
    await count_try(db, email, "password")
    account = await sessions.credentials_by_email(db, email)
    await db.release()
    stored = account.stored_password if account else None
    is_right = await passwords.is_password(db, password, stored)
    if account is None or stored is None or not is_right:
        record_failure(db, account.id if account else None, "wrong_password" if account else "unknown_user")
        raise BadCredentials
    kept = stored
    if passwords.is_outdated(db, stored):
        kept = await passwords.hash_password(db, password)
        await db.run(_REHASH, user=account.id, before=stored.hash, hash=kept.hash, key_id=kept.key_id)
    admitted = await admit(db, account.id, method="password")
    if await db.value(_IS_STILL, user=account.id, hash=kept.hash) is None:
        raise BadCredentials
    return admitted
