"""Proving again who one is, before mail, password or second factor change (rule 25 of the security design)."""

from datetime import timedelta

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from plugins.auth import passwords
from plugins.auth.actions.admission import record_failure
from plugins.auth.actions.tries import count_try
from plugins.auth.errors import SignInAgain, WrongPassword
from plugins.auth.queries import sessions

FRESH = timedelta(minutes=10)
"""How long a sign-in counts as proof for an account that has no password."""


async def confirm_password(db: Db, actor: Actor, password: str | None) -> None:
    """Refuse unless the actor proves again who they are: by password, or, without one, by a fresh sign-in.

    Nothing may have been written before in this transaction: its connection is given back while the password is
    hashed. The route counts the caller's address with `opt=limited("login")`; the account is counted here.

    Raises:
        WrongPassword: It is not the account's password, or none was sent.
        SignInAgain: The account has no password and this session was opened more than ten minutes ago.
        RateLimited: Too many tries for this account.
        PasswordsBusy: Too many passwords wait to be hashed.
    """
    account = await sessions.credentials_by_id(db, actor.id)
    stored = account.stored_password
    if stored is None:
        await _check_fresh(db, actor)
        return
    await db.release()
    if password is None:
        raise WrongPassword
    await count_try(db, account.email, "password")
    if not await passwords.is_password(db, password, stored):
        record_failure(db, actor.id, "wrong_password")
        raise WrongPassword


async def _check_fresh(db: Db, actor: Actor) -> None:
    opened_at = await sessions.opened_at(db, actor.session_id) if actor.session_id else None
    if opened_at is None or opened_at <= clock.now() - FRESH:
        raise SignInAgain
