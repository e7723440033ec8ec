"""Signing in by address and password: who is let in, and what is kept of those who are not.

No connection is held while the password is hashed, and nobody can tell by answer or time whether an account exists.
"""

from collections.abc import Mapping

from sqlalchemy import DateTime, Uuid, bindparam, insert, update

from kernel import clock
from kernel.db import Db
from kernel.errors import DomainError
from kernel.gate import Limit
from kernel.identity import SessionState
from kernel.settings import KERNEL_SETTINGS, SecuritySettings
from kernel.tables import normalised
from plugins.auth import passwords
from plugins.auth.actions.sessions import Tokens, agent_of, open_session
from plugins.auth.errors import AccountInactive, AccountSuspended, BadCredentials, EmailNotVerified
from plugins.auth.passwords import StoredPassword
from plugins.auth.queries.sessions import Credentials, credentials_by_email
from plugins.auth.queries.users import user_details
from plugins.auth.schemas.users import UserDetails
from plugins.auth.settings import SETTINGS, AuthSettings
from plugins.auth.tables import FailedLogin, User

_REFUSALS: Mapping[str, type[DomainError]] = {
    "suspended": AccountSuspended,
    "inactive": AccountInactive,
    "email_not_verified": EmailNotVerified,
}
_INSERT_FAILURE = insert(FailedLogin).values(
    user_id=bindparam("user_id", type_=Uuid),
    reason=bindparam("reason"),
    address=bindparam("address"),
    agent=bindparam("agent"),
)
_NOTE_LOGIN = (
    update(User)
    .where(User.id == bindparam("user"), User.status == "active")
    .values(last_login=bindparam("now", type_=DateTime(timezone=True)))
    .returning(User.id.label("user_id"), User.role, User.is_operator)
)
_REHASH = (
    update(User)
    .where(User.id == bindparam("user"), User.password_hash == bindparam("before"))
    .values(password_hash=bindparam("hash"), password_key_id=bindparam("key_id"))
)


async def sign_in(db: Db, *, email: str, password: str) -> tuple[UserDetails, Tokens]:
    """Open a session for whoever knows the password.

    Raises:
        BadCredentials: The address is unknown or the password wrong; both take as long and read alike.
        AccountSuspended: And its like, only if the password is right.
        RateLimited: The address was tried too often, from wherever.
        PasswordsBusy: Too many passwords wait to be hashed.
    """
    email = normalised(email)
    await _count_try(db, email)
    account = await credentials_by_email(db, email)
    await db.release()
    stored = StoredPassword(account.password_hash, account.password_key_id) if account else None
    is_right = await passwords.is_password(db.deployment, password, stored)
    if account is None or stored is None or not is_right:
        _record_failure(db, account, "wrong_password" if account else "unknown_user")
        raise BadCredentials
    _check_admitted(db, account)
    renewed = None
    if passwords.is_outdated(db.deployment, stored):
        renewed = await passwords.hash_password(db.deployment, password)
    # Asked again, since status and role may have changed while the password was hashed.
    state = await db.row(SessionState, _NOTE_LOGIN, user=account.id, now=clock.now())
    if state is None:
        raise BadCredentials
    if renewed is not None:
        await db.run(_REHASH, user=account.id, before=stored.hash, hash=renewed.hash, key_id=renewed.key_id)
    return await user_details(db, account.id), await open_session(db, state)


async def _count_try(db: Db, email: str) -> None:
    """Count one try against the account's own limit, whether or not there is such an account."""
    rates = db.tenant.setting(KERNEL_SETTINGS[0], SecuritySettings).rate_limits
    _, account = db.deployment.keyring.mac("password", b"account" + email.encode())
    limit = Limit(f"login:account:{account.hex()}", "log", rates.login_per_minute)
    await db.deployment.gate.count(db.tenant_id, limit)


def _check_admitted(db: Db, account: Credentials) -> None:
    standing: str = account.status
    must_verify = db.tenant.setting(SETTINGS, AuthSettings).require_verified_email
    if standing == "active" and must_verify and not account.email_verified:
        standing = "email_not_verified"
    if standing != "active":
        _record_failure(db, account, standing)
        raise _REFUSALS[standing]


def _record_failure(db: Db, account: Credentials | None, reason: str) -> None:
    db.record_always(
        _INSERT_FAILURE,
        user_id=account.id if account else None,
        reason=reason,
        address=db.origin.address,
        agent=agent_of(db),
    )
