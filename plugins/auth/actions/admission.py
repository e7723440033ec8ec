"""The one door of signing in: whoever has proved who they are comes through here, by whichever way.

A way in (password, provider, invitation) finds the account and calls `admit`; whether it may sign in, and whether a
second factor is still owed, is decided here alone, so that no way in skips it.
"""

from collections.abc import Mapping
from typing import Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import DateTime, Uuid, bindparam, insert, update

from kernel import clock
from kernel.db import Db
from kernel.errors import DomainError
from kernel.identity import SessionState
from plugins.auth import mfa_tokens
from plugins.auth.actions.sessions import Tokens, agent_of, open_session
from plugins.auth.errors import AccountInactive, AccountSuspended, BadCredentials, EmailNotVerified
from plugins.auth.queries import second_factors, sessions, users
from plugins.auth.queries.sessions import Standing
from plugins.auth.schemas.sessions import Method, MfaRequired
from plugins.auth.schemas.users import UserDetails
from plugins.auth.settings import SETTINGS, AuthSettings
from plugins.auth.tables import FailedLogin, User

Refusal = Literal[
    "unknown_user",
    "wrong_password",
    "wrong_code",
    "passkey_refused",
    "passkey_copied",
    "suspended",
    "inactive",
    "email_not_verified",
]
_REFUSALS: Mapping[Refusal, type[DomainError]] = {
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
    .returning(User.role, User.is_operator)
)


class SignedIn(Struct, frozen=True):
    """Somebody who is in, with the tokens of a new session."""

    user: UserDetails
    tokens: Tokens
    owes_second_factor: bool
    """The session can do nothing until a second factor is set up."""


class _Admitted(Struct, frozen=True):
    role: str
    is_operator: bool


async def admit(db: Db, user_id: UUID, *, method: Method) -> SignedIn | MfaRequired:
    """Let in whoever has proved to be this user, or say what they still owe.

    Args:
        db: No slow work may follow in its transaction.
        user_id: Who.
        method: How they proved it.

    Raises:
        AccountSuspended: And its like; the refusal is kept.
        BadCredentials: The account went or was closed meanwhile.
    """
    account = await standing_of(db, user_id)
    _check_standing(db, account)
    factors = await second_factors.factors_of(db, user_id)
    if factors.any:
        token = mfa_tokens.issue(db, account, method)
        return MfaRequired(mfa_token=token, methods=factors.methods, expires_in=mfa_tokens.TTL_S)
    return await _open(db, user_id, method, second_factor=False)


async def admit_with_second_factor(db: Db, user_id: UUID, *, method: Method) -> SignedIn:
    """Let in whoever has proved both factors.

    Raises:
        AccountSuspended: And its like; the refusal is kept.
        BadCredentials: The account went or was closed meanwhile.
    """
    _check_standing(db, await standing_of(db, user_id))
    return await _open(db, user_id, method, second_factor=True)


async def _open(db: Db, user_id: UUID, method: Method, *, second_factor: bool) -> SignedIn:
    # The status is asked again by the statement itself: it may have changed since.
    who = await db.row(_Admitted, _NOTE_LOGIN, user=user_id, now=clock.now())
    if who is None:
        raise BadCredentials
    # That statement waited for whoever was setting a second factor up, so only now it is sure that none is owed.
    if not second_factor and (await second_factors.factors_of(db, user_id)).any:
        raise BadCredentials
    state = SessionState(user_id, who.role, is_operator=who.is_operator, second_factor=second_factor)
    wanted = db.tenant.setting(SETTINGS, AuthSettings).mfa_required_for
    return SignedIn(
        user=await users.user_details(db, user_id),
        tokens=await open_session(db, state, method=method),
        owes_second_factor=not second_factor and who.role in wanted,
    )


async def standing_of(db: Db, user_id: UUID) -> Standing:
    """Return whether an account may sign in.

    Raises:
        BadCredentials: It is gone.
    """
    account = await sessions.standing(db, user_id)
    if account is None:
        raise BadCredentials
    return account


def _check_standing(db: Db, account: Standing) -> None:
    reason: Refusal | None = None if account.status == "active" else account.status
    must_verify = db.tenant.setting(SETTINGS, AuthSettings).require_verified_email
    if reason is None and must_verify and not account.email_verified:
        reason = "email_not_verified"
    if reason is not None:
        record_failure(db, account.id, reason)
        raise _REFUSALS[reason]


def record_failure(db: Db, user_id: UUID | None, reason: Refusal) -> None:
    """Keep a refused sign-in, although the refusal rolls everything else back."""
    db.record_always(_INSERT_FAILURE, user_id=user_id, reason=reason, address=db.origin.address, agent=agent_of(db))
